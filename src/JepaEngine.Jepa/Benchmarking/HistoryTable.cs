using static JepaEngine.Jepa.Benchmarking.TextTable;

namespace JepaEngine.Jepa.Benchmarking;

/// <summary>Histories as a table. Numbers have a dot on every machine.</summary>
public static class HistoryTable
{
    private static readonly (string Head, bool IsText, Func<(BenchHistory History, HistoryLine Line), string> Cell)[] Columns =
    [
        ("case", true, row => row.History.Case),
        ("pass", true, row => row.History.Pass),
        ("by", true, row => row.Line.Name),
        ("runs", false, row => Text($"{row.Line.Records.Count}")),
        ("first ms", false, row => BenchTable.Digits(row.Line.Records[0].P50)),
        ("last ms", false, row => BenchTable.Digits(row.Line.Records[^1].P50)),
        ("change", false, row => row.Line.Records.Count > 1 ? Text($"{100 * row.Line.Change:+0.0;-0.0;0.0} %") : "-"),
        ("noise", false, row => row.Line.Records[^1].Noise is { } noise ? Text($"{100 * noise:0.0} %") : "-"),
        ("machine", true, row => row.History.Machine),
    ];

    /// <summary>Aligned with spaces, for a terminal.</summary>
    public static IEnumerable<string> Plain(IEnumerable<BenchHistory> histories) =>
        TextTable.Plain(Columns, histories.SelectMany(history => history.Lines.Select(line => (history, line))));
}
