namespace JepaEngine.Cli.Commands;

/// <summary>Options that several verbs share.</summary>
internal static class CommonOptions
{
    public static Option<bool> Json() => new("--json") { Description = "Write JSON lines instead of text" };

    public static Argument<string> Run() => new("RUN") { Description = "Folder of a run" };

    /// <summary>An option's number, which must be 1 or more.</summary>
    /// <exception cref="UsageException">It is not.</exception>
    public static int Positive(ParseResult parsed, Option<int> option) => Positive(option, parsed.GetValue(option));

    /// <summary>As for one with a default, but null where the option is not given.</summary>
    /// <exception cref="UsageException">It is given and not 1 or more, or above the most there may be.</exception>
    public static int? Positive(ParseResult parsed, Option<int?> option, int most = int.MaxValue) =>
        parsed.GetValue(option) is { } value ? Positive(option, value, most) : null;

    private static int Positive(Option option, int value, int most = int.MaxValue) => value > 0 && value <= most ? value
        : throw new UsageException(
            $"{option.Name} is {value}; it is 1 {(most == int.MaxValue ? "or more" : $"to {most}")}");
}
