using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace JepaEngine.Cli;

/// <summary>The process's input, output and errors, each of which may be closed from the start, or end in a disk that
/// is full.</summary>
internal static partial class StandardStreams
{
    /// <summary>What loading the parts that report a fault takes.</summary>
    private const int SpareCount = 8;

    private const PosixSignal FileTooLarge = (PosixSignal)25;

    private static readonly List<SafeFileHandle> Fillers = [], Spare = [];
    private static GuardedWriter? output;
    private static PosixSignalRegistration? tooLarge;

    /// <summary>Why not all of the output was written; null where it was, or nobody reads it.</summary>
    public static Exception? Fault => output?.Fault;

    /// <summary>Makes sure that writing to them ends no work, and that they are what they were at the start. To be called before anything
    /// else.</summary>
    public static void Guard()
    {
        if (IsClosed(0))
            Console.SetIn(TextReader.Null);
        output = new GuardedWriter(IsClosed(1) ? TextWriter.Null : Console.Out);
        Console.SetOut(output);
        Console.SetError(new GuardedWriter(IsClosed(2) ? TextWriter.Null : Console.Error));
        // SIGXFSZ: a file that would grow beyond what is allowed (ulimit -f) is a write that fails, not the end of the process. Never undone, as the
        // runtime hears of it only after the write.
        if (!OperatingSystem.IsWindows())
            tooLarge = PosixSignalRegistration.Create(FileTooLarge, context => context.Cancel = true);
        for (int i = 0; i < SpareCount && !OperatingSystem.IsWindows(); i++)
            Spare.Add(OpenNothing());
    }

    /// <summary>Gives back files that were kept open, so that a fault can be reported where no more may be.</summary>
    public static void Release()
    {
        foreach (SafeFileHandle file in Spare)
            file.Dispose();
    }

    /// <summary>Whether nothing was there at the start. By now it may be a descriptor of the runtime's own, which, unlike one that was inherited,
    /// ends with the program; or the next file that is opened would become it.</summary>
    private static bool IsClosed(int descriptor)
    {
        const int getFlags = 1, closedOnExec = 1;
        if (OperatingSystem.IsWindows())
            return false;
        int flags = Control(descriptor, getFlags);
        if (flags == -1)
            Fillers.Add(OpenNothing());
        return flags == -1 || (flags & closedOnExec) != 0;
    }

    private static SafeFileHandle OpenNothing() => File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Control(int descriptor, int command);
}
