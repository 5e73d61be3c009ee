using System.Text.Json;

namespace JepaEngine.Cli;

/// <summary>What <c>jepa parity</c> checks as one: an operation of the table, or a case at a model's size.</summary>
/// <param name="Name">What <c>--op</c> calls it.</param>
/// <param name="IsLarge">Whether it is such a case.</param>
/// <param name="Check">Runs it on a device.</param>
internal sealed record ParityUnit(string Name, bool IsLarge, Func<Device, IEnumerable<ParityResult>> Check)
{
    /// <summary>Those of these names, or all.</summary>
    /// <param name="names">With commas between; null for all.</param>
    /// <param name="isLarge">Whether they are cases at a model's size.</param>
    /// <param name="device">Where they run.</param>
    /// <exception cref="UsageException">There is none of a name.</exception>
    public static IReadOnlyList<ParityUnit> Find(string? names, bool isLarge, Device device)
    {
        string[]? list = CommandLine.List(names);
        try
        {
            return isLarge
                ? [.. (list?.SelectMany(name => LargeTable.Find(name, device)) ?? LargeTable.For(device)).Select(Of)]
                : [.. (list?.Select(OpTable.Find) ?? OpTable.All).Select(Of)];
        }
        catch (KeyNotFoundException error)
        {
            throw new UsageException(error.Message);
        }
    }

    private static ParityUnit Of(LargeCase item) => new(item.ToString(), true, item.Check);

    private static ParityUnit Of(OpCase op) =>
        new(op.Name, false, device => op.Samples.SelectMany(sample => Parity.Check(op, sample, device)));

    /// <summary>A result as a line of JSON.</summary>
    public static string ToJson(Device device, ParityResult result) => new JsonObject
    {
        ["device"] = device.ToString(),
        ["operation"] = result.Operation,
        ["sample"] = result.Sample,
        ["output"] = result.Output,
        ["shape"] = new JsonArray([.. result.Shape.ToArray().Select(length => (JsonNode)length)]),
        ["dtype"] = result.DType.ToString(),
        // JSON has no infinity.
        ["error"] = double.IsFinite(result.Error) ? result.Error : null,
        ["allowed"] = result.Allowed,
        ["badIndex"] = result.Passed ? null : result.BadIndex,
    }.ToJsonString();

    /// <summary>The results that lines of <see cref="ToJson"/> are of; what a driver printed between them is left
    /// out.</summary>
    /// <returns>False where a line is cut or of something else.</returns>
    public static bool TryParse(IEnumerable<string> lines, out List<ParityResult> results)
    {
        results = [];
        try
        {
            results.AddRange(lines.Where(line => line.StartsWith('{')).Select(Parse));
            return true;
        }
        catch (Exception fault)
            when (fault is JsonException or InvalidOperationException or NullReferenceException or ArgumentException)
        {
            return false;
        }
    }

    private static ParityResult Parse(string line)
    {
        JsonNode record = JsonNode.Parse(line)!;
        int[] lengths = [.. record["shape"]!.AsArray().Select(length => length!.GetValue<int>())];
        return new(Text("operation"), Text("sample"), Text("output"), new Shape(lengths),
            Enum.Parse<DType>(Text("dtype")), record["error"]?.GetValue<double>() ?? double.PositiveInfinity,
            record["allowed"]!.GetValue<double>(),
            record["badIndex"]?.GetValue<long>() ?? -1);

        string Text(string name) => record[name]!.GetValue<string>();
    }
}
