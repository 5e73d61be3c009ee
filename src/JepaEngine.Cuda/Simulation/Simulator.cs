using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using JepaEngine.Cuda.Compile;
using JepaEngine.Cuda.Driver;
using JepaEngine.Cuda.Loading;

namespace JepaEngine.Cuda.Simulation;

/// <summary>
/// The CUDA simulator: a library with the driver's interface, made of <c>kernels/simulator</c> by the system's C++ compiler when it is first needed.
/// </summary>
internal static class Simulator
{
    /// <summary>
    /// Names how many multiprocessors the device has: on a GPU's number, sums and products are cut as there.
    /// </summary>
    public const string Variable = "JEPA_SIMULATOR";

    /// <summary>Few, so that loops over tiles take several turns; and more than any GPU has.</summary>
    private const int FewMultiprocessors = 4, MostMultiprocessors = 1024;

    /// <summary>
    /// Held while a context is opened, which reads the number then and not again: the library has one for the process.
    /// </summary>
    public static readonly Lock Opening = new();

    private static readonly string[] Options =
        ["-std=c++20", "-O2", "-g1", "-fPIC", "-shared", "-fvisibility=hidden", "-fno-exceptions", "-ffp-contract=off", .. HostCompiler.Processor];

    private static readonly Lock Building = new();

    // Where no folder of the user's can keep the library: of this process alone.
    private static readonly Lazy<BuildFolder> Own = new(() =>
    {
        var folder = new BuildFolder();
        AppDomain.CurrentDomain.ProcessExit += (_, _) => folder.Dispose();
        return folder;
    });

    /// <summary>The number of multiprocessors that <see cref="Variable"/> asks for; 4 where it is not set.</summary>
    /// <exception cref="CudaException">It is no such number.</exception>
    public static int Multiprocessors(string? text) => string.IsNullOrEmpty(text) ? FewMultiprocessors
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int count)
            && count is >= 1 and <= MostMultiprocessors ? count
        : throw new CudaException(
            $"the simulator cannot be opened: {Variable} is '{text}', and its device cannot have so many "
            + $"multiprocessors; set it to a number from 1 to {MostMultiprocessors}, "
            + $"or unset it for {FewMultiprocessors}");

    /// <summary>
    /// The path of <c>libjepa_simulator.so</c>, which is built once for each state of its sources, its options and the
    /// compiler, and anew where it is damaged; once a process where the kernel cache cannot be used.
    /// </summary>
    /// <exception cref="CudaException">There is no C++ compiler (the message says what to install), or it reports errors.</exception>
    /// <exception cref="IOException">The temporary folder cannot be written.</exception>
    public static string Library()
    {
        HostCompiler compiler = HostCompiler.Find();
        KernelFiles files = KernelFiles.Default;
        (string Name, string Text)[] sources = [.. files.Names().Where(IsSource).Order(StringComparer.Ordinal).Select(name => (name, files.Read(name)))];
        string name = $"libjepa_simulator-{Hash(compiler, sources)}.so";
        lock (Building)
        {
            string? folder = KernelCache.DefaultFolder();
            if (folder is not null && PrivateFolder.Fault(folder) is null && SealedFile.Read(Path.Combine(folder, name)) is not null)
                return Path.Combine(folder, name);
            string library = Path.Combine(KernelCache.Fault(folder) is null ? folder! : Own.Value.Path, name);
            if (!File.Exists(library) || SealedFile.Read(library) is null)
                Build(compiler, sources, library);
            return library;
        }
    }

    /// <summary>Makes a shared library of a kernel file.</summary>
    /// <exception cref="CudaException">There is no C++ compiler; the message says what to install.</exception>
    public static IKernelCompiler Compiler() => new SimulatorCompiler(HostCompiler.Find(), KernelFiles.Default);

    private static bool IsSource(string name) =>
        name is "include/numeric.cuh" || (name.StartsWith("simulator/", StringComparison.Ordinal) && Path.GetExtension(name) is ".cpp" or ".h");

    private static string Hash(HostCompiler compiler, (string Name, string Text)[] sources)
    {
        string all = $"{compiler.Version}\n{string.Join(' ', Options)}\n{string.Join('\0', sources.Select(source => $"{source.Name}\0{source.Text}"))}";
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(all)))[..16];
    }

    private static void Build(HostCompiler compiler, (string Name, string Text)[] sources, string library)
    {
        using var folder = new BuildFolder();
        foreach ((string name, string text) in sources)
            folder.Write(name, text);
        string made = folder.File("libjepa_simulator.so");
        IEnumerable<string> units = sources.Where(source => source.Name.EndsWith(".cpp", StringComparison.Ordinal)).Select(source => folder.File(source.Name));
        if (!compiler.Run(folder, [.. Options, "-o", made, .. units, "-lm", "-ldl"], out string log))
            throw new CudaException($"the CUDA simulator does not compile with {compiler.Version}:\n{log.Replace(folder.Path + "/", "").Trim()}");
        SealedFile.Write(library, File.ReadAllBytes(made));
    }
}
