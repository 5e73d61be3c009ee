namespace JepaEngine.Cli;

/// <summary>Work that has nothing to save: an interrupt leaves it where it is, and the process ends.</summary>
internal static class Interruptible
{
    /// <summary>The work's result. Work that was interrupted goes on until the process has ended, so it must own what
    /// it uses and write no file: its caller does.</summary>
    /// <exception cref="OperationCanceledException">It was interrupted.</exception>
    public static Task<T> Run<T>(Func<T> work, CancellationToken cancellation) => Task.Run(work, cancellation).WaitAsync(cancellation);
}
