using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using JepaEngine.Backends;
using JepaEngine.Jepa.Benchmarking;
using JepaEngine.Jepa.Data;
using JepaEngine.Jepa.Environments;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Planning;
using JepaEngine.Jepa.Training;
using JepaEngine.Memory;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Benchmarks;

/// <summary>
/// The work of <c>benchmarks/peers/bench_lewm.py</c> under the same names, through the API a user has: median seconds after a warm-up, beside the peer's
/// where a file of its lines is given.
/// </summary>
internal static class PeerBenchmark
{
    /// <summary>Measures, prints a Markdown table, and writes all lines to a file if one is named.</summary>
    public static void Run(string? peerFile, string? resultFile)
    {
        Dictionary<(string Name, int Threads), double> peer = peerFile is null ? [] : ReadPeer(peerFile);
        var lines = new List<string>();
        Console.WriteLine("| work | threads | JepaEngine | PyTorch | ratio |");
        Console.WriteLine("|---|--:|--:|--:|--:|");
        foreach ((string name, int threads, double seconds) in Measure())
        {
            string other = peer.TryGetValue((name, threads), out double reference) ? $"{Show(reference)} | {reference / seconds:0.00}x" : "- | -";
            Console.WriteLine($"| {name} | {threads} | {Show(seconds)} | {other} |");
            lines.Add(Line(name, threads, seconds, "JepaEngine"));
        }
        if (resultFile is not null)
            File.WriteAllLines(resultFile, [Machine(), .. lines, .. peer.Select(p => Line(p.Key.Name, p.Key.Threads, p.Value, "PyTorch"))]);
    }

    private static IEnumerable<(string Name, int Threads, double Seconds)> Measure()
    {
        foreach ((string name, Func<Device, Action<TensorScope>> prepare) in Operations())
            foreach (int threads in (int[])[1, 2])
            {
                Device device = Device.Cpu with { Threads = threads };
                Action<TensorScope> run = prepare(device);
                yield return (name, threads, Median(21, () =>
                {
                    using var scope = new TensorScope(device);
                    run(scope);
                }));
            }
        Device both = Device.Cpu with { Threads = 2 };
        yield return ("demo training step, 64 x 4 frames", 2, TrainingStep(LeWorldModelConfig.Demo, TrainOptions.Demo, both, warmup: 40, repeats: 41));
        yield return ("demo plan, 256 x 4 x 14", 2, Plan(LeWorldModelConfig.Demo, LatentPlannerOptions.Demo, both, warmup: 8, repeats: 21));
        yield return ("demo plan, 256 x 4 x 14", 1,
            Plan(LeWorldModelConfig.Demo, LatentPlannerOptions.Demo, Device.Cpu with { Threads = 1 }, warmup: 8, repeats: 21));
        yield return ("lewm training step, 8 x 4 frames", 2,
            TrainingStep(LeWorldModelConfig.Published, TrainOptions.Published with { Batch = 8 }, both, warmup: 2, repeats: 5));
        yield return ("lewm plan, 300 x 30 x 5", 2, Plan(LeWorldModelConfig.Published, LatentPlannerOptions.Published, both, warmup: 1, repeats: 3));
    }

    /// <summary>Inputs live as long as the process; each run makes its result in a scope of its own.</summary>
    private static IEnumerable<(string, Func<Device, Action<TensorScope>>)> Operations()
    {
        yield return ("layernorm 2048x1024", device =>
        {
            Tensor x = Random(device, 2048, 1024), weight = Random(device, 1024), bias = Random(device, 1024);
            return scope => scope.Use(x).LayerNorm(weight, bias, 1e-5);
        });
        yield return ("gelu 2048x4096", device =>
        {
            Tensor x = Random(device, 2048, 4096);
            return scope => scope.Use(x).Gelu();
        });
        yield return ("adamw 10M", device =>
        {
            Tensor p = Random(device, 10_000_000), g = Random(device, 10_000_000), m = Random(device, 10_000_000), v = Random(device, 10_000_000);
            var numbers = new TensorScope(device, "numbers");
            Tensor step = numbers.Empty([AdamWStep.Length], DType.F64), norm = numbers.Full([], 1, DType.F64);
            Backend.For(device).Upload<AdamWStep>([AdamWStep.Of(10, 1e-4, 0.9, 0.999, 1e-8, 1e-3)], step.Operand);
            return _ => Backend.For(device).AdamW(new AdamWArena(p.Operand, g.Operand, m.Operand, v.Operand, norm.Operand), step.Operand);
        });
        foreach ((int rows, int inner, int outer) in ((int, int, int)[])[(784, 384, 384), (1568, 1536, 384), (1024, 1024, 1024)])
        {
            yield return ($"linear {rows}x{inner}x{outer}", device =>
            {
                Tensor x = Random(device, rows, inner), weight = Random(device, outer, inner), bias = Random(device, outer);
                return scope => scope.Use(x).Linear(weight, bias);
            });
        }
        yield return ("attention 16x64, 2048 tokens", device =>
        {
            Tensor q = Random(device, 1, 2048, 16, 64), k = Random(device, 1, 2048, 16, 64), v = Random(device, 1, 2048, 16, 64);
            return scope => scope.Use(q).Attention(k, v);
        });
    }

