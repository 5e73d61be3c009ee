using System.Text.RegularExpressions;
using JepaEngine.Cuda.Compile;
using JepaEngine.Cuda.Context;
using JepaEngine.Cuda.Driver;

namespace JepaEngine.Cli.Commands;

/// <summary><c>jepa kernels</c>: compiles kernels before they are needed, and says what each takes of a
/// multiprocessor.</summary>
internal static partial class KernelsCommand
{
    public static Command Create()
    {
        var names = new Argument<string[]>("FILE")
        {
            Description = "Kernel files, as gemm; all where none is named", Arity = ArgumentArity.ZeroOrMore,
        };
        var compile = new Option<bool>("--compile")
        {
            Description = "Compile what the cache does not hold; without it only what it holds is shown",
        };
        var arch = new Option<string?>("--arch")
        {
            Description = "Architectures, with commas between; by default that of cuda:0, or where there is none "
                + string.Join(',', KernelCatalog.Architectures),
        };
        var jobs = new Option<int>("--jobs")
        {
            Description = "Compilations at a time; by default one a core",
            DefaultValueFactory = _ => Environment.ProcessorCount,
        };
        var table = new Option<string?>("--table")
        {
            Description = "Table of registers to compare with (kernels/resources.txt, where it is there)",
        };
        var json = CommonOptions.Json();
        Command command = CommandLine.Verb("kernels",
            "Compiles CUDA kernels into the cache, in parallel, and shows registers, shared memory, spills and "
                + "warnings of each; exit code 1 where one does not compile or spills.",
            "jepa kernels gemm --compile --arch sm_90a", names, compile, arch, jobs, table, json);
        command.SetAction((parsed, cancellation) =>
        {
            string[] architectures = Architectures(parsed.GetValue(arch));
            int most = parsed.GetValue(compile) ? CommonOptions.Positive(parsed, jobs) : 0;
            ResourceTable? known = Table(parsed.GetValue(table));
            string[] wanted = parsed.GetValue(names)!;
            var output = new Output(parsed.GetValue(json));
            return Interruptible.Run(() => Run(wanted, architectures, most, known, output), cancellation);
        });
        return command;
    }

    private static int Run(string[] names, string[] architectures, int jobs, ResourceTable? record, Output output)
    {
        CudaProbe probe = CudaProbe.Run();
        if (probe.NvrtcFault is { } missing)
            throw new CudaException(missing, CudaResult.NoDevice);
        KernelFiles files = KernelFiles.Default;
        IReadOnlyList<KernelSource> sources = Sources(names, files);
        string? folder = KernelCache.DefaultFolder();
        string compiler = $"NVRTC {probe.NvrtcVersion}";
        output.Line($"kernels   {files.Description}");
        output.Line($"compiler  {compiler}, {probe.Nvrtc.File.Path}");
        output.Line($"cache     {KernelCache.Fault(folder) ?? folder}");
        output.Line();
        var clock = Stopwatch.StartNew();
        IReadOnlyList<KernelBuild> builds =
            KernelBuild.All(probe.Nvrtc, files, sources, architectures, folder, jobs, output.Line, Tell);
        TimeSpan took = clock.Elapsed;
        var table = new KernelTable(builds, record);
        table.Write(compiler, output);
        if (jobs > 0)
            output.Line($"{took.TotalSeconds:0.0} s, {jobs} at a time.");
        return table.Fails ? ExitCode.CheckFailed : ExitCode.Ok;

        void Tell(KernelBuild build)
        {
            foreach (JsonObject line in KernelTable.Records(build, compiler))
                output.Record(line.ToJsonString());
        }
    }

    private static IReadOnlyList<KernelSource> Sources(string[] names, KernelFiles files)
    {
        IReadOnlyList<KernelSource> all = KernelCatalog.Sources(files);
        string[] known = [.. all.Select(source => source.File).Distinct()];
        return names.FirstOrDefault(name => !known.Contains(name)) is { } wrong
            ? throw new UsageException($"no kernel file is called '{wrong}'; there are {string.Join(", ", known)}")
            : [.. all.Where(source => names.Length == 0 || names.Contains(source.File))];
    }

    private static string[] Architectures(string? named)
    {
        if (CommandLine.List(named) is not { Length: > 0 } list)
            return CudaProbe.Run() is { DriverFault: null, Devices: [CudaDeviceInfo device, ..] }
                ? [device.Architecture] : [.. KernelCatalog.Architectures];
        return list.FirstOrDefault(name => !Architecture().IsMatch(name)) is { } wrong
            ? throw new UsageException($"--arch names '{wrong}'; an architecture is written as sm_80 or sm_90a")
            : list;
    }

    /// <summary>The table to compare with; none where none is named and the usual one is not there.</summary>
    private static ResourceTable? Table(string? named)
    {
        string path = named ?? Path.Combine("kernels", "resources.txt");
        try
        {
            return named is null && !File.Exists(path) ? null : ResourceTable.Read(path);
        }
        catch (FormatException fault)
        {
            throw new BadFileException(path, fault.Message);
        }
    }

    [GeneratedRegex(@"^sm_\d+[af]?$")]
    private static partial Regex Architecture();
}
