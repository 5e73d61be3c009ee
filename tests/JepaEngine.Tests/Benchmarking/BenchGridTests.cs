using JepaEngine.Backends.Cpu;
using JepaEngine.Jepa.Benchmarking;
using JepaEngine.Ops;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.Benchmarking;

public sealed class BenchGridTests
{
    /// <summary>They look at their input in another way: no kernel runs.</summary>
    private static readonly string[] Views = ["Use", "Reshape", "Transpose", "Permute", "Slice", "Select", "Broadcast", "Detach"];

    public static TheoryData<string> Measured => [.. BenchGrid.OpNames];

    [Fact]
    public void EveryOperationOfTheTableIsMeasuredOrAView() =>
        Assert.Equal(OpTable.All.Select(op => op.Name).Order(), BenchGrid.OpNames.Concat(Views).Order());

    [Fact]
    public void ARowsNameIsItsOwn()
    {
        foreach (Device device in (Device[])[Device.Cpu, Device.Cuda(), Device.Simulator])
        {
            IReadOnlyList<BenchCase> cases = new BenchGrid { Ops = BenchGrid.OpNames, Devices = [device] }.Cases();
            Assert.Equal(cases.Count, cases.Select(item => (item.Name, item.Pass)).Distinct().Count());
        }
    }

    /// <summary>The name is what histories and peers' files are joined by; beside it the GFLOP.</summary>
    [Fact]
    public void NamesStay()
    {
        (string, string, double?)[] expected =
        [
            ("MatMul 2048x1024x1024", "forward", 4.29), ("MatMul 2048x1024x1024", "backward", 8.59), ("MatMul 1024x1024x1024", "forward", 2.15),
            ("MatMul 2048x2048x2048", "forward", 17.18), ("MatMul 4096x4096x4096", "forward", 137.44),
            ("Attention 1x2048x16x64", "forward", 17.18), ("Attention 1x2048x16x64", "backward", 42.95),
            ("LayerNorm 2048x1024", "forward", 0.02), ("LayerNorm 2048x1024", "backward", 0.02),
            ("AdamW 10000000", "step", 0.14), ("AdamW 10000000 with average", "step", 0.14),
            ("vjepa2-vitl-2", "encode", null), ("vjepa2-vitl-16", "encode", null), ("lewm-train 128x4", "step", null), ("lewm-plan 300x30x5", "plan", null),
            ("demo-train 64x4", "step", null), ("demo-plan 256x4x14", "plan", null),
        ];
        var grid = new BenchGrid
        {
            Ops = ["MatMul", "Attention", "LayerNorm", "AdamW"],
            Models = ["vjepa2-vitl-2", "vjepa2-vitl-16", "lewm-train", "lewm-plan", "demo-train", "demo-plan"],
            Tokens = [2048],
            Devices = [Device.Cuda()],
        };
        Assert.Equal(expected, grid.Cases().Select(item => (item.Name, item.Pass, Billions(item.Flops))));

        static double? Billions(double? flops) => flops is { } known ? Math.Round(1e-9 * known, 2) : null;
    }

    /// <summary>What the vendor's library is asked for beside them: an error here would compare two different products.</summary>
    [Fact]
    public void AProductKnowsItsSizes()
    {
        var grid = new BenchGrid { Ops = ["MatMul", "Linear", "Gelu"], Tokens = [256], Devices = [Device.Cpu] };
        MatrixProduct product = new(256, 1024, 1024, false), linear = new(256, 4096, 1024, true);
        Assert.Equal(
            [("forward", product), ("backward", null), ("forward", linear), ("backward", null), ("forward", linear), ("forward", null), ("backward", null)],
            grid.Cases().Select(item => (item.Pass, item.Product)));
    }

    [Theory]
    [InlineData("Reshape", "nothing to measure")]
    [InlineData("LayerNorn", "no operation is called 'LayerNorn'; there are MatMul")]
    public void WhatCannotBeMeasuredIsSaid(string op, string message) =>
        Assert.Contains(message, Assert.Throws<ArgumentException>(() => new BenchGrid { Ops = [op], Devices = [Device.Cpu] }.Cases()).Message);

    [Fact]
    public void AllThreadsAreANumber() => Assert.Equal(
        CpuIsas.ThreadsFromEnvironment(), new BenchGrid { Ops = ["Relu"], Tokens = [16], Devices = [Device.Cpu] }.Cases().Single().Device.Threads);

    [Fact]
    public void ModelsAreNotSimulated()
    {
        Assert.Contains("days", Assert.Throws<ArgumentException>(() => new BenchGrid { Models = ["ijepa-vith"], Devices = [Device.Simulator] }.Cases()).Message);
        Assert.Contains("no model is called", Assert.Throws<ArgumentException>(() => new BenchGrid { Models = ["ijepa"], Devices = [Device.Cpu] }.Cases()).Message);
    }

    /// <summary>Every row of the list does its work: with these few tokens, once.</summary>
    [Theory]
    [MemberData(nameof(Measured))]
    public void EveryRowRuns(string op)
    {
        var grid = new BenchGrid { Ops = [op], Tokens = [16], Devices = [Device.Cpu.With(threads: 1)] };
        foreach (BenchCase item in grid.Cases())
        {
            using BenchWork work = item.Prepare();
            work.Ready();
            work.Run();
            work.Done();
            Assert.True(work.Bytes > 0, $"{item.Name} {item.Pass} moves no bytes");
        }
    }
}
