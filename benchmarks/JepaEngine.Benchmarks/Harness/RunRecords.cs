using System.Globalization;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using JepaEngine.Jepa.Benchmarking;
using JepaEngine.Jepa.Reporting;
using JepaEngine.Primitives;

namespace JepaEngine.Benchmarks.Harness;

/// <summary>What a run measured, as <c>jepa bench</c> writes it. Made when the run begins, which its records tell.</summary>
internal sealed class RunRecords
{
    private readonly BenchMachine machine = BenchMachine.Of(MachineFacts.ProcessorName(), []);
    private readonly string utc = DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>The record of a case; null where it failed.</summary>
    public BenchRecord? Of(Summary summary, BenchmarkCase item)
    {
        if (summary[item] is not { Success: true } report)
            return null;
        CaseFacts facts = CaseFacts.Of(item);
        BenchDevice limits = Limits.Of(facts.Threads);
        return new BenchRecord
        {
            Case = facts.Name,
            Pass = facts.Pass,
            Device = "cpu",
            DType = Device.Cpu.Compute.ToString(),
            Threads = facts.Threads,
            Engine = "JepaEngine",
            Cold = facts.Cold,
            Samples = [.. report.GetResultRuns().Select(run => run.GetAverageTime().ToMilliseconds())],
            Flops = facts.Flops,
            Bytes = facts.Bytes,
            PeakGflops = limits.PeakGflops,
            PeakOf = limits.PeakOf,
            PeakGigabytes = limits.PeakGigabytes,
            Allocated = report.GcStats.GetBytesAllocatedPerOperation(item),
            Machine = machine,
            Utc = utc,
        };
    }
}
