using JepaEngine.Jepa.Benchmarking;
using JepaEngine.Jepa.Inference;
using JepaEngine.Jepa.Models;
using JepaEngine.Memory;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Benchmarks;

/// <summary>
/// Encoders of published size with random weights on the work of <c>benchmarks/peers/bench_models.py</c>, under the same names. The counted work is that of
/// the products and of attention, 2 operations a multiplication and addition.
/// </summary>
internal static class ModelBenchmark
{
    private static readonly (string Name, JepaConfig Config, int Frames, int Visible)[] Cases =
    [
        ("I-JEPA ViT-H/14, one 224 px picture", IJepa.Huge14, 1, 0),
        ("V-JEPA 2 ViT-L, 2 frames of 256 px", VJepa2.Large256, 2, 0),
        ("V-JEPA 2 ViT-L, 16 frames of 256 px", VJepa2.Large256, 16, 0),
        ("V-JEPA 2 ViT-L, 16 frames, 512 of 2048 tokens visible", VJepa2.Large256, 16, 512),
    ];

    /// <summary>Measures, prints a Markdown table, and writes all lines to a file if one is named.</summary>
    public static void Run(string? peerFile, string? resultFile)
    {
        Dictionary<(string Name, int Threads), double> peer = peerFile is null ? [] : PeerBenchmark.ReadPeer(peerFile);
        var lines = new List<string>();
        double peak = Enumerable.Range(0, 200).Max(_ => CpuPeak.Gflops());
        Console.WriteLine($"FMA peak of one thread: {peak:0} GFLOP/s");
        Console.WriteLine("| encoder | GFLOP | JepaEngine | GFLOP/s | of 2 peaks | memory / plan | PyTorch | ratio |");
        Console.WriteLine("|---|--:|--:|--:|--:|--:|--:|--:|");
        foreach ((string name, JepaConfig config, int frames, int visible) in Cases)
        {
            (double seconds, double memory, double gflop) = Measure(config with { Predictor = null }, frames, visible);
            double rate = gflop / seconds;
            string other = peer.TryGetValue((name, 2), out double reference) ? $"{PeerBenchmark.Show(reference)} | {reference / seconds:0.00}x" : "- | -";
            Console.WriteLine($"| {name} | {gflop:0} | {PeerBenchmark.Show(seconds)} | {rate:0} | {rate / (2 * peak):0 %} | {memory:0.00} | {other} |");
            lines.Add(PeerBenchmark.Line(name, 2, seconds, "JepaEngine"));
        }
        if (resultFile is not null)
            File.WriteAllLines(resultFile,
                [PeerBenchmark.Machine(), .. lines, .. peer.Select(p => PeerBenchmark.Line(p.Key.Name, p.Key.Threads, p.Value, "PyTorch"))]);
    }

    /// <summary>Median seconds of 5, what the allocator took from the system over the plan, and the work.</summary>
    private static (double Seconds, double Memory, double Gflop) Measure(JepaConfig config, int frames, int visible)
    {
        Device device = Device.Cpu with { Threads = 2 };
        using JepaModel model = JepaModel.Create(config);
        model.Allocate(device, seed: 1);
        Allocator allocator = Allocator.For(device);
        allocator.Trim();
        int side = config.ImageSize, tokens = Math.Max(1, frames / config.Tubelet) * config.Grid * config.Grid, seen = visible == 0 ? tokens : visible;
        using var scope = new TensorScope(device, "input");
        Tensor pixels = scope.RandomNormal(config.IsPicture ? [1, 3, side, side] : [1, frames, 3, side, side], new PhiloxKey(2));
        Tensor? ids = visible == 0 ? null : scope.FromRaw<long>([.. Enumerable.Range(0, visible).Select(i => (long)i * tokens / visible)], [1, visible]);
        long before = Held(allocator);
        double seconds = PeerBenchmark.Median(5, () =>
        {
            using var run = new TensorScope(device, "run");
            model.Encode(run.Use(pixels), ids);
        }, warm: 2);
        double memory = (Held(allocator) - before) / (double)MemoryPlan.Activations(config, 1, seen);
        return (seconds, memory, Gflop(config, seen));
    }

    private static double Gflop(JepaConfig config, long tokens)
    {
        VitSize size = config.Encoder;
        double block = 8.0 * size.Width * size.Width + 4.0 * size.Width * size.Mlp + 4.0 * tokens * size.Width;
        return 1e-9 * tokens * (size.Depth * block + 6.0 * config.Tubelet * config.Patch * config.Patch * size.Width);
    }

    private static long Held(Allocator allocator) => allocator.Report() is var report ? report.InUse + report.Cached : 0;
}
