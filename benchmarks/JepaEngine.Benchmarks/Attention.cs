using BenchmarkDotNet.Attributes;
using JepaEngine.Benchmarks.Harness;
using JepaEngine.Memory;

namespace JepaEngine.Benchmarks;

/// <summary>Attention, operands in the caches as the projections before it leave them: 4 E operations a head for each query and key.</summary>
[Runs(threads: 1)]
public class Attention : Family
{
    private Operand q, k, v, y, lse;

    /// <summary>ViT-L's clip; the published LeWorldModel's pictures; the demo's; a class token alone.</summary>
    public static IEnumerable<Heads> Sequences { get; } = [Heads.Clip, Heads.Pictures, new(256, 3, 17, 17, 32), new(32, 3, 1, 257, 64)];

    [ParamsSource(nameof(Sequences))]
    public Heads Size { get; set; } = null!;

    protected override void Prepare()
    {
        (q, k, v) = (Draw(Size.Queries), Draw(Size.Keys), Draw(Size.Keys));
        (y, lse) = (Draw(Size.Queries), Draw(Size.Scores));
    }

    [Benchmark, Work("forward")]
    public void Forward() => Backend.Attention(q, k, v, Size.Scale, 0, y, lse);
}

/// <summary>The gradients of <see cref="Attention"/>, which compute the scores again: 2.5 times its operations, and every tensor has a gradient.</summary>
[Runs(threads: 1)]
public class AttentionGradient : Family
{
    private Operand q, k, v, y, lse, dy, dq, dk, dv;

    public static IEnumerable<Heads> Sequences { get; } = [Heads.Clip, Heads.Pictures];

    [ParamsSource(nameof(Sequences))]
    public Heads Size { get; set; } = null!;

    protected override void Prepare()
    {
        (q, k, v) = (Draw(Size.Queries), Draw(Size.Keys), Draw(Size.Keys));
        (y, lse, dy) = (Draw(Size.Queries), Draw(Size.Scores), Draw(Size.Queries));
        (dq, dk, dv) = (Draw(Size.Queries), Draw(Size.Keys), Draw(Size.Keys));
        Backend.Attention(q, k, v, Size.Scale, 0, y, lse);
    }

    [Benchmark, Work("backward", TimesFlops = 2.5, TimesBytes = 2)]
    public void Backward() => Backend.AttentionGrad(q, k, v, y, lse, dy, Size.Scale, 0, dq, dk, dv);
}

/// <summary>So many heads of so many sequences, E wide.</summary>
public sealed record Heads(int B, int H, int Nq, int Nk, int E) : ISized
{
    /// <summary>16 frames of ViT-L.</summary>
    public static Heads Clip { get; } = new(1, 16, 2048, 2048, 64);

    /// <summary>32 pictures of the published LeWorldModel.</summary>
    public static Heads Pictures { get; } = new(32, 3, 257, 257, 64);

    public int[] Queries => [B, Nq, H, E];

    public int[] Keys => [B, Nk, H, E];

    public int[] Scores => [B, H, Nq];

    public double Scale => 1 / Math.Sqrt(E);

    public double Flops => 4.0 * B * H * Nq * Nk * E;

    /// <summary>Of q, k, v and y.</summary>
    public double Bytes => 2.0 * sizeof(float) * B * H * E * (Nq + Nk);

    public override string ToString() => $"{B}x{H}x{Nq}x{Nk}x{E}";
}
