using System.Diagnostics;
using JepaEngine.Autograd;
using JepaEngine.IO;
using JepaEngine.Jepa.Inference;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Planning;
using JepaEngine.Jepa.Training;
using JepaEngine.Memory;
using JepaEngine.Nn;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;
using JepaEngine.Tests.Training;

namespace JepaEngine.Tests.Memory;

/// <summary>
/// Eight threads use what a ninth disposes at some moment: each call ends with the bits of an undisturbed one, or with an
/// <see cref="ObjectDisposedException"/>. 10,000 times in all.
/// </summary>
[Collection(Alone.Name)]
public sealed class DisposedWhileUsedTests : IDisposable
{
    private const int Threads = 8;

    private static readonly Device Single = Device.Cpu.With(threads: 1);

    private readonly TemporaryFile temporary = new();

    public void Dispose() => temporary.Dispose();

    [Fact]
    public void AModelUnderSessions() => Race(1500, () =>
    {
        var model = new VJepa2(new JepaConfig
        {
            Family = VJepa2.Family, Encoder = new VitSize(16, 1, 2, 32), ImageSize = 32, Frames = 2, TargetWidth = 16,
        });
        model.Allocate(Single, seed: 1);
        return (model.Dispose, () =>
        {
            using var session = new JepaSession(model);
            return session.Encode(new byte[2 * 32 * 32 * 3], 2, 32, 32).Values.ToArray();
        });
    });

