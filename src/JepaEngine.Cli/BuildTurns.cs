namespace JepaEngine.Cli;

/// <summary>Runs of two builds by turns, in new processes each.</summary>
/// <param name="before">The first build.</param>
/// <param name="after">The second.</param>
/// <param name="grid">What both measure, as options of <c>jepa bench</c>.</param>
internal sealed class BuildTurns(string before, string after, IReadOnlyList<string> grid)
{
    private readonly SortedSet<string> faults = new(StringComparer.Ordinal);

    /// <summary>What the builds say of rows that they could not measure.</summary>
    public IReadOnlyCollection<string> Faults => faults;

    /// <summary>Lines of theirs that were no record.</summary>
    public int Skipped { get; private set; }

    /// <summary>Measures all rows, or those of these labels.</summary>
    /// <exception cref="BuildException">A build failed.</exception>
    public async Task<(IReadOnlyList<BenchRecord> Before, IReadOnlyList<BenchRecord> After)> Measure(IEnumerable<string> rows, CancellationToken cancellation)
    {
        string[] arguments = ["bench", .. grid, "--json", "--turns", $"{Guid.NewGuid():N}", .. rows.SelectMany(row => (IEnumerable<string>)["--row", row])];
        using var a = new BuildProcess(before, arguments);
        using var b = new BuildProcess(after, arguments);
        await Task.WhenAll(a.Ready(cancellation), b.Ready(cancellation));
        var progress = new Progress("turn", Math.Max(a.Turns.Visits, b.Turns.Visits));
        await TurnHost.Alternate(a.Turns, b.Turns, progress.Done, cancellation);
        // Where one waits for a turn still, the other has failed.
        if (a.Turns.Asks)
            await Finish(b, cancellation);
        return (await Finish(a, cancellation), await Finish(b, cancellation));
    }

    private async Task<IReadOnlyList<BenchRecord>> Finish(BuildProcess build, CancellationToken cancellation)
    {
        (BenchFile results, string[] said) = await build.Finish(cancellation);
        Skipped += results.Skipped;
        faults.UnionWith(said);
        return results.Records;
    }
}
