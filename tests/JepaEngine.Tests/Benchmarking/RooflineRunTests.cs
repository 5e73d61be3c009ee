using System.Text.Json;
using JepaEngine.Backends.Profiling;
using JepaEngine.Jepa.Benchmarking;
using JepaEngine.Jepa.Models;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.Benchmarking;

/// <summary>A case taken apart into its operations.</summary>
[Collection(Alone.Name)]
public sealed class RooflineRunTests
{
    private static readonly Device Cpu = Device.Cpu.With(threads: 1);

    private static readonly BenchMachine Machine = BenchMachine.Of("a processor", [Cpu]);

    /// <summary>10 ms on a machine of 100 GFLOP/s and 10 GB/s, of which 9 ms are operations.</summary>
    private static readonly RooflineRun Run = RooflineRun.Of(
        new RooflinePoint { Case = "small", Pass = "plan", Device = "cpu", DType = "F32", Threads = 2, Milliseconds = 10, PeakGflops = 100, PeakGigabytes = 10 },
        [
            new ProfiledOperation("MatMul", "8x4x2 NT gelu", 2, 8, 4e8, 8e6, []),
            new ProfiledOperation("LayerNorm", "8x4", 5, 0.92, 1e6, 8e6, []),
            new ProfiledOperation("Copy", "8x4", 30, 0.04, 0, 3e4, []),
            new ProfiledOperation("Fill", "8", 10, 0.04, 0, 1e4, []),
        ]);

    [Fact]
    public void OperationsAreOneCallAndTheirShareThatOfTheRun()
    {
        Assert.Equal([("MatMul", 2L, 4.0, 0.8), ("LayerNorm", 5, 0.184, 0.092)],
            Run.Shown.Select(point => (point.Operation!, point.Calls, Math.Round(point.Milliseconds!.Value, 9), Math.Round(point.Share!.Value, 9))));
        RooflinePoint product = Run.Shown[0];
        // 200 MFLOP in 4 ms are half of 100 GFLOP/s; 4 MB are a tenth of 10 GB/s.
        Assert.Equal((2e8, 4e6, 0.5, 0.1, RooflineBound.Compute), (product.Flops, product.Bytes, Math.Round(product.OfCompute!.Value, 9), Math.Round(product.OfBandwidth!.Value, 9), product.Bound));
        Assert.Equal((401e6, 0.401), (Run.Case.Flops, Math.Round(Run.Case.OfCompute!.Value, 9)));
    }

    [Fact]
    public void WhatIsBelowHalfAPercentIsOneRowAndTheHostAnother()
    {
        RooflinePoint others = Run.Others!, between = Run.Between!;
        Assert.Equal(("2 below 0.5 %", 40L, 0.002, 0.008), (others.Operation!, others.Calls, Math.Round(others.Milliseconds!.Value, 9), Math.Round(others.Share!.Value, 9)));
        Assert.Equal((47L, 0.1, RooflineBound.Host), (between.Calls, Math.Round(between.Share!.Value, 9), between.Bound));
        Assert.Contains("the host's own work", between.Try);
        Assert.Contains("leave it", (between with { Share = 0.09 }).Try);
    }

