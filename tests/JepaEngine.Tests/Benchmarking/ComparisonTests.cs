using System.Globalization;
using JepaEngine.Jepa.Benchmarking;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.Benchmarking;

/// <summary>Verdicts on runs by turns as <c>jepa compare</c> makes them: three runs of fifteen turns of four samples.</summary>
public sealed class ComparisonTests
{
    private const double Threshold = 0.05;

    private const int Turns = 15, Each = 4;

    private static readonly BenchRecord Steady = BenchFileTests.Sample with
    {
        Samples = [.. Enumerable.Range(0, Turns * Each).Select(i => 10 + 0.01 * (i * 7 % 10))], Rounds = Turns, Turns = "a comparison",
    };

    private static BenchRecord Times(BenchRecord record, double factor) => record with { Samples = [.. record.Samples.Select(sample => factor * sample)] };

    private static CaseComparison Judge(BenchRecord before, BenchRecord after) =>
        Assert.Single(Comparison.Of(Runs(before), Runs(after), Threshold).Cases);

    private static IEnumerable<BenchRecord> Runs(BenchRecord record) => Enumerable.Range(0, 3).Select(run => record with { Turns = record.Turns is { } turns ? turns + run : null });

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
    /// The machines: an idle one; one whose speed drifts by 20 % from turn to turn, which both builds meet; one where each visit besides varies by 3 %, and by 10 %,
    /// on its own; one where each process has a speed of its own, by 5 %; one where a twentieth of the samples takes three times as long. Runs are made as
    /// <c>jepa compare</c> makes them, up to four. Of 1000 pairs of the same kernel at most 5 may be called slower or faster, so that 50 raise more than one alarm in less
    /// than 3 of 100 cases; a kernel made slower by 10 % is caught, or ambiguous where visits or processes differ as much as that.
    /// </summary>
    [Theory]
    [InlineData(0, 0, 0, 0, 1000)]
    [InlineData(0.2, 0.01, 0, 0, 995)]
    [InlineData(0.2, 0.03, 0, 0, 900)]
    [InlineData(0.2, 0.1, 0, 0, 100)]
    [InlineData(0.2, 0.01, 0.05, 0, 50)]
    [InlineData(0.01, 0.01, 0, 0.05, 990)]
    public async Task ASlowerKernelIsCaughtAndTheSameIsNot(double drift, double visit, double process, double outliers, int leastCaught)
    {
        var random = new PhiloxRandom(new PhiloxKey(11));
        int falseAlarms = 0, caught = 0, runs = 0;
        for (int pair = 0; pair < 1000; pair++)
        {
            falseAlarms += await Verdict(1) is Jepa.Benchmarking.Verdict.Slower or Jepa.Benchmarking.Verdict.Faster ? 1 : 0;
            caught += await Verdict(1.1) == Jepa.Benchmarking.Verdict.Slower ? 1 : 0;
        }
        TestContext.Current.TestOutputHelper!.WriteLine($"{falseAlarms} false alarms, {caught} caught, {runs / 2000.0} runs each");
        Assert.InRange(falseAlarms, 0, 5);
        Assert.InRange(caught, leastCaught, 1000);

        async Task<Verdict> Verdict(double factor)
        {
            Comparison comparison = await new TurnRuns(_ =>
            {
                double[] machine = [.. Enumerable.Range(0, Turns).Select(_ => Math.Exp(drift * random.NextNormal()))];
                runs++;
                return Task.FromResult<(IReadOnlyList<BenchRecord>, IReadOnlyList<BenchRecord>)>(([Run(machine, 1)], [Run(machine, factor)]));
            }, Threshold).Run();
            return Assert.Single(comparison.Cases).Verdict;
        }

        BenchRecord Run(double[] machine, double factor)
        {
            double own = factor * (1 + process * random.NextNormal());
            return Steady with { Turns = $"{runs}", Samples = [.. machine.SelectMany(level => Visit(own * level * (1 + visit * random.NextNormal())))] };
        }

        double[] Visit(double level) => [.. Enumerable.Range(0, Each).Select(_ => level * (1 + 0.01 * random.NextNormal()) * (random.NextUniform() < outliers ? 3 : 1))];
    }

