using JepaEngine.Cuda.Compile;

namespace JepaEngine.Cli;

/// <summary>
/// Compiled kernels for people and programs: a row a kernel, and how it differs from what is on record.
/// </summary>
/// <param name="builds">What was compiled.</param>
/// <param name="record">What is on record; null where there is none to compare with.</param>
internal sealed class KernelTable(IReadOnlyList<KernelBuild> builds, ResourceTable? record)
{
    private readonly (KernelBuild Build, KernelResources Kernel)[] rows =
        [.. builds.SelectMany(build => build.Kernels.Select(kernel => (build, kernel)))];

    /// <summary>Whether a module does not compile, or a kernel spills.</summary>
    public bool Fails => builds.Any(build => build.Fault is not null) || rows.Any(row => row.Kernel.SpillBytes > 0);

    /// <summary>One build as lines of JSON: a kernel each, or its errors.</summary>
    public static IEnumerable<JsonObject> Records(KernelBuild build, string compiler)
    {
        if (build.Fault is not null)
            return [Record(build, compiler, ("fault", build.Fault))];
        return build.Kernels.Select(kernel => Record(build, compiler,
            ("kernel", kernel.Entry), ("registers", kernel.Registers), ("sharedBytes", kernel.SharedBytes),
            ("stackBytes", kernel.StackBytes), ("spillBytes", kernel.SpillBytes),
            ("warnings", new JsonArray([.. build.Warnings.Select(line => (JsonNode)line)]))));
    }

    /// <summary>All rows, then what is wrong, then how many differ.</summary>
    public void Write(string compiler, Output output)
    {
        if (rows.Length > 0)
            output.Line(Row("kernel", "module", "for", "registers", "shared", "stack", "spilled", "change"));
        foreach ((KernelBuild build, KernelResources kernel) in rows)
        {
            output.Line(Row(kernel.Entry, build.Source, build.Architecture, kernel.Registers, kernel.SharedBytes,
                kernel.StackBytes, kernel.SpillBytes, Change(build, kernel)));
        }
        if (rows.Length > 0)
            output.Line();
        foreach (KernelBuild build in builds)
        {
            if (build.Fault is not null)
                output.Line($"{build} does not compile: {build.Fault}");
            foreach (string warning in build.Warnings)
                output.Line($"{build}: {warning}");
        }
        int missing = builds.Count(build => build is { Made: null, Fault: null });
        int cached = builds.Count(build => build.IsCached), faults = builds.Count(build => build.Fault is not null);
        int spilling = rows.Count(row => row.Kernel.SpillBytes > 0);
        int warnings = builds.Sum(build => build.Warnings.Count());
        output.Line($"{builds.Count} modules, {cached} of them cached before, {faults} with errors; "
            + $"{rows.Length} kernels, {spilling} spill, {warnings} warnings"
            + (missing == 0 ? "." : $"; {missing} modules are not compiled yet (--compile)."));
        if (rows.Length > 0)
            output.Line(Comparison(compiler));
    }

    private static string Row(string kernel, object module, string architecture, object registers, object shared,
        object stack, object spilled, string change) =>
        $"{kernel,-32} {module,-24} {architecture,-7} {registers,9} {shared,6} {stack,5} {spilled,7}  {change}"
            .TrimEnd();

    private string Comparison(string compiler)
    {
        if (record is null)
            return "No table of registers to compare with; name kernels/resources.txt of the repository with --table.";
        int[] differences =
        [
            .. from row in rows
               let known = record.Of(row.Build, row.Kernel)
               where known is not null && known != row.Kernel
               select row.Kernel.Registers - known.Registers,
        ];
        int unknown = rows.Count(row => record.Of(row.Build, row.Kernel) is null);
        string others = unknown == 0 ? "" : $"; {unknown} are not in it";
        return differences.Length == 0
            ? $"No kernel differs from the table, of {record.Compiler}{others}."
            : $"{differences.Length} of {rows.Length} kernels differ from the table ({record.Compiler}, "
                + $"here {compiler}): registers by {differences.Min():+0;-0;0} to {differences.Max():+0;-0;0}{others}.";
    }

    private string Change(KernelBuild build, KernelResources kernel)
    {
        if (record is null)
            return "";
        if (record.Of(build, kernel) is not { } known)
            return "new";
        (int Difference, string Of)[] changes =
        [
            (kernel.Registers - known.Registers, "registers"), (kernel.SharedBytes - known.SharedBytes, "shared"),
            (kernel.StackBytes - known.StackBytes, "stack"), (kernel.SpillBytes - known.SpillBytes, "spilled"),
        ];
        return string.Join(", ", changes.Where(change => change.Difference != 0)
            .Select(change => $"{change.Difference:+0;-0} {change.Of}"));
    }

    private static JsonObject Record(KernelBuild build, string compiler, params (string Name, JsonNode Value)[] fields)
    {
        var record = new JsonObject
        {
            ["file"] = build.Source.File, ["tier"] = build.Source.Real, ["width"] = build.Source.Width,
            ["architecture"] = build.Architecture, ["compiler"] = compiler,
        };
        foreach ((string name, JsonNode value) in fields)
            record.Add(name, value);
        return record;
    }
}
