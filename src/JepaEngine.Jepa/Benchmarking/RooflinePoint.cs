using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace JepaEngine.Jepa.Benchmarking;

/// <summary>A measurement beside the limits of its machine. FLOPs and bytes are analytic, time and limits measured in one run.</summary>
public sealed record RooflinePoint
{
    /// <summary>The share of either limit below which it does not bound: time passes in which both wait.</summary>
    public const double Near = 0.3;

    private readonly BenchRecord record;

    /// <param name="record">The measurement.</param>
    /// <param name="number">Its place in the table and the picture, from 1.</param>
    /// <param name="total">Milliseconds of all the points it is one of.</param>
    internal RooflinePoint(BenchRecord record, int number, double total)
    {
        this.record = record;
        Number = number;
        if (record.IsSimulated)
            return;
        Milliseconds = record.P50;
        Share = total > 0 ? record.P50 / total : null;
        OfCompute = Part(record.Gflops, record.PeakGflops);
        OfBandwidth = Part(record.Gigabytes, record.PeakGigabytes);
    }

    /// <summary>Its place, by time, from 1.</summary>
    public int Number { get; }

    /// <inheritdoc cref="BenchRecord.Case"/>
    public string Case => record.Case;

    /// <inheritdoc cref="BenchRecord.Pass"/>
    public string Pass => record.Pass;

    /// <inheritdoc cref="BenchRecord.Device"/>
    public string Device => record.Device;

    /// <inheritdoc cref="BenchRecord.DType"/>
    [JsonPropertyName("dtype")]
    public string DType => record.DType;

    /// <inheritdoc cref="BenchRecord.Threads"/>
    public int Threads => record.Threads;

    /// <summary>Median; null in the simulator.</summary>
    public double? Milliseconds { get; }

    /// <summary>Of the time of all points of the roofline, each called once: from 0 to 1.</summary>
    public double? Share { get; }

    /// <inheritdoc cref="BenchRecord.Flops"/>
    public double Flops => record.Flops;

    /// <inheritdoc cref="BenchRecord.Bytes"/>
    public double Bytes => record.Bytes;

    /// <summary>FLOPs a byte; null where either is not counted.</summary>
    public double? Intensity => Flops > 0 && Bytes > 0 ? Flops / Bytes : null;

    /// <summary>GFLOP/s of the median; null where they are not counted or the time means nothing.</summary>
    public double? Gflops => Milliseconds > 0 && Flops > 0 ? record.Gflops : null;

    /// <summary>Of the most GFLOP/s of the same run.</summary>
    public double? OfCompute { get; }

    /// <summary>Of a copy's GB/s of the same run; above 1 where operands stay in a cache.</summary>
    public double? OfBandwidth { get; }

    /// <inheritdoc cref="BenchRecord.Launches"/>
    public long? Launches => record.Launches;

    /// <summary>
    /// The limit it is nearer to, where that is within <see cref="Near"/>. Below it neither bounds; where bytes are not counted, though, memory may.
    /// </summary>
    public RooflineBound Bound => (OfCompute, OfBandwidth) switch
    {
        (null, null) => RooflineBound.Unknown,
        ({ } compute, null) => compute >= Near ? RooflineBound.Compute : RooflineBound.Unknown,
        _ when Math.Max(OfCompute ?? 0, OfBandwidth.Value) < Near => RooflineBound.Latency,
        _ => OfCompute > OfBandwidth ? RooflineBound.Compute : RooflineBound.Memory,
    };

    /// <summary>The share of its roof: of the limit it is nearer to.</summary>
    public double? OfRoof => OfCompute > OfBandwidth || OfBandwidth is null ? OfCompute : OfBandwidth;

    /// <summary>What to try.</summary>
    public string Try => RooflineAdvice.For(this);

    /// <summary>The point as a line of JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, RooflineJson.Lines.RooflinePoint);

    private static double? Part(double rate, double limit) => rate > 0 && double.IsFinite(rate) && limit > 0 ? rate / limit : null;
}

[JsonSerializable(typeof(RooflinePoint))]
internal sealed partial class RooflineJson : JsonSerializerContext
{
    public static RooflineJson Lines { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
