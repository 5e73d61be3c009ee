namespace JepaEngine.Cli;

/// <summary>
/// A bench on a GPU, in a process that is paced from here: a row that crashes, hangs or loses the device is left out,
/// and a new process measures the others.
/// </summary>
/// <param name="grid">What is measured, as options of <c>jepa bench</c>.</param>
/// <param name="rows">The labels of its rows.</param>
/// <param name="limit">What a visit of a row may take.</param>
/// <param name="budget">What all may take, or null.</param>
/// <param name="known">Where records go.</param>
internal sealed class BenchProcesses(
    IReadOnlyList<string> grid, IReadOnlyList<string> rows, TimeSpan limit, TimeSpan? budget, KnownRecords known)
{
    /// <summary>Seconds without which no new process is worth its start.</summary>
    private const double LeastBudget = 5;

    private readonly Stopwatch clock = Stopwatch.StartNew();
    private readonly List<string> faults = [];

    /// <summary>Measures what can be.</summary>
    /// <returns>The rows that were not measured, and why.</returns>
    /// <exception cref="BuildException">The device cannot be used at all.</exception>
    public async Task<IReadOnlyList<string>> Run(CancellationToken cancellation)
    {
        List<string> left = [.. rows];
        while (await Measure(left, cancellation) is { } culprit)
        {
            known.Remove(culprit);
            left.Remove(culprit);
            if (left.Count == 0 || Left < LeastBudget)
                break;
        }
        if (budget is not null)
            faults.AddRange(left.Where(row => !known.Has(row))
                .Select(row => $"{row} was not measured: its time was over"));
        return faults;
    }

    private double? Left => budget is { } all ? (all - clock.Elapsed).TotalSeconds : null;

    /// <returns>The row that ended the process; null where it ended by itself, or its time was over.</returns>
    private async Task<string?> Measure(List<string> left, CancellationToken cancellation)
    {
        using var bench = new BuildProcess(OwnProcess.Program,
        [
            "bench", .. grid, "--json", "--paced", .. left.SelectMany(row => (IEnumerable<string>)["--row", row]),
            .. Left is { } seconds ? ["--budget", seconds.ToString("0.0", CultureInfo.InvariantCulture)] : (string[])[],
        ]);
        await bench.Ready(cancellation);
        var progress = new Progress("visit", bench.Turns.Visits);
        int visit = 0, read = 0;
        for (; bench.Turns.Asks; visit++)
        {
            TimeSpan most = Left is { } rest && rest < limit.TotalSeconds
                ? TimeSpan.FromSeconds(Math.Max(0, rest))
                : limit;
            try
            {
                await bench.Turns.Take(cancellation).WaitAsync(most, cancellation);
            }
            catch (TimeoutException)
            {
                // What a visit takes past all time is the run's end, not the row's fault.
                return most < limit ? null : Blame(left, visit, $"it did not end within {limit.TotalSeconds:0} s");
            }
            for (; read < bench.Turns.Lines.Count; read++)
                foreach (BenchRecord record in BenchFile.Parse([bench.Turns.Lines[read]]).Records)
                    known.Add(record);
            progress.Done(visit);
        }
        (int code, string[] said) = await bench.Exit(cancellation);
        if (code is not (ExitCode.Ok or ExitCode.CheckFailed))
        {
            string why = code > 128
                ? $"its process ended by signal {code - 128}"
                : said.LastOrDefault($"its process ended with exit code {code}");
            return visit == 0 ? throw new BuildException(why, code) : Blame(left, visit - 1, why);
        }
        faults.AddRange(said);
        return null;
    }

    private string Blame(List<string> left, int visit, string why)
    {
        string row = left[visit % left.Count];
        faults.Add($"{row} was not measured: {why}");
        return row;
    }
}
