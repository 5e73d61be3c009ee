namespace JepaEngine.Jepa.Benchmarking;

/// <summary>
/// What ran on which GPU, from committed proofs and records: a row a machine and day, the newest first, and below them
/// a line for each check that did not pass. The simulated device is no hardware.
/// </summary>
internal static class HardwareTable
{
    /// <summary>The table where nothing ran.</summary>
    public const string Nothing = "Nothing has run on a GPU yet.";

    private const int MostLetters = 200;

    private static readonly (string Head, bool IsText, Func<Run, string> Cell)[] Columns =
    [
        ("date", true, run => run.Where.Date),
        ("GPU", true, run => run.Where.Gpu),
        ("driver", true, run => run.Where.Driver),
        ("compiler", true, run => run.Where.Compiler),
        ("operations f32", false, run => Passed(run, DType.F32, isLarge: false)),
        ("bf16", false, run => Passed(run, DType.BF16, isLarge: false)),
        ("large cases f32", false, run => Passed(run, DType.F32, isLarge: true)),
        ("bf16", false, run => Passed(run, DType.BF16, isLarge: true)),
        ("rows measured", false, run => run.Rows == 0 ? "-" : run.Rows.ToString(CultureInfo.InvariantCulture)),
    ];

    /// <summary>The table, or <see cref="Nothing"/>.</summary>
    /// <exception cref="FormatException">What ran on a GPU does not say on which, or when.</exception>
    public static IEnumerable<string> Lines(IEnumerable<BenchRecord> records, IEnumerable<ProofRecord> proofs)
    {
        ILookup<Place, ProofRecord> proved = proofs.Where(proof => IsHardware(proof.Device))
            .ToLookup(proof => PlaceOf(proof.Case, proof.Machine, proof.Utc));
        ILookup<Place, BenchRecord> measured = records
            .Where(record => IsHardware(record.Device) && record.Engine == BenchResults.Ours)
            .ToLookup(record => PlaceOf(record.Case, record.Machine, record.Utc));
        Run[] runs =
        [
            .. proved.Select(group => group.Key).Union(measured.Select(group => group.Key))
                .OrderByDescending(place => place.Date, StringComparer.Ordinal)
                .ThenBy(place => place.Gpu, StringComparer.Ordinal)
                .ThenBy(place => place.Compiler, StringComparer.Ordinal)
                .Select(place => new Run(place, Newest(proved[place]),
                    measured[place].Select(record => (record.Case, record.Pass, record.DType)).Distinct().Count())),
        ];
        if (runs.Length == 0)
            return [Nothing];
        string[] faults =
        [
            .. from run in runs
               from proof in run.Proofs
               where !proof.Passed
               select Fault(run.Where, proof),
        ];
        return [.. TextTable.Markdown(Columns, runs), .. faults.Length == 0 ? [] : faults.Prepend("")];
    }

    private static bool IsHardware(string device) => device.Split(':')[0] == "cuda";

    private static Place PlaceOf(string name, BenchMachine? machine, string? utc) =>
        machine?.Gpu is { } gpu && utc is not null
            ? new(utc.Split('T')[0], gpu, machine.Driver ?? "-", machine.Compiler ?? "-")
            : throw new FormatException($"{name} ran on a GPU and does not say on which, or when");

    /// <summary>What was checked again the same day counts as it was the last time.</summary>
    private static ProofRecord[] Newest(IEnumerable<ProofRecord> proofs) =>
    [
        .. proofs.GroupBy(proof => (proof.Large, proof.DType, proof.Case))
            .Select(again => again.OrderBy(proof => proof.Utc, StringComparer.Ordinal).Last()),
    ];

    /// <summary>Of all that there is to check today, so that a proof that was cut short does not look whole.</summary>
    private static string Passed(Run run, DType dtype, bool isLarge)
    {
        ProofRecord[] checks =
            [.. run.Proofs.Where(proof => proof.Large == isLarge && proof.DType == dtype.ToString())];
        HashSet<string> all = isLarge
            ? [.. LargeTable.For(Device.Cuda().With(compute: dtype)).Select(item => item.ToString())]
            : [.. OpTable.All.Select(op => op.Name)];
        int passed = checks.Count(proof => proof.Passed && all.Contains(proof.Case));
        return checks.Length == 0 ? "-" : string.Create(CultureInfo.InvariantCulture, $"{passed} of {all.Count}");
    }

    private static string Fault(Place where, ProofRecord proof)
    {
        string what = proof switch
        {
            { Fault: { } fault } => $"`{Short(fault)}`",
            { Tensors: 0 } => "no tensor was compared",
            _ => $"{proof.Disagree} of {proof.Tensors} tensors disagree",
        };
        string check = $"{proof.Case}{(proof.Large ? " (large)" : "")} in {proof.DType.ToLowerInvariant()}";
        return $"- {where.Date}, {BenchMachine.NameOf(where.Gpu)}, {where.Compiler}: {check}: {what}";
    }

    /// <summary>One line of code, whatever a driver wrote.</summary>
    private static string Short(string fault)
    {
        string[] words = fault.Replace('`', '\'').Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        string line = string.Join(' ', words);
        return line.Length <= MostLetters ? line : line[..MostLetters] + "...";
    }

    private sealed record Place(string Date, string Gpu, string Driver, string Compiler);

    private sealed record Run(Place Where, ProofRecord[] Proofs, int Rows);
}
