namespace JepaEngine.Cli.Commands;

/// <summary>The option <c>--limit</c>: after which time work in a process of its own is given up.</summary>
internal static class LimitOption
{
    /// <param name="what">What may take so long, as <c>an operation</c>.</param>
    public static Option<double> Create(string what) => new("--limit")
    {
        Description = $"On a GPU, seconds that {what} may take before it is given up (120)",
        DefaultValueFactory = _ => 120,
    };

    /// <exception cref="UsageException">It is no time.</exception>
    public static TimeSpan Read(ParseResult parsed, Option<double> option) => Seconds(option, parsed.GetValue(option));

    /// <summary>A time in seconds, or null where none is given.</summary>
    /// <exception cref="UsageException">It is no time.</exception>
    public static TimeSpan? Read(ParseResult parsed, Option<double?> option) =>
        parsed.GetValue(option) is { } seconds ? Seconds(option, seconds) : null;

    private static TimeSpan Seconds(Option option, double seconds) => seconds is > 0 and <= 86_400
        ? TimeSpan.FromSeconds(seconds)
        : throw new UsageException($"{option.Name} is {seconds}; it is a number of seconds above 0, of a day at most");
}
