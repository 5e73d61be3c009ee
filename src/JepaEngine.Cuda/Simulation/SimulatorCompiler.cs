using JepaEngine.Cuda.Compile;
using JepaEngine.Cuda.Driver;

namespace JepaEngine.Cuda.Simulation;

/// <summary>
/// Compiles kernels for the simulator: the same files, by the system's C++ compiler, to a shared library whose every load and store calls the simulator.
/// </summary>
internal sealed class SimulatorCompiler : IKernelCompiler
{
    // Hooks at loads and stores, and at addresses that do not fit their type; products and sums rounded one by one, as written; lines for reports.
    private static readonly string[] Options =
    [
        "-std=c++17", "-O2", "-g1", "-fPIC", "-shared", "-nostdlib", "-fsanitize=thread", "-fsanitize=alignment",
        "--param", "tsan-instrument-func-entry-exit=0", "-ffp-contract=off", "-fno-math-errno", "-fno-strict-aliasing", "-fno-exceptions",
        "-fno-optimize-sibling-calls", "-fno-tree-loop-distribute-patterns", "-fno-plt", "-Wno-unknown-pragmas",
        "-DSIMULATOR", "-include", "language.h", .. HostCompiler.Processor,
    ];

    private readonly HostCompiler compiler;

    /// <param name="compiler">The system's.</param>
    /// <param name="files">The kernels, of which what all of them include takes part in <see cref="Identity"/>.</param>
    public SimulatorCompiler(HostCompiler compiler, KernelFiles files)
    {
        this.compiler = compiler;
        Name = compiler.Version;
        Identity = $"{compiler.Version} {string.Join(' ', Options)} {files.Hash("simulator/language.h", IncludeFolders)}";
    }

    public string Name { get; }

    public string Identity { get; }

    public IReadOnlyList<string> IncludeFolders { get; } = ["include", "simulator"];

    public CompiledKernel Compile(KernelSource source, KernelFiles files)
    {
        using var folder = new BuildFolder();
        folder.Write("language.h", files.Read("simulator/language.h"));
        foreach ((string name, string text) in files.Closure(source.Path, IncludeFolders))
            folder.Write(name, text);
        string image = folder.File("kernels.so");
        string[] inputs = ["-I", folder.Path, "-x", "c++", folder.File(source.Path), "-x", "none", "-lm", "-lc"];
        if (!compiler.Run(folder, [.. Options, .. source.Defines, "-o", image, .. inputs], out string log))
            throw new CudaException(
                $"kernels/{source.Path} ({source}, {files.Description}) does not compile for the simulator:\n{log.Replace(folder.Path + "/", "").Trim()}",
                kernel: source.ToString());
        return new(File.ReadAllBytes(image), log);
    }
}
