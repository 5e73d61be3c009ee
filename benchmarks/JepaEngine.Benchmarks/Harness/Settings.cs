using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Exporters.Json;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Order;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using BenchmarkDotNet.Validators;
using Perfolizer.Horology;
using Perfolizer.Mathematics.OutlierDetection;

namespace JepaEngine.Benchmarks.Harness;

/// <summary>How cases are measured and what is shown and written of them: one table and one file for all families of a run.</summary>
internal static class Settings
{
    /// <summary>The configuration.</summary>
    /// <param name="hasJob">Whether the command line names a job, which then stands in for ours.</param>
    public static IConfig Create(bool hasJob)
    {
        var records = new RunRecords();
        ManualConfig config = ManualConfig.CreateEmpty()
            .AddLogger(ConsoleLogger.Default)
            .AddColumn(RecordColumn.All(records))
            .AddColumnProvider(DefaultColumnProviders.Metrics)
            .AddDiagnoser(new MemoryDiagnoser(new MemoryDiagnoserConfig(displayGenColumns: false)))
            .AddExporter(new RecordExporter(records), JsonExporter.Full)
            .AddValidator(JitOptimizationsValidator.FailOnError)
            .WithOrderer(new DefaultOrderer(SummaryOrderPolicy.Declared))
            .WithOptions(ConfigOptions.JoinSummary);
        return hasJob ? config : config.AddJob(Usual);
    }

    /// <summary>15 iterations of a quarter of a second, as dotnet/performance measures. One far slower than the others is another process's doing.</summary>
    private static Job Usual => Job.Default
        .WithToolchain(InProcessEmitToolchain.Instance)
        .WithWarmupCount(1)
        .WithIterationTime(TimeInterval.FromMilliseconds(250))
        .WithIterationCount(15)
        .WithMinInvokeCount(1)
        .WithOutlierMode(OutlierMode.RemoveUpper)
        .AsDefault();
}
