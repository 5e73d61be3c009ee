using JepaEngine.Cuda.Compile;
using JepaEngine.Cuda.Driver;

namespace JepaEngine.Cuda.Context;

/// <summary>
/// Reloads edited kernels while a program runs. An edit takes the place of what is loaded only after everything that includes the file compiled and passed the caller's
/// check; until then, and where it does not, the old kernels stay.
/// </summary>
public sealed class KernelWatch : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    private readonly CudaContext context;
    private readonly KernelFiles files;
    private readonly Func<CudaContext, IReadOnlyList<KernelSource>, string?> check;
    private readonly Action<string> report;
    private readonly Dictionary<KernelSource, string> tried = [];
    private readonly Lock looking = new();
    private Timer? timer;

    /// <param name="context">Whose kernels are replaced.</param>
    /// <param name="folder">A tree like <c>kernels/</c>.</param>
    /// <param name="check">Runs the edited kernels, named by their compilations, on a device of their own; gives what is wrong with them, or null.</param>
    /// <param name="report">Is told what was reloaded, or what the compiler or the check had against it.</param>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    public KernelWatch(CudaContext context, string folder, Func<CudaContext, IReadOnlyList<KernelSource>, string?> check, Action<string> report)
    {
        this.context = context;
        files = KernelFiles.In(folder);
        this.check = check;
        this.report = report;
    }

    /// <summary>Looks twice a second from now on, on a thread of the pool.</summary>
    public void Start() => timer ??= new Timer(_ => Look(), null, Interval, Interval);

    /// <summary>Looks once, and reloads what was edited since.</summary>
    public void Look()
    {
        if (!looking.TryEnter())
            return; // the look before is still compiling
        try
        {
            KernelFiles now = files.Snapshot();
            KernelSource[] edited = [.. context.LoadedSources.Where(loaded => IsNew(loaded.Source, loaded.Hash, now)).Select(loaded => loaded.Source)];
            if (edited.Length > 0)
                report(Reload(edited, now));
        }
        catch (IOException)
        {
            // An editor is writing, or put another file in this one's place; the next look reads it.
        }
        finally
        {
            looking.Exit();
        }
    }

    /// <summary>Looks no more.</summary>
    public void Dispose() => timer?.Dispose();

    // What a source is made of differs from what is loaded, and this edit was not refused before.
    private bool IsNew(KernelSource source, string loaded, KernelFiles now)
    {
        string hash = context.HashOf(source, now);
        if (hash == loaded || tried.GetValueOrDefault(source) == hash)
            return false;
        tried[source] = hash;
        return true;
    }

    private string Reload(KernelSource[] edited, KernelFiles now)
    {
        string names = string.Join(", ", edited);
        try
        {
            using CudaContext trial = context.WithFiles(now);
            foreach (KernelSource source in edited)
                trial.Compile(source);
            if (check(trial, edited) is { } fault)
                return $"{names}: the old kernels stay, the edited ones fail their check: {fault}";
            context.Replace(now, edited);
            return $"{names}: reloaded";
        }
        catch (CudaException fault)
        {
            return $"{names}: the old kernels stay: {fault.Message}";
        }
    }
}