    [Fact]
    public void ARunIsNotEnoughForADifferenceAndEnoughForNone()
    {
        CaseComparison item = Assert.Single(Comparison.Of([Steady], [Times(Steady, 1.1)], Threshold).Cases);
        Assert.Equal((Verdict.Ambiguous, true, "10.0 % slower so far; 3 runs have to say so, not 1"), (item.Verdict, item.IsOpen, item.Reason));
        Assert.Equal(Verdict.Same, Assert.Single(Comparison.Of([Steady], [Steady], Threshold).Cases).Verdict);
    }

    /// <summary>Both doubled in the second half: alone each would be noise of 100 %; by turns they differ by 1 %.</summary>
    [Fact]
    public void WhatHitsBothIsNoNoise()
    {
        BenchRecord drifting = Steady with { Samples = [.. Steady.Samples.Select((sample, i) => i < 30 ? sample : 2 * sample)] };
        CaseComparison item = Judge(drifting, Times(drifting, 1.01));
        Assert.Equal(Verdict.Same, item.Verdict);
        Assert.Equal((1.01, 0), (Math.Round(item.Ratio!.Value, 9), Math.Round(item.Noise!.Value, 9)));
    }

    [Fact]
    public void ANoisyRunIsAmbiguousAndNeverTheSame()
    {
        BenchRecord noisy = Steady with { Samples = [.. Steady.Samples.Select((sample, i) => i / Each % 2 == 0 ? sample : 1.3 * sample)] };
        CaseComparison item = Judge(Steady, noisy);
        Assert.Equal((Verdict.Ambiguous, true), (item.Verdict, item.IsOpen));
        Assert.Equal("noise 30.0 % hides the 5 % that matter; run it again", item.Reason);
    }

    [Fact]
    public void FewTurnsAreAmbiguousUntilThereAreMore()
    {
        BenchRecord part = Steady with { Samples = Steady.Samples[..20], Rounds = 5 };
        CaseComparison item = Assert.Single(Comparison.Of([part], [part], Threshold).Cases);
        Assert.Equal((Verdict.Ambiguous, true, "5 turns; 10 are needed"), (item.Verdict, item.IsOpen, item.Reason));
        // Another comparison of the same builds: the turns of both count. The clock's frequency is no other machine.
        BenchRecord more = part with { Turns = "another", Machine = part.Machine! with { CpuMegahertz = 1000 } };
        Assert.Equal(Verdict.Same, Assert.Single(Comparison.Of([part, more], [more, part], Threshold).Cases).Verdict);
        BenchRecord elsewhere = more with { Machine = part.Machine! with { Cores = 8 } };
        Assert.Equal(Verdict.Ambiguous, Assert.Single(Comparison.Of([part, elsewhere], [part, elsewhere], Threshold).Cases).Verdict);
    }

    [Fact]
    public void WhatWasMeasuredOneAfterTheOtherIsShownAndNotJudged()
    {
        CaseComparison item = Judge(Steady, Times(Steady, 2) with { Turns = "another" });
        Assert.Equal((Verdict.Ambiguous, false, 2.0), (item.Verdict, item.IsOpen, item.Ratio));
        Assert.StartsWith("measured one after the other", item.Reason, StringComparison.Ordinal);
        Assert.Equal(item, Judge(Steady with { Turns = null }, Times(Steady, 2) with { Turns = null }) with { Before = item.Before, After = item.After });
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
        Assert.Equal((Verdict.Ambiguous, false), (item.Verdict, item.IsOpen));
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
    public void CasesOfOneBuildAreListed()
    {
        BenchRecord other = Steady with { Threads = 1 }, warm = Steady with { Cold = false };
        Comparison comparison = Comparison.Of([Steady, other], [Steady, warm], Threshold);
        Assert.Single(comparison.Cases);
        Assert.Equal("Linear gelu 256x4096x1024 forward cpu x1 F32", Assert.Single(comparison.OnlyBefore).Label);
        Assert.False(Assert.Single(comparison.OnlyAfter).Cold);
    }

    [Fact]
    public void NumbersHaveADotWhateverTheCulture()
    {
        Comparison comparison = Compare();
        string expected = Lines();
        Assert.Contains("  1.100  slower", expected);
        var comma = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        comma.NumberFormat.NumberDecimalSeparator = ",";
        CultureInfo before = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = comma;
            comparison = Compare();
            Assert.Equal(expected, Lines());
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }

        static Comparison Compare() => Comparison.Of(Runs(Steady), Runs(Times(Steady, 1.1)), 0.025);

        string Lines() => string.Join('\n', [.. comparison.Plain(), .. comparison.Markdown()]);
    }
}
