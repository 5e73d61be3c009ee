using System.Text.Json;
using System.Text.Json.Serialization;
using JepaEngine.Backends.Profiling;

namespace JepaEngine.Jepa.Benchmarking;

/// <summary>
/// Work beside the limits of its machine: a case that was measured, or an operation of one. FLOPs and bytes are analytic, time and limits measured in one run.
/// </summary>
public sealed record RooflinePoint
{
    /// <summary>The share of either limit below which it does not bound: time passes in which both wait.</summary>
    public const double Near = 0.3;

    /// <summary>Its place in the table and the picture, by time, from 1; 0 for what has no dot of its own.</summary>
    public int Number { get; init; }

    /// <inheritdoc cref="BenchRecord.Case"/>
    public required string Case { get; init; }

    /// <inheritdoc cref="BenchRecord.Pass"/>
    public required string Pass { get; init; }

    /// <summary>Which operation of the case; null where it is all of it.</summary>
    public string? Operation { get; init; }

    /// <summary>With which operands, as <see cref="ProfiledOperation.Shape"/>.</summary>
    public string? Shape { get; init; }

    /// <inheritdoc cref="BenchRecord.Device"/>
    public required string Device { get; init; }

    /// <inheritdoc cref="BenchRecord.DType"/>
    [JsonPropertyName("dtype")]
    public required string DType { get; init; }

    /// <inheritdoc cref="BenchRecord.Threads"/>
    public int Threads { get; init; }

    /// <summary>How often the case calls it.</summary>
    public long Calls { get; init; } = 1;

    /// <summary>Of a call: of a case the median, of an operation the mean in the fastest run; null in the simulator.</summary>
    public double? Milliseconds { get; init; }

    /// <summary>Of the time of the run or, where the points are cases, of all of them, each called once: from 0 to 1.</summary>
    public double? Share { get; init; }

    /// <summary>Of a call.</summary>
    public double Flops { get; init; }

    /// <summary>Of a call.</summary>
    public double Bytes { get; init; }

    /// <summary>FLOPs a byte; null where either is not counted.</summary>
    public double? Intensity => Flops > 0 && Bytes > 0 ? Flops / Bytes : null;

    /// <summary>GFLOP/s; null where they are not counted or the time means nothing.</summary>
    public double? Gflops => Milliseconds > 0 && Flops > 0 ? Flops / Milliseconds * 1e-6 : null;

    /// <summary>Of the most GFLOP/s of the same run.</summary>
    public double? OfCompute => Part(Flops, PeakGflops);

    /// <summary>Of a copy's GB/s of the same run; above 1 where operands stay in a cache.</summary>
    public double? OfBandwidth => Part(Bytes, PeakGigabytes);

    /// <summary>Of a call; null on the processor.</summary>
    public long? Launches { get; init; }

    /// <summary>On a GPU: the kernels of an operation, over all calls.</summary>
    public IReadOnlyList<ProfiledKernel> Kernels { get; init; } = [];

    /// <summary>Registers a thread, of the kernel that has the most; null where no compiler of a GPU says.</summary>
    public int? Registers => Kernels.Max(kernel => kernel.Registers);

    /// <summary>Shared memory a block in bytes, of the kernel that has the most; null where there is none.</summary>
    public int? SharedBytes => Kernels.Max(kernel => (int?)kernel.SharedBytes);

    /// <summary>
    /// The limit it is nearer to, where that is within <see cref="Near"/>. Below it neither bounds; where bytes are not counted, though, memory may.
    /// </summary>
    public RooflineBound Bound => IsHost ? RooflineBound.Host : (OfCompute, OfBandwidth) switch
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

    /// <summary>Whether it is what passes between the operations of a run.</summary>
    [JsonIgnore]
    public bool IsHost { get; init; }

    /// <summary>As <c>LayerNorm 2048x1024 forward</c>: what tells it from the others of its picture.</summary>
    [JsonIgnore]
    public string Label => Operation is null ? $"{Case} {Pass}" : $"{Operation} {Shape}";

    internal double PeakGflops { get; init; }

    internal double PeakGigabytes { get; init; }

    /// <summary>The point as a line of JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, BenchJson.Lines.RooflinePoint);

    /// <summary>A case.</summary>
    /// <param name="record">Its measurement.</param>
    /// <param name="number">Its place.</param>
    /// <param name="total">Milliseconds of all the points it is one of.</param>
    internal static RooflinePoint Of(BenchRecord record, int number, double total) => new()
    {
        Number = number, Case = record.Case, Pass = record.Pass, Device = record.Device, DType = record.DType,
        Threads = record.Threads, Milliseconds = record.IsSimulated ? null : record.P50,
        Share = total > 0 && !record.IsSimulated ? record.P50 / total : null, Flops = record.Flops,
        Bytes = record.Bytes, Launches = record.Launches, PeakGflops = record.PeakGflops,
        PeakGigabytes = record.PeakGigabytes,
    };

    private double? Part(double work, double limit) => work > 0 && limit > 0 && Milliseconds > 0 ? work / Milliseconds * 1e-6 / limit : null;
}
