using JepaEngine.Jepa.Models;

namespace JepaEngine.Jepa.Inference;

/// <summary>What encoding takes beyond the weights, in bytes of f32 on the CPU, known before anything is allocated.
/// <see cref="JepaFamily.Activations"/> says what a model holds at most.</summary>
public static class MemoryPlan
{
    /// <summary>The CPU lays at most so many bytes of pixels out as rows of patches at a time.</summary>
    private const long PatchBuffer = 4 << 20;

    /// <summary>Up to so many rows the CPU packs a layer's input instead of its weights; a packed [B, N, D] and a packed hidden stay in the cache.</summary>
    private const long PackedRows = 512;

    /// <summary>Bytes of activations for a batch of <paramref name="batch"/> inputs of <paramref name="tokens"/> tokens.</summary>
    public static long Activations(IModelConfig config, int batch, long tokens)
    {
        (long aToken, long aPlace) = config.Family.Activations(config);
        // Counted beyond those rows too: a plan grows with what is planned.
        long packed = sizeof(float) * Math.Min(PackedRows, batch * tokens) * (config.Encoder.Width + config.Encoder.Mlp);
        return sizeof(float) * tokens * (batch * aToken + aPlace) + packed + Math.Min(PatchBuffer, Pixels(config, batch, tokens));
    }

    /// <summary>Bytes of normalised pixels of a clip of that many tokens.</summary>
    public static long Pixels(IModelConfig config, int batch, long tokens) =>
        sizeof(float) * batch * tokens * 3 * config.Tubelet * config.Patch * config.Patch;

    /// <summary>What this process may still take: what the system calls available, at most what its container allows.</summary>
    public static long Available()
    {
        long total = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        const string path = "/proc/meminfo", name = "MemAvailable:";
        string? line = File.Exists(path) ? File.ReadLines(path).FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal)) : null;
        return line is not null && long.TryParse(line[name.Length..].Replace("kB", ""), CultureInfo.InvariantCulture, out long kilobytes)
            ? Math.Min(total, kilobytes << 10)
            : Math.Max(0, total - Environment.WorkingSet);
    }

    /// <summary>Refuses what does not fit, naming the largest that does.</summary>
    /// <param name="config">The model.</param>
    /// <param name="batch">Inputs at a time.</param>
    /// <param name="grid">Their tokens.</param>
    /// <param name="limit">The most bytes of activations.</param>
    /// <exception cref="MemoryRefusedException">The plan is above the limit.</exception>
    public static void Require(IModelConfig config, int batch, TokenGrid grid, long limit)
    {
        long planned = Activations(config, batch, grid.Count);
        if (planned <= limit)
            return;
        int inputs = Largest(batch, n => Activations(config, n, grid.Count));
        int times = Largest(grid.Times, t => Activations(config, batch, (long)t * grid.Rows * grid.Columns));
        int edge = Largest(Math.Min(grid.Rows, grid.Columns), n => Activations(config, 1, (long)n * n));
        string mend = inputs > 0 ? $"{inputs} at a time fit"
            : times > 0 ? $"{times * config.Tubelet} frames fit at this size"
            : edge > 0 ? $"{(config.Family.Sight == Sight.Picture ? "a picture" : "one frame")} of {edge * config.Patch} x {edge * config.Patch} pixels fits"
            : "that is not enough for one patch";
        throw new MemoryRefusedException(
            $"{batch} x {grid.Count} tokens need {Size(planned)} of activations, but {Size(limit)} are free; {mend}");

        int Largest(int most, Func<int, long> bytes)
        {
            while (most > 0 && bytes(most) > limit)
                most--;
            return most;
        }
    }

    /// <summary>As <c>1.5 GiB</c>.</summary>
    public static string Size(long bytes) => bytes >= 1L << 30
        ? FormattableString.Invariant($"{bytes / (double)(1L << 30):f1} GiB")
        : bytes >= 1L << 20 ? FormattableString.Invariant($"{bytes / (double)(1L << 20):f0} MiB")
        : FormattableString.Invariant($"{bytes / 1024.0:f0} KiB");
}
