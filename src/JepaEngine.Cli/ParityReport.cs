namespace JepaEngine.Cli;

/// <summary>Where results of <c>jepa parity</c> go as they are known: to the output and, if one is asked for, to a
/// proof.</summary>
internal sealed class ParityReport
{
    private readonly Device device;
    private readonly Output output;
    private readonly string? path;
    private readonly BenchMachine? machine;
    private readonly string utc = DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
    private readonly List<ProofRecord> proof = [];
    private readonly bool isReplaced;

    /// <summary>Begins a table.</summary>
    /// <param name="device">Where all is checked.</param>
    /// <param name="output">For people, or for programs.</param>
    /// <param name="path">The proof's file, or null.</param>
    public ParityReport(Device device, Output output, string? path)
    {
        this.device = device;
        this.output = output;
        this.path = path;
        machine = path is null ? null : BenchMachine.Of(MachineFacts.ProcessorName(), [device]);
        // A file that cannot be written is told before the minutes pass, not after.
        isReplaced = path is not null && AtomicFile.Check(path);
        output.Line($"{device.Backend.Description}, {device.Compute}");
        output.Line($"{"operation",-18} {"sample",-38} {"worst tensor",-24} {"dtype",-5} {"error",8} "
            + $"{"allowed",8} {"bad index",10}");
    }

    /// <summary>Writes what a unit gives, and enters it in the proof.</summary>
    public void Add(ParityUnit unit, IEnumerable<ParityResult> results, Func<TimeSpan> took)
    {
        var all = new List<ParityResult>();
        var sample = new List<ParityResult>();
        foreach (ParityResult result in results)
        {
            if (sample.Count > 0 && sample[0].Sample != result.Sample)
                Row(sample);
            sample.Add(result);
            all.Add(result);
            output.Record(ParityUnit.ToJson(device, result));
        }
        Row(sample);
        double share = all.Select(result => result.Error == 0 ? 0 : result.Error / result.Allowed)
            .DefaultIfEmpty(0).Max();
        Enter(Entry(unit, took()) with
        {
            Tensors = all.Count, Disagree = all.Count(result => !result.Passed),
            Share = double.IsFinite(share) ? share : null,
        });
    }

    /// <summary>Writes why a unit gives nothing, and enters it in the proof.</summary>
    public void Fail(ParityUnit unit, string fault, TimeSpan took)
    {
        output.Line($"{unit.Name,-18} {fault}");
        Enter(Entry(unit, took) with { Fault = fault });
    }

    /// <summary>Ends the table.</summary>
    /// <returns>The exit code.</returns>
    public int End()
    {
        // Each time it would get the same lines again.
        if (path is not null && !isReplaced)
            ProofRecord.Write(path, proof);
        int tensors = proof.Sum(record => record.Tensors), disagree = proof.Sum(record => record.Disagree);
        output.Line(disagree == 0 ? $"{tensors} tensors agree." : $"{disagree} of {tensors} tensors do not agree.");
        foreach (ProofRecord record in proof.Where(record => record.Fault is not null))
            output.Line($"{record.Case}: {record.Fault}");
        return proof.All(record => record.Passed) ? ExitCode.Ok : ExitCode.CheckFailed;
    }

    /// <summary>Of a sample's tensors the one that used most of what it is allowed.</summary>
    private void Row(List<ParityResult> sample)
    {
        if (sample.MaxBy(result => result.Passed ? result.Error / result.Allowed : double.PositiveInfinity)
            is not { } worst)
            return;
        string bad = worst.Passed ? "" : worst.BadIndex.ToString();
        string row = $"{worst.Operation,-18} {worst.Sample,-38} {worst.Output + " " + worst.Shape,-24} "
            + $"{worst.DType,-5} {worst.Error,8:0.0E+0} {worst.Allowed,8:0.0E+0} {bad,10}";
        output.Line(row.TrimEnd());
        sample.Clear();
    }

    private ProofRecord Entry(ParityUnit unit, TimeSpan took) => new()
    {
        Case = unit.Name, Large = unit.IsLarge,
        Device = device.ToString().Replace(":bf16", "", StringComparison.Ordinal), DType = device.Compute.ToString(),
        Seconds = Math.Round(took.TotalSeconds, 2), Machine = machine, Utc = utc,
    };

    private void Enter(ProofRecord record)
    {
        proof.Add(record);
        if (isReplaced)
            ProofRecord.Write(path!, proof);
    }
}