    private static Tensor Random(Device device, params ReadOnlySpan<int> shape) =>
        new TensorScope(device, "inputs").RandomUniform(new Shape(shape), new PhiloxKey(1), -1, 1);

    private static double TrainingStep(LeWorldModelConfig config, TrainOptions options, Device device, int warmup, int repeats)
    {
        string path = Path.Combine(Path.GetTempPath(), $"jepa-benchmark-{Environment.ProcessId}.jepa");
        var world = new TwoRoom(config.ImageSize);
        EpisodeRecorder.Record(path, world, random => new HeldRandomPolicy(world, random), 100, 60, new PhiloxKey(1));
        using EpisodeFile episodes = EpisodeFile.Open(path);
        using var model = new LeWorldModel(config);
        model.Allocate(device, 0);
        using var trainer = new Trainer(model, new WindowSampler(episodes, world, options.Frames, options.FrameSkip), options);
        for (int i = 0; i < warmup; i++)
            trainer.Advance();
        double seconds = Median(repeats, () => trainer.Advance(), warm: 0);
        File.Delete(path);
        return seconds;
    }

    private static double Plan(LeWorldModelConfig config, LatentPlannerOptions options, Device device, int warmup, int repeats)
    {
        using var model = new LeWorldModel(config);
        model.Allocate(device, 0);
        using var planner = new LatentPlanner(model, options);
        byte[] frames = new byte[2 * config.ImageSize * config.ImageSize * 3];
        new Random(1).NextBytes(frames);
        float[] plan = new float[options.Cem.Horizon * options.Cem.ActionSize], cost = new float[1];
        ulong run = 0;
        void Once()
        {
            using var scope = new TensorScope(device);
            Tensor both = planner.Encode(scope, frames);
            Array.Clear(plan);
            planner.Plan(both.Slice(0, 0, 1), both.Slice(0, 1, 1), [new PhiloxKey(run++)], plan, cost);
        }
        for (int i = 0; i < warmup; i++)
            Once();
        return Median(repeats, Once, warm: 0);
    }

    /// <summary>Median seconds after so many runs to warm up: the default is past the JIT's tiers, thirty calls and a pause in which it compiles.</summary>
    public static double Median(int repeats, Action run, int warm = 40)
    {
        for (int i = 0; i < warm; i++)
        {
            run();
            if (i == 32)
                Thread.Sleep(200);
        }
        double[] seconds = new double[repeats];
        for (int i = 0; i < repeats; i++)
        {
            long start = Stopwatch.GetTimestamp();
            run();
            seconds[i] = Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
        Array.Sort(seconds);
        return seconds[repeats / 2];
    }

    public static string Show(double seconds) => seconds >= 1 ? $"{seconds:0.00} s" : $"{1e3 * seconds:0.00} ms";

    public static string Line(string name, int threads, double seconds, string engine) => new JsonObject
    {
        ["name"] = name,
        ["threads"] = threads,
        ["seconds"] = seconds,
        ["engine"] = engine,
    }.ToJsonString();

    public static string Machine() => new JsonObject
    {
        ["machine"] = Backend.For(Device.Cpu).Description,
        ["fmaPeakGflopsOneThread"] = Enumerable.Range(0, 200).Max(_ => CpuPeak.Gflops()),
        ["runtime"] = System.Runtime.InteropServices.RuntimeInformation.FrameworkDescription,
        ["date"] = DateTime.UtcNow.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
    }.ToJsonString();

    public static Dictionary<(string, int), double> ReadPeer(string path)
    {
        var peer = new Dictionary<(string, int), double>();
        foreach (string line in File.ReadLines(path).Where(line => line.Length > 0))
        {
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement root = document.RootElement;
            string name = root.GetProperty("name").GetString()!;
            int threads = root.GetProperty("threads").GetInt32();
            double seconds = root.GetProperty("seconds").GetDouble();
            // The peer's faster AdamW is the one to beat.
            peer[(name == "adamw 10M fused" ? "adamw 10M" : name, threads)] = seconds;
        }
        return peer;
    }
}