    [Fact]
    public void ATableHasAllRowsAndJsonEveryOperation()
    {
        var roofline = new Roofline("small on cpu x2 F32", Run.Shown, 100, 10, "FMA in registers", null) { Run = Run };
        string[] plain = [.. RooflineTable.Plain(roofline)];
        Assert.Equal(["1", "MatMul", "8x4x2", "NT", "gelu", "2", "4.000", "80.0", "200.0", "4.000", "50.00", "50", "10", "compute"],
            plain[1].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("   2 below 0.5 %", plain[3]);
        Assert.StartsWith("   between operations", plain[4]);
        Assert.Equal(5, plain.Length);
        Assert.DoesNotContain("regs", plain[0]);
        Assert.Equal("10.00 ms, 47 calls, 0.4010 GFLOP at 40.10 GFLOP/s, 40 % of the limit", RooflineTable.Summary(Run));
        string[] operations = [.. roofline.All.Select(point => JsonDocument.Parse(point.ToJson()).RootElement)
            .Select(line => line.TryGetProperty("operation", out JsonElement operation) ? operation.GetString()! : "all")];
        Assert.Equal(["all", "MatMul", "LayerNorm", "Copy", "Fill", "between operations"], operations);
        string picture = RooflineChart.Draw(roofline);
        Assert.Contains("MatMul 8x4x2 NT gelu</text>", picture);
        Assert.DoesNotContain("Copy", picture);
    }

    [Fact]
    public void ASentenceNamesItsRows()
    {
        RooflinePoint[] points = [.. Enumerable.Range(1, 6).Select(i => Run.Case with { Number = i, Operation = "MatMul", Milliseconds = 1, Flops = i == 3 ? 9e7 : 5e7, Bytes = 1 })];
        var roofline = new Roofline("", [], 100, 10, "", null) { Run = Run with { Operations = [.. points.Select(point => point with { Share = 0.1 })] } };
        Assert.Equal(["1-2, 4-6: below the roof", "3: at the roof", "between operations: the host's own work"],
            RooflineTable.Advice(roofline).Select(line => string.Join(": ", line.Split(": ")[..2])));
    }

    [Fact]
    public void KernelsOfAnOperationShowTheMostOfEither()
    {
        ProfiledKernel[] kernels = [new("a", 6, 96, 0), new("b", 6, 40, 48 << 10)];
        var run = RooflineRun.Of(Run.Case, [new ProfiledOperation("SigReg", "8", 3, 8, 4e8, 8e6, kernels)]);
        var roofline = new Roofline("", run.Shown, 100, 10, "", null) { Run = run };
        Assert.Equal((4L, 12L, 96, 48 << 10), (run.Shown[0].Launches, run.Case.Launches, run.Shown[0].Registers, run.Shown[0].SharedBytes));
        Assert.EndsWith("  96          48", RooflineTable.Plain(roofline).ElementAt(1));
    }

    /// <summary>The formula that stood here before operations were counted: products, attention and patches, 2 operations a multiplication and addition.</summary>
    [Fact]
    public void AnEncodersCountIsThatOfItsProducts()
    {
        var config = new JepaConfig { Family = VJepa2.Family, Encoder = new VitSize(384, 3, 6, 1536), ImageSize = 128 };
        var item = new BenchCase("small", "encode", Cpu, null, () => new EncodeWork(Cpu, config, 4));
        double tokens = 2 * config.Grid * config.Grid, width = 384, block = 8 * width * width + 4 * width * 1536 + 4 * tokens * width;
        double expected = tokens * (3 * block + 6 * 2 * 16 * 16 * width);
        using var runner = new BenchRunner([item], new BenchOptions(Budget: TimeSpan.FromSeconds(1)));
        double counted = Assert.Single(runner.Run(Machine, _ => { }, TestContext.Current.CancellationToken)).Flops;
        Assert.InRange(counted, expected, 1.01 * expected);
        Roofline roofline = RooflineProfile.Of(item, Machine, TestContext.Current.CancellationToken);
        Assert.Equal(counted, roofline.Run!.Case.Flops);
        Assert.Equal(3, roofline.Run.Operations.Where(point => point.Operation == "Attention").Sum(point => point.Calls));
    }

    /// <summary>
    /// What lies between the operations of a step is the sampler, the tape and the profile itself: were that much, the operations' times would not explain the step.
    /// </summary>
    [Fact]
    public void OperationsExplainAStep()
    {
        BenchCase item = BenchModels.Of("demo-train", Cpu);
        RooflineRun run = RooflineProfile.Of(item, Machine, TestContext.Current.CancellationToken).Run!;
        Assert.InRange(run.Operations.Sum(point => point.Share!.Value), 0.5, 1);
        Assert.Equal(1, run.Operations.Sum(point => point.Share!.Value) + run.Between!.Share!.Value, 1e-9);
        Assert.Contains(run.Operations, point => point.Operation == "AdamW");
        Assert.Contains(run.Operations, point => point.Operation == "AttentionGrad");
    }
}
