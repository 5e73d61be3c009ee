using System.CommandLine.Help;
using System.Runtime.InteropServices;
using JepaEngine.Cuda.Driver;

namespace JepaEngine.Cli;

/// <summary>What the command's exit codes mean.</summary>
internal static class ExitCode
{
    public const int Ok = 0, CheckFailed = 1, Usage = 2, BadInput = 3, Device = 4, Memory = 5, Numeric = 6, Interrupted = 7;
}

/// <summary>Something the user asked for that cannot be, found after parsing.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>A command whose help ends with an example.</summary>
internal sealed class Verb(string name, string description, string example) : Command(name, description)
{
    public string Example => example;
}

/// <summary>Runs a command line: faults become one line and an exit code, never a stack trace.</summary>
internal static class CommandLine
{
    public static async Task<int> RunAsync(RootCommand root, string[] args)
    {
        ParseResult parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors)
                await Console.Error.WriteLineAsync($"jepa: {error.Message}");
            await Console.Error.WriteLineAsync("Try 'jepa --help', or 'jepa VERB --help' for an example.");
            return ExitCode.Usage;
        }
        try
        {
            using var interrupted = new CancellationTokenSource();
            using PosixSignalRegistration interrupt = OnSignal(PosixSignal.SIGINT, interrupted),
                terminate = OnSignal(PosixSignal.SIGTERM, interrupted), hangUp = OnSignal(PosixSignal.SIGHUP, interrupted);
            // Our own handling: System.CommandLine's ends the process two seconds after a signal, saved or not.
            var configuration = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
            int code = await parsed.InvokeAsync(configuration, interrupted.Token);
            if (parsed.Action is HelpAction && parsed.CommandResult.Command is Verb verb)
                await Console.Out.WriteLineAsync($"Example:\n  {verb.Example}\n");
            return code;
        }
        catch (Exception error) when (Code(error) is { } code)
        {
            // The name of a parameter means nothing at a command line.
            string message = error is OperationCanceledException
                ? "interrupted; what was saved before is whole"
                // The rest is a report of every place that was looked in.
                : error is CudaException { Result: CudaResult.NoDevice } ? $"{error.Message.Split('\n')[0]} (jepa doctor says where it was looked for)"
                : error.Message.Split(" (Parameter ")[0].ReplaceLineEndings(" ");
            await Console.Error.WriteLineAsync($"jepa: {message}");
            return code;
        }
    }

    /// <summary>The first signal asks the work to save and end; the second ends the process.</summary>
    private static PosixSignalRegistration OnSignal(PosixSignal signal, CancellationTokenSource interrupted) => PosixSignalRegistration.Create(signal, context =>
    {
        context.Cancel = !interrupted.IsCancellationRequested;
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

    private static int? Code(Exception error) => error switch
    {
        UsageException => ExitCode.Usage,
        BadFileException => ExitCode.BadInput,
        BuildException build => build.Code,
        PlatformNotSupportedException or CudaException => ExitCode.Device,
        MemoryRefusedException or OutOfMemoryException => ExitCode.Memory,
        OperationCanceledException => ExitCode.Interrupted,
        // A full disk, a folder that may not be written: nothing half-written stays behind.
        IOException or UnauthorizedAccessException => ExitCode.BadInput,
        ArgumentException => ExitCode.Usage,
        _ => null,
    };
}
