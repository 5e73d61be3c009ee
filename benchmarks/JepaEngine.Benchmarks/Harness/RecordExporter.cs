using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using JepaEngine.Jepa.Benchmarking;

namespace JepaEngine.Benchmarks.Harness;

/// <summary>Writes the lines of <c>jepa bench</c>, which <c>jepa compare</c> and <c>jepa roofline --from</c> read.</summary>
internal sealed class RecordExporter(RunRecords records) : ExporterBase
{
    protected override string FileExtension => "jsonl";

    public override void ExportToLog(Summary summary, ILogger logger)
    {
        foreach (BenchRecord record in summary.BenchmarksCases.Select(item => records.Of(summary, item)).OfType<BenchRecord>())
            logger.WriteLine(record.ToJson());
    }
}
