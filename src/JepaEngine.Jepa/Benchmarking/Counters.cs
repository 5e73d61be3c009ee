using System.Diagnostics;
using System.Runtime;
using JepaEngine.Backends;
using JepaEngine.Cuda.Compile;
using JepaEngine.Cuda.Driver;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Planning;
using JepaEngine.Jepa.Training;

namespace JepaEngine.Jepa.Benchmarking;

/// <summary>Counts what a training step, an encoder and a plan cost in what every machine counts alike, on models small enough for the simulator.</summary>
public static class Counters
{
    /// <summary>
    /// Runs before bytes are counted, and how long no method may have been compiled before: lists have their size, and code is as it stays. What is called often
    /// is compiled anew in the background, 100 ms after the last new method or, on a busy machine, later; that saves 72 of an encoder's 16,352 bytes.
    /// </summary>
    private const int Settled = 60;

    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(1.5);

    /// <summary>Runs of which the least counts: a collection on another thread adds what was left of this thread's buffer.</summary>
    private const int Tries = 60;

    private static readonly LeWorldModelConfig Small = LeWorldModelConfig.Demo with
    {
        ImageSize = 28, EncoderWidth = 24, EncoderDepth = 2, EncoderMlp = 32, EmbeddingWidth = 16, ProjectorHidden = 24, PredictorMlp = 24,
    };

    private static readonly JepaConfig Clips = new()
    {
        Family = VJepa2.Family, Encoder = new VitSize(48, 2, 2, 96), ImageSize = 32,
    };

    private static readonly LatentPlannerOptions Search = LatentPlannerOptions.Demo with { Cem = CemOptions.Demo with { Candidates = 12, Elites = 3, Iterations = 3 } };

    /// <summary>
    /// Managed bytes of a run and the most bytes of tensors ever rented, <c>cpu.*</c>: of an encoder's forward pass, then of a step of the demo's training, which needs
    /// more. One thread and AVX2, since the kernels' own buffers depend on both. Count in a process that has rented nothing else.
    /// </summary>
    /// <exception cref="PlatformNotSupportedException">The processor has no AVX2.</exception>
    public static void CountHost(CounterTable into)
    {
        Device device = Device.Cpu.With(isa: CpuIsa.Avx2, threads: 1);
        Count("encode", () => new EncodeWork(device, Clips, 2));
        Count("train-step", () => new TrainWork(device, LeWorldModelConfig.Demo, TrainOptions.Demo with { Batch = 4, Slices = 64 }));

        void Count(string name, Func<BenchWork> prepare)
        {
            using BenchWork work = prepare();
            Settle(work);
            long least = long.MaxValue;
            for (int i = 0; i < Tries; i++)
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                work.Run();
                least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
            }
            into.Values[$"cpu.{name}.managed-bytes"] = least;
            into.Values[$"cpu.{name}.arena-peak-bytes"] = device.Allocator.Report().Peak;
        }
    }

    private static void Settle(BenchWork work)
    {
        var clock = Stopwatch.StartNew();
        long compiled = 0;
        for (int i = 0; i < Settled || clock.Elapsed < Settling; i++)
        {
            work.Run();
            if (JitInfo.GetCompiledMethodCount() is var now && now != compiled)
            {
                compiled = now;
                clock.Restart();
            }
        }
    }

    /// <summary>
    /// Launches and bytes moved on the simulator, <c>sim.*</c>: the same as on a GPU. A plan's first run clears the search's memory and does one iteration more than a
    /// later one, kernel by kernel, to record it: that difference is what an iteration costs.
    /// </summary>
    /// <exception cref="CudaException">The simulator does not run here.</exception>
    public static void CountSimulator(CounterTable into)
    {
        Device device = Device.Simulator;
        Backend backend = device.Backend;
        using (var work = new EncodeWork(device, Clips, 2))
        {
            work.Run();
            Add("encode", Count(work));
        }
        using (var work = new TrainWork(device, Small, TrainOptions.Demo with { Batch = 2, Slices = 8 }))
        {
            work.Run();
            Add("train-step", Count(work));
        }
        using (var work = new PlanWork(device, Small, Search))
        {
            (long Launches, long Bytes) first = Count(work), later = Count(work);
            Add("plan", later);
            Add("plan-iteration", (first.Launches - later.Launches, first.Bytes - later.Bytes));
        }

        (long Launches, long Bytes) Count(BenchWork work)
        {
            (long launches, long bytes) = (backend.Launches, backend.BytesMoved);
            work.Run();
            return (backend.Launches - launches, backend.BytesMoved - bytes);
        }

        void Add(string name, (long Launches, long Bytes) count) =>
            (into.Values[$"sim.{name}.launches"], into.Values[$"sim.{name}.moved-bytes"]) = count;
    }

    /// <summary>Registers and spilled bytes of all compiled kernels together, <c>cubin.*</c>.</summary>
    /// <param name="path">kernels/resources.txt.</param>
    /// <param name="into">Where to.</param>
    /// <exception cref="BadFileException">It is no table of kernels.</exception>
    public static void CountKernels(string path, CounterTable into)
    {
        try
        {
            ICollection<KernelResources> kernels = [.. ResourceTable.Read(path).Rows.Values];
            into.Values["cubin.registers"] = kernels.Sum(kernel => (long)kernel.Registers);
            into.Values["cubin.spilled-bytes"] = kernels.Sum(kernel => (long)kernel.SpillBytes);
        }
        catch (FormatException fault)
        {
            throw new BadFileException(path, fault.Message);
        }
    }

    /// <summary>
    /// What each library of a package takes, <c>package.*.kibibytes</c>, up to the next 64 KiB: one more method is no growth, an embedded file or a generic type made
    /// for many others is.
    /// </summary>
    /// <param name="folder">Of a Release build.</param>
    /// <param name="into">Where to.</param>
    /// <exception cref="FileNotFoundException">A library is no file of its own there, as in a single-file publish.</exception>
    public static void CountPackages(string folder, CounterTable into)
    {
        const int Step = 64;
        foreach (string name in (ReadOnlySpan<string>)["JepaEngine.Cuda", "JepaEngine", "JepaEngine.Jepa"])
        {
            long kibibytes = (new FileInfo(Path.Combine(folder, name + ".dll")).Length + 1023) / 1024;
            into.Values[$"package.{name}.kibibytes"] = (kibibytes + Step - 1) / Step * Step;
        }
    }

    /// <summary>What the files of a published folder take together, <c>bundle.bytes</c>.</summary>
    /// <exception cref="IOException">There is no such folder.</exception>
    public static void CountBundle(string folder, CounterTable into) =>
        into.Values["bundle.bytes"] = new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);
}
