using System.ComponentModel;
using JepaEngine.Cuda.Loading;

namespace JepaEngine.Cli;

/// <summary>What became of a process of this command.</summary>
/// <param name="Code">Its exit code; of one that was ended for its time, null.</param>
/// <param name="Lines">What it printed.</param>
/// <param name="Said">What it wrote to the error stream.</param>
/// <param name="Took">How long it ran.</param>
internal sealed record OwnResult(int? Code, string[] Lines, string[] Said, TimeSpan Took)
{
    /// <summary>Why it did not end by itself with a result, in words; null where it did, whether or not a check
    /// failed.</summary>
    public string? Fault => Code switch
    {
        ExitCode.Ok or ExitCode.CheckFailed => null,
        null => $"gave no answer within {Took.TotalSeconds:0} s",
        // Of what a process prints that dies of itself, the first line says why and the rest is a stack.
        > 128 and var signal => $"ended by signal {signal - 128}{(Said.Length == 0 ? "" : $": {Said[0]}")}",
        _ => Said.Length == 0 ? $"ended with exit code {Code}" : Said[^1],
    };
}

/// <summary>This command in processes of its own: where work may crash, hang or lose its device, the others go
/// on.</summary>
internal static class OwnProcess
{
    /// <summary>What starts this command again: its program, or its library where dotnet runs it.</summary>
    public static string Program { get; } = Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet"
        ? Path.Combine(AppContext.BaseDirectory, "jepa.dll")
        : Environment.ProcessPath!;

    /// <summary>Runs the command to its end, or ends it with all it started when its time is over or the work is
    /// cancelled.</summary>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static async Task<OwnResult> Run(
        IEnumerable<string> arguments, TimeSpan limit, CancellationToken cancellation)
    {
        using Process process = Start(Program, arguments);
        var clock = Stopwatch.StartNew();
        Task<string> output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        Task<string> errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        bool ended = true;
        try
        {
            await process.WaitForExitAsync(cancellation).WaitAsync(limit, cancellation);
        }
        catch (TimeoutException)
        {
            ended = false;
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
        if (!ended)
            return new(null, [], [], clock.Elapsed);
        string[] lines = (await output).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return new(process.ExitCode, lines, Complaints(await errors), clock.Elapsed);
    }

    /// <summary>Ends this process when the one that started it is gone and its input with it: of one that was killed
    /// nothing stays behind on the device.</summary>
    public static void EndWithItsParent() => new Thread(() =>
    {
        Console.In.ReadToEnd();
        Environment.Exit(ExitCode.Interrupted);
    }) { IsBackground = true }.Start();

    /// <summary>Starts a build of this command, its streams in the caller's hands.</summary>
    /// <exception cref="Win32Exception">It cannot be started, or dotnet, which starts a library, is not on the search
    /// path.</exception>
    public static Process Start(string program, IEnumerable<string> arguments)
    {
        bool isLibrary = program.EndsWith(".dll", StringComparison.OrdinalIgnoreCase);
        IEnumerable<string> all = isLibrary ? [program, .. arguments] : arguments;
        return Process.Start(new ProcessStartInfo(isLibrary ? Dotnet() : Path.GetFullPath(program), all)
        {
            UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
    }

    private static string Dotnet() => Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet"
        ? Environment.ProcessPath!
        : ProgramPath.Find("dotnet") ?? throw new Win32Exception("dotnet is not on the search path; install .NET 10");

    /// <summary>The lines of an error stream, without the command's name.</summary>
    public static string[] Complaints(string errors) =>
    [
        .. errors.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(line => line.StartsWith("jepa: ", StringComparison.Ordinal) ? line["jepa: ".Length..] : line),
    ];
}
