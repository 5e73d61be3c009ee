using JepaEngine.Jepa.Benchmarking;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.Benchmarking;

/// <summary>Verdicts on runs as <c>jepa bench</c> keeps them: five rounds of ten samples.</summary>
public sealed class ComparisonTests
{
    private const double Threshold = 0.05;

    private static readonly BenchRecord Steady = BenchFileTests.Sample with { Samples = [.. Enumerable.Range(0, 50).Select(i => 10 + 0.01 * (i * 7 % 10))] };

    private static BenchRecord Times(BenchRecord record, double factor) => record with { Samples = [.. record.Samples.Select(sample => factor * sample)] };

    private static CaseComparison Judge(BenchRecord before, BenchRecord after) => Assert.Single(Comparison.Of([before], [after], Threshold).Cases);

    [Theory]
    [InlineData(1.10, Verdict.Slower)]
    [InlineData(1.051, Verdict.Slower)]
    [InlineData(1.04, Verdict.Same)]
    [InlineData(1.00, Verdict.Same)]
    [InlineData(0.96, Verdict.Same)]
    [InlineData(0.90, Verdict.Faster)]
    public void AChangeCountsFromTheThresholdOn(double factor, Verdict verdict)
    {
        CaseComparison item = Judge(Steady, Times(Steady, factor));
        Assert.Equal((verdict, factor), (item.Verdict, Math.Round(item.Ratio!.Value, 6)));
    }

    /// <summary>
    /// The machines: an idle one, one that changes by 3 % from round to round, one where a twentieth of the samples takes three times as long. Of 1000 pairs of runs of the
    /// same kernel at most 5 may be called slower, so that 50 raise more than one alarm in less than 3 of 100 cases; a kernel made slower by
    /// 10 % is always caught on the idle machine, and in nine of ten pairs where the machine itself changes.
    /// </summary>
    [Theory]
    [InlineData(0.01, 0, 0, 1000)]
    [InlineData(0.01, 0.03, 0, 900)]
    [InlineData(0.01, 0.01, 0.05, 990)]
    public void ASlowerKernelIsCaughtAndTheSameIsNot(double sample, double round, double outliers, int leastCaught)
    {
        var random = new PhiloxRandom(new PhiloxKey(11));
        int falseAlarms = 0, caught = 0;
        for (int pair = 0; pair < 1000; pair++)
        {
            BenchRecord before = Run();
            falseAlarms += Judge(before, Run()).Verdict == Verdict.Slower ? 1 : 0;
            caught += Judge(before, Times(Run(), 1.1)).Verdict == Verdict.Slower ? 1 : 0;
        }
        TestContext.Current.TestOutputHelper!.WriteLine($"{falseAlarms} false alarms, {caught} caught");
        Assert.InRange(falseAlarms, 0, 5);
        Assert.InRange(caught, leastCaught, 1000);

        BenchRecord Run() => Steady with { Samples = [.. Enumerable.Range(0, 5).SelectMany(_ => Round(1 + round * random.NextNormal()))] };

        double[] Round(double level) => [.. Enumerable.Range(0, 10).Select(_ => (level + sample * random.NextNormal()) * (random.NextUniform() < outliers ? 3 : 1))];
    }

    [Fact]
    public void ANoisyRunIsAmbiguousAndNeverTheSame()
    {
        BenchRecord noisy = Steady with { Samples = [.. Enumerable.Range(0, 50).Select(i => 10.0 + i / 10)] };
        CaseComparison item = Judge(noisy, noisy);
        Assert.Equal(Verdict.Ambiguous, item.Verdict);
        Assert.StartsWith("noise 23.1 % hides the 5 % that matter", item.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void FewSamplesAreAmbiguous()
    {
        CaseComparison item = Judge(Steady, Times(Steady, 2) with { Samples = [.. Steady.Samples[..9].Select(sample => 2 * sample)] });
        Assert.Equal((Verdict.Ambiguous, "9 samples; 10 are needed"), (item.Verdict, item.Reason));
    }

    public static TheoryData<string> Differences => ["processor", "vector instructions", "number of cores", "GPU", "driver", "runtime"];

    [Theory]
    [MemberData(nameof(Differences))]
    public void AnotherMachineIsAmbiguous(string what)
    {
        BenchMachine here = Steady.Machine!;
        BenchMachine there = what switch
        {
            "processor" => here with { Cpu = "another" },
            "vector instructions" => here with { Simd = "Avx512" },
            "number of cores" => here with { Cores = 4 },
            "GPU" => here with { Gpu = "a GPU" },
            "driver" => here with { Driver = "1" },
            _ => here with { Runtime = ".NET 11" },
        };
        CaseComparison item = Judge(Steady, Times(Steady, 2) with { Machine = there });
        Assert.Equal(Verdict.Ambiguous, item.Verdict);
        Assert.StartsWith($"another {what}: ", item.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void AnotherBuildOrClockIsTheSameMachine() =>
        Assert.Equal(Verdict.Slower, Judge(Steady, Times(Steady, 2) with { Machine = Steady.Machine! with { Build = "later", CpuMegahertz = 3000 } }).Verdict);

    [Fact]
    public void WhatHasNoMachineNoTimeOrOnlySimulatedTimesIsAmbiguous()
    {
        Assert.Equal("one run does not say on what machine it was", Judge(Steady, Steady with { Machine = null }).Reason);
        CaseComparison none = Judge(Times(Steady, 0), Steady);
        Assert.Equal((Verdict.Ambiguous, null, "less than the clock can tell"), (none.Verdict, none.Ratio, none.Reason));
        BenchRecord simulated = Steady with { Device = "sim" };
        Assert.Equal("the simulator's times mean nothing", Judge(simulated, Times(simulated, 2)).Reason);
    }

    [Fact]
    public void ACaseIsItsSamplesOfAllRunsOfAFile()
    {
        BenchRecord part = Steady with { Samples = Steady.Samples[..5] };
        Assert.Equal(Verdict.Same, Assert.Single(Comparison.Of([part, part], [part, part], Threshold).Cases).Verdict);
        BenchRecord elsewhere = part with { Machine = Steady.Machine! with { Cores = 8 } };
        Assert.Equal(Verdict.Ambiguous, Assert.Single(Comparison.Of([part, elsewhere], [part, part], Threshold).Cases).Verdict);
    }

    [Fact]
    public void CasesOfOneFileAreListed()
    {
        BenchRecord other = Steady with { Threads = 1 }, warm = Steady with { Cold = false };
        Comparison comparison = Comparison.Of([Steady, other], [Steady, warm], Threshold);
        Assert.Single(comparison.Cases);
        Assert.Equal("Linear gelu 256x4096x1024 forward cpu x1 F32", Comparison.Name(Assert.Single(comparison.OnlyBefore)));
        Assert.Equal("Linear gelu 256x4096x1024 forward cpu x2 F32 warm", Comparison.Name(Assert.Single(comparison.OnlyAfter)));
    }
}
