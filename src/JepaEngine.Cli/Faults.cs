using System.ComponentModel;
using System.Reflection;
using JepaEngine.Cuda.Driver;

namespace JepaEngine.Cli;

/// <summary>What becomes of an exception: one line on the error stream and an exit code, never a stack trace.</summary>
internal static class Faults
{
    /// <summary>The variable that asks for the stack of what nobody expected.</summary>
    private const string Trace = "JEPA_TRACE";

    /// <summary>What a terminal shows of one line before it hides the next.</summary>
    private const int MaxMessage = 2000;

    /// <summary>Says what happened.</summary>
    /// <returns>The exit code.</returns>
    public static int Report(Exception error)
    {
        StandardStreams.Release();
        error = Cause(error);
        int code = Code(error);
        string text = Text(error).ReplaceLineEndings(" ");
        Console.Error.WriteLine($"jepa: {(text.Length > MaxMessage ? text[..MaxMessage] + " ..." : text)}");
        if (code == ExitCode.Defect && Environment.GetEnvironmentVariable(Trace) is { Length: > 0 })
            Console.Error.WriteLine(error);
        return code;
    }

    /// <summary>What others only wrap; so does who took a missing assembly for a file that cannot be read.</summary>
    private static Exception Cause(Exception error) => error.InnerException switch
    {
        { } inner when error is AggregateException or TargetInvocationException or TypeInitializationException
            || (error is BadFileException && IsMissingPart(inner)) => Cause(inner),
        _ => error,
    };

    private static int Code(Exception error) => error switch
    {
        UsageException => ExitCode.Usage,
        BadFileException => ExitCode.BadInput,
        BuildException build => build.Code,
        PlatformNotSupportedException or CudaException => ExitCode.Device,
        MemoryRefusedException or OutOfMemoryException or OverflowException or TaskSchedulerException =>
            ExitCode.Memory,
        OperationCanceledException => ExitCode.Interrupted,
        NumericException => ExitCode.Numeric,
        _ when IsMissingPart(error) => ExitCode.Defect,
        // A full disk, a folder that may not be written, a program that cannot be started: nothing half-written stays
        // behind.
        IOException or UnauthorizedAccessException or InvalidDataException or TimeoutException or Win32Exception => ExitCode.BadInput,
        ArgumentException or NotSupportedException => ExitCode.Usage,
        _ => ExitCode.Defect,
    };

    private static string Text(Exception error) => error switch
    {
        OperationCanceledException => "interrupted; what was saved before is whole",
        // The rest is a report of every place that was looked in.
        CudaException { Result: CudaResult.NoDevice } => $"{error.Message.Split('\n')[0]} (jepa doctor says "
            + $"where it was looked for)",
        OutOfMemoryException => "there is not enough memory; take a smaller batch, clip, picture or model",
        // The runtime says out of memory, whatever the system lacked.
        TaskSchedulerException => "no thread can be started; allow more open files (ulimit -n), threads (ulimit -u) "
            + "or memory",
        OverflowException => "a size is larger than can be counted; take a smaller batch, clip, picture or model",
        _ when IsMissingPart(error) =>
            $"{(error as FileNotFoundException)?.FileName?.Split(',')[0] ?? error.Message} cannot be loaded; allow "
                + $"more open files (ulimit -n), or install it again",
        _ when error.Message.Contains("Too many open files", StringComparison.Ordinal) => $"{error.Message}; allow more (ulimit -n)",
        ArgumentException { ParamName: "path" } when error.Message.StartsWith("The value cannot be an empty", StringComparison.Ordinal) =>
            "an argument that names a file is empty; name one",
        // The name of a parameter means nothing at a command line.
        _ when Code(error) != ExitCode.Defect => error.Message.Split(" (Parameter ")[0],
        _ => $"unexpected {error.GetType().Name}: {error.Message.TrimEnd('.')}; this is a fault of jepa: please "
            + $"report it with the command "
            + $"({Trace}=1 shows where it comes from)",
    };

    /// <summary>An assembly or a library of the program, not a file of the user.</summary>
    private static bool IsMissingPart(Exception error) => error is DllNotFoundException or BadImageFormatException or FileLoadException
        || (error is FileNotFoundException { FileName: { } name } && name.Contains(", Version=", StringComparison.Ordinal));
}
