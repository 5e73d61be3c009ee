namespace JepaEngine.Cli.Commands;

/// <summary><c>--memory-limit</c>: the most memory a verb may take, for weights it copies and for activations; without it, what is free.</summary>
internal static class MemoryOption
{
    private static readonly (string Suffix, double Bytes)[] Units =
        [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("GB", 1e9), ("MB", 1e6), ("KB", 1e3), ("", 1)];

    public static Option<string?> Create() => new("--memory-limit") { Description = "The most memory to take, as 2GiB; without it, what the system has" };

    /// <summary>The limit in bytes; null where none was given.</summary>
    /// <exception cref="UsageException">It is no size.</exception>
    public static long? Read(ParseResult parsed, Option<string?> option) => parsed.GetValue(option) is { } text ? Parse(text) : null;

    /// <summary>Refuses what does not fit, before any of it is taken.</summary>
    /// <returns>What is left for activations; null where no limit was given.</returns>
    /// <exception cref="MemoryRefusedException">The weights to be copied and the activations are above the limit.</exception>
    public static long? Require(ModelFile file, int batch, TokenGrid grid, long? limit)
    {
        long most = limit ?? MemoryPlan.Available(), copied = file.Memory().Copied;
        if (copied > most)
            throw new MemoryRefusedException($"{file.File.Path}: its weights need {MemoryPlan.Size(copied)} as F32, but {MemoryPlan.Size(most)} are free; "
                + "an F32 file is mapped and needs none (jepa convert --dtype f32)");
        MemoryPlan.Require(file.Config, batch, grid, most - copied);
        return limit - copied;
    }

    private static long Parse(string text)
    {
        (string suffix, double bytes) = Units.First(unit => text.EndsWith(unit.Suffix, StringComparison.OrdinalIgnoreCase));
        return double.TryParse(text[..^suffix.Length].Trim(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number)
            && number > 0 && number * bytes < long.MaxValue
            ? (long)(number * bytes)
            : throw new UsageException($"--memory-limit is '{text}'; it is a size as 2GiB or 500MB, or a number of bytes");
    }
}
