using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace JepaEngine.Jepa.Benchmarking;

/// <summary>What somebody else needed for the same work.</summary>
/// <param name="Engine">Who, as <c>PyTorch 2.14.1 eager</c>.</param>
/// <param name="P50">Median, milliseconds.</param>
public sealed record BenchReference(string Engine, double P50);

/// <summary>A measurement with every sample: one line of a results file. All tables are views of such lines; the peers' scripts write the same fields.</summary>
public sealed record BenchRecord : IValidated
{
    /// <summary>What was done, as <c>LayerNorm 2048x1024</c>.</summary>
    public required string Case { get; init; }

    /// <summary>Which part of it: <c>forward</c>, <c>backward</c>, <c>step</c>, <c>encode</c>, <c>plan</c>.</summary>
    public required string Pass { get; init; }

    /// <summary><c>cpu</c>, <c>cuda:0</c> or <c>sim</c>.</summary>
    public required string Device { get; init; }

    /// <summary><c>F32</c> or <c>BF16</c>.</summary>
    [JsonPropertyName("dtype")]
    public required string DType { get; init; }

    /// <summary>Of the processor; 0 on a GPU.</summary>
    public int Threads { get; init; }

    /// <summary>Who did it, as <c>JepaEngine</c>.</summary>
    public required string Engine { get; init; }

    /// <summary>Whether each sample found its operands in memory instead of in caches.</summary>
    public bool Cold { get; init; }

    /// <summary>Milliseconds in the order they were taken in; of the simulator they mean nothing.</summary>
    public required double[] Samples { get; init; }

    /// <summary>Visits the samples are of, equally many of each and one visit after the other; 0 where nobody tells.</summary>
    public int Rounds { get; init; }

    /// <summary>The comparison that it was measured in by turns with another build, whose record says the same; null where it was measured alone.</summary>
    public string? Turns { get; init; }

    /// <summary>Floating-point operations, analytic; 0 where nobody counts them.</summary>
    public double Flops { get; init; }

    /// <summary>Bytes that have to be moved, analytic; 0 where nobody counts them.</summary>
    public double Bytes { get; init; }

    /// <summary>The most GFLOP/s that were met in the same run; 0 where none was measured.</summary>
    public double PeakGflops { get; init; }

    /// <summary>What met them.</summary>
    public string? PeakOf { get; init; }

    /// <summary>The most GB/s a copy met in the same run.</summary>
    public double PeakGigabytes { get; init; }

    /// <summary>Managed bytes a call allocates.</summary>
    public long? Allocated { get; init; }

    /// <summary>Kernels a call launches.</summary>
    public long? Launches { get; init; }

    /// <summary>Bytes that the kernels of a call move, as their launchers reckon: with what one leaves for the next, without small operands.</summary>
    public long? Moved { get; init; }

    /// <summary>The same work by others, where it was at hand.</summary>
    public BenchReference[] References { get => field ?? []; init; }

    /// <summary>What it was measured on.</summary>
    public BenchMachine? Machine { get; init; }

    /// <summary>When the run began, UTC.</summary>
    public string? Utc { get; init; }

    /// <summary>Median, milliseconds.</summary>
    public double P50 => SampleStatistics.Quantile(Samples, 0.5);

    /// <summary>95th percentile, milliseconds.</summary>
    public double P95 => SampleStatistics.Quantile(Samples, 0.95);

    /// <summary>Fastest, milliseconds.</summary>
    public double Min => SampleStatistics.Quantile(Samples, 0);

    /// <summary>See <see cref="SampleStatistics.Noise"/>; null where it cannot be told.</summary>
    public double? Noise => SampleStatistics.Noise(Samples) is var noise && double.IsFinite(noise) ? noise : null;

    /// <summary>Whether the times mean nothing.</summary>
    [JsonIgnore]
    public bool IsSimulated => Device == "sim";

    /// <summary>A case's name, pass, device and dtype in words.</summary>
    [JsonIgnore]
    public string Label => LabelOf(Case, Pass, Device, Threads, DType);

    /// <summary>The device, and of a processor as <c>cpu x2</c> how many threads.</summary>
    [JsonIgnore]
    public string Where => WhereOf(Device, Threads);

    /// <summary>GFLOP/s of the median; 0 where they are not counted.</summary>
    public double Gflops => Flops / P50 * 1e-6;

    /// <summary>GB/s of the median; 0 where they are not counted.</summary>
    public double Gigabytes => Bytes / P50 * 1e-6;

    /// <summary>Whether, at its best, the work would wait for memory longer than for arithmetic.</summary>
    [JsonIgnore]
    public bool IsMemoryBound => Bytes > 0 && (Flops == 0 || Bytes * PeakGflops > Flops * PeakGigabytes);

    /// <summary>The share of the limit that bounds it, measured in the same run; null where there is none.</summary>
    public double? OfPeak => IsMemoryBound ? Share(Gigabytes, PeakGigabytes) : Share(Gflops, PeakGflops);

    /// <summary>The samples of a visit, from 0.</summary>
    internal double[] Round(int visit)
    {
        int each = Samples.Length / Rounds;
        return Samples[(visit * each)..((visit + 1) * each)];
    }

    /// <summary>The label of a row with these.</summary>
    internal static string LabelOf(string name, string pass, string device, int threads, string dtype) => $"{name} {pass} {WhereOf(device, threads)} {dtype}";

    /// <inheritdoc/>
    public void Validate()
    {
        var allowed = new Allowed("record");
        allowed.If(Samples.Length > 0 && Samples.All(sample => sample >= 0 && double.IsFinite(sample)),
            $"samples has {Samples.Length} numbers; it is 1 or more, each finite and not negative");
        allowed.Range(Rounds, 0, Samples.Length);
        allowed.If(Rounds == 0 || Samples.Length % Rounds == 0, $"{Samples.Length} samples do not "
            + $"divide into {Rounds} rounds");
        allowed.Range(Threads, 0, 1 << 20);
        foreach (double figure in (ReadOnlySpan<double>)[Flops, Bytes, PeakGflops, PeakGigabytes, Gflops, Gigabytes, OfPeak ?? 0, .. References.Select(other => other.P50)])
            allowed.If(figure >= 0 && double.IsFinite(figure), $"{figure} is no count, rate or time; each is "
                + $"finite and not negative");
    }

    /// <summary>The line.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, BenchJson.Lines.BenchRecord);

    private static string WhereOf(string device, int threads) => threads > 0 ? string.Create(CultureInfo.InvariantCulture, $"{device} x{threads}") : device;

    private static double? Share(double rate, double peak) => rate > 0 && peak > 0 ? rate / peak : null;
}

[JsonSerializable(typeof(BenchRecord))]
[JsonSerializable(typeof(ProofRecord))]
[JsonSerializable(typeof(RooflinePoint))]
internal sealed partial class BenchJson : JsonSerializerContext
{
    /// <summary>How lines are read and written. A + stays a +: they go into files, never into a page.</summary>
    public static BenchJson Lines { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
