using System.IO.Pipes;
using JepaEngine.Jepa.Benchmarking;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.Benchmarking;

/// <summary>Real kernels by turns, as two builds take them: two benches ask through pipes and write their records there. Only the processes are missing.</summary>
[Collection(Alone.Name)]
public sealed class TurnTests
{
    private static readonly Device Cpu = Device.Cpu.With(threads: 1);

    /// <summary>Ten kernels against themselves.</summary>
    [Fact]
    public async Task TheSameKernelRaisesNoAlarm()
    {
        BenchCase[] cases = [.. new BenchGrid { Ops = ["Gelu", "LayerNorm", "Silu", "Add", "Square"], Tokens = [8, 16], Devices = [Cpu] }.Cases()
            .Where(item => item.Pass == "forward").Take(10)];
        Assert.Equal(10, cases.Length);
        Comparison comparison = await ByTurns(cases, cases);
        Tell(comparison);
        Assert.Equal(10, comparison.Cases.Count);
        Assert.InRange(comparison.Count(Verdict.Slower) + comparison.Count(Verdict.Faster), 0, 1);
    }

    /// <summary>The second one does its work four times: half as much is not always caught while other work takes both cores.</summary>
    [Fact]
    public async Task AKernelMadeSlowerIsCaught()
    {
        BenchCase[] cases = [.. new BenchGrid { Ops = ["LayerNorm", "Gelu"], Tokens = [16], Devices = [Cpu] }.Cases().Where(item => item.Pass == "forward")];
        BenchCase[] slower = [.. cases.Select(item => new BenchCase(item.Name, item.Pass, item.Device, item.Flops, () => new FourTimes(item)))];
        Comparison comparison = await ByTurns(cases, slower);
        Tell(comparison);
        Assert.Equal([Verdict.Slower, Verdict.Slower], comparison.Cases.Select(item => item.Verdict));
        Assert.All(comparison.Cases, item => Assert.InRange(item.Ratio!.Value, 2, 8));
    }

    /// <summary>One that ends without a word ends the comparison: the other is not measured to the end for nothing.</summary>
    [Fact]
    public async Task AnEndEndsBoth()
    {
        var answers = new StringWriter();
        var living = new TurnHost(answers, new StringReader(string.Concat(Enumerable.Repeat("turn of 9\n", 9)) + "a result\n"));
        var dying = new TurnHost(new StringWriter(), new StringReader("turn of 9\nturn of 9\n"));
        await living.Listen(TestContext.Current.CancellationToken);
        await dying.Listen(TestContext.Current.CancellationToken);
        int pairs = 0;
        await TurnHost.Alternate(living, dying, _ => pairs++, TestContext.Current.CancellationToken);
        Assert.Equal((2, "go\ngo\n"), (pairs, answers.ToString().ReplaceLineEndings("\n")));
        Assert.Throws<OperationCanceledException>(() => new TurnClient(TextReader.Null, TextWriter.Null, 2).Done(-1));
    }

    private static void Tell(Comparison comparison) => TestContext.Current.TestOutputHelper!.WriteLine(string.Join('\n', comparison.Plain()));

    private static Task<Comparison> ByTurns(BenchCase[] before, BenchCase[] after) => new TurnRuns(async rows =>
    {
        using var first = new Side(Named(before, rows));
        using var second = new Side(Named(after, rows));
        await first.Host.Listen(TestContext.Current.CancellationToken);
        await second.Host.Listen(TestContext.Current.CancellationToken);
        await TurnHost.Alternate(first.Host, second.Host, _ => { }, TestContext.Current.CancellationToken);
        string run = $"{Guid.NewGuid():N}";
        return (Results(first, run), Results(second, run));
    }, 0.05).Run();

    private static BenchCase[] Named(BenchCase[] cases, IReadOnlyList<string> rows) => [.. cases.Where(item => rows.Count == 0 || rows.Contains(item.Label))];

    private static IReadOnlyList<BenchRecord> Results(Side side, string run) => [.. BenchFile.Parse(side.Host.Lines).Records.Select(record => record with { Turns = run })];

    /// <summary>A kernel's work, done four times.</summary>
    private sealed class FourTimes(BenchCase item) : BenchWork(item.Device, "four times")
    {
        private readonly BenchWork work = item.Prepare();

        public override void Run()
        {
            for (int i = 0; i < 4; i++)
                work.Run();
        }

        public override void Dispose()
        {
            work.Dispose();
            base.Dispose();
        }
    }

    /// <summary>A bench on a thread of its own, with a pipe each way.</summary>
    private sealed class Side : IDisposable
    {
        private readonly AnonymousPipeServerStream answers = new(PipeDirection.Out), questions = new(PipeDirection.In);
        private readonly BenchCase[] cases;
        private readonly Thread thread;

        public Side(BenchCase[] cases)
        {
            this.cases = cases;
            Host = new TurnHost(new StreamWriter(answers), new StreamReader(questions));
            thread = new Thread(Measure);
            thread.Start();
        }

        public TurnHost Host { get; }

        public void Dispose()
        {
            answers.Dispose();
            questions.Dispose();
            thread.Join();
        }

        private void Measure()
        {
            using var from = new StreamReader(new AnonymousPipeClientStream(PipeDirection.In, answers.ClientSafePipeHandle));
            using var to = new StreamWriter(new AnonymousPipeClientStream(PipeDirection.Out, questions.ClientSafePipeHandle));
            using var runner = new BenchRunner(cases, new BenchOptions(IsCold: false));
            var turns = new TurnClient(from, to, runner.Visits);
            try
            {
                turns.Done(-1);
                foreach (BenchRecord record in runner.Run(BenchMachine.Of("a processor", [Cpu]), turns.Done))
                    to.WriteLine(record.ToJson());
            }
            catch (OperationCanceledException)
            {
                // The test has failed already.
            }
        }
    }
}
