using System.CommandLine.Help;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace JepaEngine.Cli;

/// <summary>What the command's exit codes mean.</summary>
internal static class ExitCode
{
    public const int Ok = 0, CheckFailed = 1, Usage = 2, BadInput = 3, Device = 4, Memory = 5, Numeric = 6, Interrupted = 7;

    /// <summary>What nobody expected: sysexits.h's software error.</summary>
    public const int Defect = 70;
}

/// <summary>Something the user asked for that cannot be, found after parsing.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>A command whose help ends with an example.</summary>
internal sealed class Verb(string name, string description, string example) : Command(name, description)
{
    public string Example => example;
}

/// <summary>Runs a command line to its exit code.</summary>
internal static partial class CommandLine
{
    /// <summary>Signals within so many milliseconds are one.</summary>
    private const long SignalMoment = 1000;

    private static long firstSignal;

    public static async Task<int> RunAsync(Func<RootCommand> create, string[] args)
    {
        AppDomain.CurrentDomain.UnhandledException += (_, unhandled) => Environment.Exit(Faults.Report((Exception)unhandled.ExceptionObject));
        try
        {
            // A path may begin with @.
            var parser = new ParserConfiguration { ResponseFileTokenReplacer = null };
            int code = await InvokeAsync(create().Parse(args, parser));
            return code == ExitCode.Ok && StandardStreams.Fault is { } fault
                ? Faults.Report(new IOException($"not all of the output was written: {fault.Message}", fault))
                : code;
        }
        catch (Exception error)
        {
            return Faults.Report(error);
        }
    }

    private static async Task<int> InvokeAsync(ParseResult parsed)
    {
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors)
                await Console.Error.WriteLineAsync($"jepa: {Plain(error.Message)}");
            await Console.Error.WriteLineAsync("Try 'jepa --help', or 'jepa VERB --help' for an example.");
            return ExitCode.Usage;
        }
        // Not disposed: a signal may still be on its way.
        var interrupted = new CancellationTokenSource();
        using PosixSignalRegistration interrupt = OnSignal(PosixSignal.SIGINT, interrupted),
            terminate = OnSignal(PosixSignal.SIGTERM, interrupted), hangUp = OnSignal(PosixSignal.SIGHUP, interrupted);
        // Our own handling: System.CommandLine's ends the process two seconds after a signal, saved or not.
        var configuration = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
        int code = await parsed.InvokeAsync(configuration, interrupted.Token);
        if (parsed.Action is HelpAction && parsed.CommandResult.Command is Verb verb)
            await Console.Out.WriteLineAsync($"Example:\n  {verb.Example}\n");
        return code;
    }

    /// <summary>A parser's message without .NET's types.</summary>
    private static string Plain(string message)
    {
        Match match = ExpectedType().Match(message);
        if (!match.Success)
            return message;
        string type = match.Groups["type"].Value;
        string kind = type.Contains("UInt", StringComparison.Ordinal) ? "a whole number, 0 or more"
            : type.Contains("Int", StringComparison.Ordinal) ? "a whole number"
            : type.Contains("Boolean", StringComparison.Ordinal) ? "true or false" : "a number";
        return $"{match.Groups["option"].Value} is '{match.Groups["given"].Value}'; it is {kind}";
    }

    [GeneratedRegex("^Cannot parse argument '(?<given>.*)' for option '(?<option>.*)' as expected type '(?<type>.*)'",
        RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex ExpectedType();

    /// <summary>The first signal asks the work to save and end. One that comes later than a moment after it ends the
    /// process; a closing session sends several at once.</summary>
    private static PosixSignalRegistration OnSignal(PosixSignal signal, CancellationTokenSource interrupted) =>
        PosixSignalRegistration.Create(signal, context =>
        {
            long now = Environment.TickCount64, first = Interlocked.CompareExchange(ref firstSignal, now, 0);
            context.Cancel = first == 0 || now - first < SignalMoment;
            interrupted.Cancel();
        });

    /// <summary>A command with an example.</summary>
    public static Verb Verb(string name, string description, string example, params ReadOnlySpan<Symbol> symbols)
    {
        var verb = new Verb(name, description, example);
        foreach (Symbol symbol in symbols)
        {
            if (symbol is Option option)
                verb.Add(option);
            else
                verb.Add((Argument)symbol);
        }
        return verb;
    }

    /// <summary>What stands between commas; null where nothing is said.</summary>
    /// <exception cref="UsageException">Nothing stands there.</exception>
    public static string[]? List(string? text)
    {
        string[]? list = text?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return list is []
            ? throw new UsageException("a list names nothing between its commas; leave the option out for all")
            : list;
    }
}
