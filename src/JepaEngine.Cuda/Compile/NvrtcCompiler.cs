using JepaEngine.Cuda.Driver;

namespace JepaEngine.Cuda.Compile;

/// <summary>Compiles kernels with NVRTC to a cubin of one architecture.</summary>
internal sealed class NvrtcCompiler : IKernelCompiler
{
    // Functions without an annotation are the device's; the assembler reports registers and spills in the log. Lines
    // let compute-sanitizer and ncu name the source: the instructions stay the same, a cubin is three times as large.
    private static readonly string[] Options =
        ["--std=c++17", "-default-device", "--extra-device-vectorization", "--ptxas-options=-v", "-lineinfo"];

    private readonly NvrtcLibrary library;
    private readonly string architecture;

    /// <param name="library">The compiler.</param>
    /// <param name="architecture">As <c>sm_80</c> or <c>sm_90a</c>.</param>
    public NvrtcCompiler(NvrtcLibrary library, string architecture)
    {
        this.library = library;
        this.architecture = architecture;
        Name = $"NVRTC {library.Version}";
        Identity = $"nvrtc {library.Version} {architecture} {string.Join(' ', Options)}";
    }

    public string Name { get; }

    public string Identity { get; }

    public IReadOnlyList<string> IncludeFolders { get; } = ["include"];

    public CompiledKernel Compile(KernelSource source, KernelFiles files)
    {
        string[] options = [$"--gpu-architecture={architecture}", .. Options, .. source.Defines];
        byte[]? image = library.Compile(files.Closure(source.Path, IncludeFolders), options, out string log);
        return image is null
            ? throw new CudaException($"kernels/{source.Path} ({source}, {architecture}, {files.Description}) does not compile:\n{log.Trim()}", api: "nvrtcCompileProgram", kernel: source.ToString())
            : new(image, log);
    }
}
