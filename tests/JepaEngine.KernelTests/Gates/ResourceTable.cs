using JepaEngine.Cuda;

namespace JepaEngine.KernelTests.Gates;

/// <summary>kernels/resources.txt: a line for each kernel, configuration and architecture, which a change of code shows as a diff.</summary>
internal static class ResourceTable
{
    /// <summary>In the repository, which the tests run below.</summary>
    public static string Path { get; } = Find();

    public static string Header(string nvrtc) => $"# NVRTC {nvrtc}: kernel, file, tier, width, architecture; registers, static shared bytes, stack bytes, spilled bytes";

    public static IEnumerable<string> Lines(IEnumerable<KernelBuild> builds) =>
        (from build in builds
         from kernel in build.Kernels
         let source = build.Source
         orderby source.File, kernel.Entry, source.Real, source.Width, build.Architecture
         select $"{kernel.Entry} {source.File} {source.Real} {source.Width} {build.Architecture} {kernel.Registers} {kernel.SharedBytes} {kernel.StackBytes} {kernel.SpillBytes}");

    private static string Find()
    {
        for (string? folder = AppContext.BaseDirectory; folder is not null; folder = System.IO.Path.GetDirectoryName(folder))
            if (File.Exists(System.IO.Path.Combine(folder, "JepaEngine.sln")))
                return System.IO.Path.Combine(folder, "kernels", "resources.txt");
        throw new FileNotFoundException("these tests run below the repository");
    }
}
