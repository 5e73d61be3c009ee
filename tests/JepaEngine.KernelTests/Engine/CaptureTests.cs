using JepaEngine.Autograd;
using JepaEngine.Backends;
using JepaEngine.Cuda.Driver;
using JepaEngine.Memory;
using JepaEngine.Nn;
using JepaEngine.Ops;
using JepaEngine.Optim;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.KernelTests.Engine;

/// <summary>A recorded piece of work does the same as the work, as one launch, on whatever lies in its inputs by then.</summary>
[Collection(Alone.Name)]
public sealed class CaptureTests
{
    private static readonly PhiloxKey Key = new(5);

    [Fact]
    public void Replays_a_forward_pass_on_new_inputs()
    {
        Device device = Gpus.Require("sim");
        using var model = new Small(device);
        using var scope = new TensorScope(device);
        Tensor x = scope.RandomNormal([6, 24], Key), y = scope.Empty([6, 24]);
        void Forward()
        {
            using var step = new TensorScope(device);
            y.CopyFrom(model.Forward(step.Use(x)));
        }
        using var capture = new Capture(device, Forward);
        x.CopyFrom(scope.RandomNormal([6, 24], Key.Child(1)));
        device.Backend.Fill(y.Operand, double.NaN);
        Backend backend = device.Backend;
        (long launches, long bytes) = (backend.Launches, backend.BytesMoved);
        capture.Replay();
        // What it moves is what the work moves, as one launch instead of many.
        Assert.Equal((launches + 1, bytes + capture.BytesMoved), (backend.Launches, backend.BytesMoved));
        Assert.True(capture.Kernels >= 3, $"{capture.Kernels} kernels were recorded");
        float[] replayed = y.ToArray<float>();
        (launches, bytes) = (backend.Launches, backend.BytesMoved);
        Forward();
        Assert.Equal((launches + capture.Kernels, bytes + capture.BytesMoved), (backend.Launches, backend.BytesMoved));
        Assert.Equal(y.ToArray<float>(), replayed);
    }

    [Fact]
    public void Replays_training_steps_to_the_same_bits()
    {
        Device device = Gpus.Require("sim");
        float[] stepped = Train(device, recorded: false), replayed = Train(device, recorded: true);
        Assert.Equal(stepped, replayed);
    }

    [Fact]
    public void Draws_other_numbers_in_each_replay()
    {
        Device device = Gpus.Require("sim");
        using var scope = new TensorScope(device);
        Tensor drawn = scope.Empty([50]);
        using var capture = new Capture(device, () => device.Backend.RandomNormal(drawn.Operand, Key, 0, 1));
        Assert.Equal(scope.RandomNormal([50], Key).ToArray<float>(), drawn.ToArray<float>());
        for (ulong replay = 1; replay <= 2; replay++)
        {
            capture.Replay();
            Assert.Equal(scope.RandomNormal([50], Key.Child(replay)).ToArray<float>(), drawn.ToArray<float>());
        }
    }

    [Fact]
    public void Keeps_what_the_host_uploaded()
    {
        Device device = Gpus.Require("sim");
        using var scope = new TensorScope(device);
        Tensor y = scope.Full([3], 0);
        float[] table = [1, 2, 3];
        void Add()
        {
            using var step = new TensorScope(device);
            y.CopyFrom(step.Use(y) + step.From<float>(table, [3]));
        }
        using var capture = new Capture(device, Add);
        table.AsSpan().Clear();
        capture.Replay();
        capture.Replay();
        Assert.Equal([3f, 6f, 9f], y.ToArray<float>());
    }

    [Fact]
    public void Keeps_its_memory_from_others_until_it_is_disposed()
    {
        Device device = Gpus.Require("sim");
        using var scope = new TensorScope(device);
        Tensor x = scope.Full([4000], 2), y = scope.Empty([4000]);
        var capture = new Capture(device, () =>
        {
            using var step = new TensorScope(device);
            y.CopyFrom((step.Use(x) * 3).Square());
        });
        // Whoever rents memory of this size now must not get what the recording works on.
        Tensor[] others = [.. Enumerable.Range(0, 8).Select(i => scope.Full([4000], i))];
        capture.Replay();
        Assert.Equal(36, y.ToArray<float>()[^1]);
        Assert.All(others.Select((other, i) => (other, i)), pair => Assert.Equal(pair.i, pair.other.ToArray<float>().Average()));
        capture.Dispose();
        long cached = device.Allocator.Report().Cached;
        device.Allocator.Trim();
        Assert.True(cached > 0);
        Assert.Equal(0, device.Allocator.Report().Cached);
    }

    [Fact]
    public void Refuses_work_that_reads_back()
    {
        Device device = Gpus.Require("sim");
        using var scope = new TensorScope(device);
        Tensor x = scope.Full([3], 1);
        var error = Assert.Throws<CudaException>(() => new Capture(device, () => x.ToArray<float>()));
        Assert.Contains("Download", error.Message, StringComparison.Ordinal);
        // The device goes on.
        Assert.Equal(3, x.Sum().Item());
    }

    [Fact]
    public void On_the_processor_runs_the_work_itself()
    {
        int runs = 0;
        using var capture = new Capture(Device.Cpu, () => runs++);
        capture.Replay();
        Assert.Equal(2, runs);
        Assert.Equal(0, capture.Kernels);
    }

    /// <summary>Four steps on one batch; recorded, the first is the recording's own run.</summary>
    private static float[] Train(Device device, bool recorded)
    {
        using var model = new Small(device);
        using var optimizer = new AdamW(model) { ClipNorm = 0.5 };
        using var scope = new TensorScope(device);
        Tensor x = scope.RandomNormal([8, 24], Key), target = scope.RandomNormal([8, 24], Key.Child(2));
        void Step()
        {
            using var tape = new Tape(device);
            Tensor loss = model.Forward(tape.Use(x)).MeanSquaredError(tape.Use(target));
            tape.Backward(loss);
            optimizer.Apply();
        }
        optimizer.Advance();
        using Capture? capture = recorded ? new Capture(device, Step) : null;
        if (!recorded)
            Step();
        for (int step = 1; step < 4; step++)
        {
            optimizer.LearningRate = 1e-3 / step;
            optimizer.Advance();
            if (capture is null)
                Step();
            else
                capture.Replay();
        }
        Assert.Equal(4, optimizer.Steps);
        Assert.True(optimizer.GradientNorm > 0);
        return [.. model.Parameters().SelectMany(p => p.Parameter.Value.ToArray<float>())];
    }

    private sealed class Small : Module
    {
        private readonly LayerNorm norm;
        private readonly Mlp mlp;

        public Small(Device device)
        {
            norm = Child("norm", new LayerNorm(24, 1e-6));
            mlp = Child("mlp", new Mlp(24, 40));
            Allocate(device, 3);
        }

        public Tensor Forward(Tensor x) => mlp.Forward(norm.Forward(x));
    }
}
