using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using JepaEngine.Jepa.Benchmarking;

namespace JepaEngine.Benchmarks.Harness;

/// <summary>A column over a case's facts or record. Each time has a unit of its own: a run has cases of nanoseconds and of seconds.</summary>
internal sealed class RecordColumn : IColumn
{
    private readonly Func<Summary, BenchmarkCase, string> cell;

    private RecordColumn(string name, string legend, Func<Summary, BenchmarkCase, string> cell) => (ColumnName, Legend, this.cell) = (name, legend, cell);

    /// <summary>The columns of the table, in their order.</summary>
    public static IColumn[] All(RunRecords records)
    {
        return
        [
            new RecordColumn("case", "its name, for ever", (_, item) => CaseFacts.Of(item).Name),
            new RecordColumn("threads", "of the processor", (_, item) => $"{CaseFacts.Of(item).Threads}"),
            Measured("p50", "median of the iterations' means", record => Time(record.P50)),
            Measured("p95", "95th percentile", record => Time(record.P95)),
            Measured("min", "fastest iteration", record => Time(record.Min)),
            Measured("max", "slowest iteration", record => Time(record.Samples.Max())),
            Measured("rate", "analytic FLOPs over the median, or bytes where memory is the nearer limit", BenchTable.Rate),
            Measured("% peak", "of fused multiply-adds, or of a copy, as met in this process around the cases", BenchTable.OfPeak),
        ];

        RecordColumn Measured(string name, string legend, Func<BenchRecord, string> cell) =>
            new(name, legend, (summary, item) => records.Of(summary, item) is { } record ? cell(record) : "failed");
    }

    public string Id => $"{nameof(RecordColumn)}.{ColumnName}";

    public string ColumnName { get; }

    public string Legend { get; }

    public bool AlwaysShow => true;

    public ColumnCategory Category => ColumnCategory.Custom;

    public int PriorityInCategory => 0;

    public bool IsNumeric => ColumnName != "case";

    public UnitType UnitType => UnitType.Dimensionless;

    public bool IsAvailable(Summary summary) => true;

    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase) => cell(summary, benchmarkCase);

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) => cell(summary, benchmarkCase);

    private static string Time(double milliseconds) => milliseconds switch
    {
        < 1e-3 => BenchTable.Digits(1e6 * milliseconds) + " ns",
        < 1 => BenchTable.Digits(1e3 * milliseconds) + " us",
        _ => BenchTable.Digits(milliseconds) + " ms",
    };
}