    [Fact]
    public void AModelUnderItsPlanner()
    {
        var options = new LatentPlannerOptions
        {
            Cem = new CemOptions { Candidates = 8, Elites = 2, Iterations = 1, Horizon = 2, ActionSize = 2 }, ActionRepeat = 5,
        };
        Race(1000, () =>
        {
            var model = new LeWorldModel(LeWorldModelConfig.Demo with
            {
                ImageSize = 16, Patch = 8, EncoderWidth = 24, EncoderDepth = 1, EncoderMlp = 32, ProjectorHidden = 16, PredictorDepth = 1,
            });
            model.Allocate(Single, seed: 2);
            var planner = new LatentPlanner(new LeWorldModelAdaptor(model), options);
            return (model.Dispose, () => planner.Plan(new byte[16 * 16 * 3], new byte[16 * 16 * 3]).Blocks[0]);
        });
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ATrainerOrItsModel(bool modelFirst)
    {
        double[] losses;
        using (var recipe = new InventedRecipe())
        using (var trainer = new Trainer(recipe))
            losses = [.. Enumerable.Range(0, recipe.Steps).Select(_ => trainer.Advance().Loss)];
        Race(3000, () =>
        {
            var recipe = new InventedRecipe();
            var trainer = new Trainer(recipe);
            IDisposable[] order = modelFirst ? [recipe, trainer] : [trainer, recipe];
            return (() => Array.ForEach(order, one => one.Dispose()), () =>
            {
                TrainStep step = trainer.Advance();
                return step.Step > losses.Length ? [0] : [(float)(step.Loss - losses[step.Step - 1])];
            });
        });
    }

    [Fact]
    public void MappedWeights()
    {
        using (var scope = new TensorScope(Device.Cpu))
            Safetensors.Write(temporary.Path, [("w", scope.RandomNormal([1100, 4096], new PhiloxKey(1)))]);
        float[] x = [.. Enumerable.Range(0, 4096).Select(i => (float)Math.Sin(i))];
        Race(1500, () =>
        {
            var memory = new TensorScope(Single, "weights") { AcceptsResults = false };
            using TensorFile file = TensorFile.Open(temporary.Path);
            Tensor weight = file.Load("w", memory);
            Assert.Equal(0, memory.BytesInUse);
            return (memory.Dispose, () =>
            {
                using var scope = new TensorScope(Single);
                return scope.From<float>(x, [1, 4096]).Linear(scope.Use(weight).Slice(0, 1000, 20)).ToArray<float>();
            });
        });
        Assert.False(Mapped());
    }

    [Fact]
    public void AMappedFileIsComparedWithItselfBeforeEachUse()
    {
        using var scope = new TensorScope(Device.Cpu);
        Safetensors.Write(temporary.Path, [("a", scope.Full([1024, 4096], 1)), ("b", scope.Full([8, 4096], 2))]);
        using var model = new TensorScope(Device.Cpu, "model") { AcceptsResults = false };
        Tensor a, b;
        using (TensorFile file = TensorFile.Open(temporary.Path))
            (a, b) = (file.Load("a", model), file.Load("b", model));
        Assert.True(Mapped());
        Tensor one = scope.From<float>([1], [1]);
        Assert.Equal(3 * 4096, (b + one).Sum().Item() / 8);
        // A new file in its place is another file.
        string saved = temporary.Path + ".new";
        File.Copy(temporary.Path, saved);
        File.Move(saved, temporary.Path, overwrite: true);
        Assert.Equal(2, b.ToArray<float>()[0]);
        using (TensorFile file = TensorFile.Open(temporary.Path))
            b = file.Load("b", model);
        // What 'cp' does to a file: it is cut short, then written to.
        using (var cut = new FileStream(temporary.Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            cut.SetLength(1000);
        foreach (Action use in (Action[])[() => b.ToArray<float>(), () => _ = Fresh(b), () => b.CopyFrom(b)])
            Assert.Contains("it was written to while it was in use", Assert.Throws<BadFileException>(use).Message);

        static float Fresh(Tensor b)
        {
            using var young = new TensorScope(Device.Cpu);
            return (float)(young.From<float>([1], [1]) + b).Sum().Item();
        }
    }

    [Fact]
    public void WhatIsDisposedByItsOwnCallThrowsAndDoesNotWait()
    {
        using var layer = new Linear(2, 2);
        layer.Allocate(Device.Cpu);
        using var recipe = new InventedRecipe();
        Trainer? trainer = null;
        using var own = trainer = new Trainer(new CallingRecipe(recipe, () => trainer!.Dispose()));
        Assert.Contains("dispose it after the step", Assert.Throws<InvalidOperationException>(own.Advance).Message);
        var model = new VJepa2(new JepaConfig
        {
            Family = VJepa2.Family, Encoder = new VitSize(16, 2, 2, 32), ImageSize = 32, Frames = 2, TargetWidth = 16,
        });
        model.Allocate(Device.Cpu);
        using var session = new JepaSession(model) { Progress = _ => model.Dispose() };
        Assert.Throws<ObjectDisposedException>(() => session.Encode(new byte[32 * 32 * 3], 1, 32, 32).Grid);
        session.Dispose();
        Assert.Contains(nameof(JepaSession),
            Assert.Throws<ObjectDisposedException>(() => session.Encode(new byte[32 * 32 * 3], 1, 32, 32).Grid).Message);
    }

    [Fact]
    public void MemoryGoesBackWithTheLastWhoComputesWithIt()
    {
        using var device = new Device(DeviceKind.Cpu, DType.F32, threads: 2);
        var model = new TensorScope(device, "model") { AcceptsResults = false };
        Tensor weight = model.Full([64], 3);
        using (var scope = new TensorScope(device))
        {
            Tensor twice = scope.Full([64], 2) * weight;
            model.Dispose();
            Assert.True(weight.IsDisposed);
            Assert.Equal(3, device.Allocator.Report().Blocks);
            Assert.Throws<ObjectDisposedException>(() => twice * weight);
            Assert.Throws<ObjectDisposedException>(() => weight.ToArray<float>());
            Assert.All(twice.ToArray<float>(), x => Assert.Equal(6, x));
        }
        Assert.Equal(0, device.Allocator.Report().Blocks);
    }

    private bool Mapped() => File.Exists("/proc/self/maps") && File.ReadAllText("/proc/self/maps").Contains(temporary.Path, StringComparison.Ordinal);

    private static void Race(int rounds, Func<(Action Dispose, Func<float[]> Call)> open)
    {
        (Action end, Func<float[]> call) = open();
        float[] expected = call();
        long begin = Stopwatch.GetTimestamp();
        call();
        double busy = Stopwatch.GetElapsedTime(begin).TotalSeconds * Threads / Environment.ProcessorCount;
        end();
        long memory = Single.Allocator.Report().InUse;
        (long right, Exception? wrong) = (0, null);
        using Barrier start = new(Threads + 1), done = new(Threads + 1);
        Thread[] threads = [.. Enumerable.Range(0, Threads).Select(_ => new Thread(Use))];
        foreach (Thread thread in threads)
            thread.Start();
        var random = new PhiloxRandom(7);
        for (int round = 0; round < rounds; round++)
        {
            (end, call) = open();
            double wait = random.NextUniform(0, 1) * Math.Min(busy, 2e-3);
            start.SignalAndWait();
            begin = Stopwatch.GetTimestamp();
            while (Stopwatch.GetElapsedTime(begin).TotalSeconds < wait)
                Thread.Yield();
            end();
            done.SignalAndWait();
        }
        foreach (Thread thread in threads)
            thread.Join();
        Assert.Null(wrong);
        Assert.True(right > 0);
        Assert.Equal(memory, Single.Allocator.Report().InUse);

        void Use()
        {
            for (int round = 0; round < rounds; round++)
            {
                start.SignalAndWait();
                try
                {
                    Assert.Equal(expected, call());
                    Interlocked.Increment(ref right);
                    call();
                }
                catch (ObjectDisposedException)
                {
                }
                catch (Exception error)
                {
                    wrong = error;
                }
                done.SignalAndWait();
            }
        }
    }

    /// <summary>Does something else too when it is asked for its loss.</summary>
    private sealed class CallingRecipe(ITrainingRecipe inner, Action also) : ITrainingRecipe
    {
        public Module Model => inner.Model;
        public int Steps => inner.Steps;
        public int Samples => inner.Samples;
        public ulong Seed => inner.Seed;
        public IReadOnlyDictionary<string, string> Metadata => inner.Metadata;

        public StepNumbers At(int step) => inner.At(step);

        public void Prepare(PhiloxKey key) => inner.Prepare(key);

        public TrainingLoss Loss(Tape tape, PhiloxKey key)
        {
            also();
            return inner.Loss(tape, key);
        }
    }
}
