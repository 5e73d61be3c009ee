using JepaEngine.Autograd;
using JepaEngine.Jepa.Models;
using JepaEngine.Memory;
using JepaEngine.Nn;
using JepaEngine.Ops;
using JepaEngine.Optim;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.Autograd;

/// <summary>A training loop runs in constant memory: nothing leaks, and a step's managed garbage does not grow.</summary>
[Collection(Alone.Name)]
public class SteadyStateTests(ITestOutputHelper output)
{
    /// <summary>Managed bytes of a step: tensors, closures and lists, no data. Raise one only with the reason.</summary>
    private const long MlpBytes = 4_000, WorldModelBytes = 85_000;

    [Fact]
    public void Ten_thousand_steps_of_an_mlp()
    {
        Device device = Device.Cpu;
        using var model = new Mlp(8, 16);
        model.Allocate(device);
        using var optimizer = new AdamW(model) { LearningRate = 1e-3, ClipNorm = 1 };
        float[] batch = [.. Enumerable.Range(0, 64).Select(i => i / 64f)];
        Run("mlp", steps: 10_000, MlpBytes, _ =>
        {
            using var tape = new Tape(device, "step");
            Tensor x = tape.From<float>(batch, [8, 8]);
            Tensor loss = model.Forward(x, residual: x).MeanSquaredError(x);
            tape.Backward(loss);
            Assert.True(optimizer.Step().Applied);
        });
    }

    [Fact]
    public void Three_hundred_steps_of_a_world_model()
    {
        Device device = Device.Cpu;
        using var model = new LeWorldModel(LeWorldModelConfig.Demo with
        {
            ImageSize = 28,
            EncoderWidth = 24,
            EncoderDepth = 2,
            EncoderMlp = 32,
            EmbeddingWidth = 16,
            ProjectorHidden = 24,
            History = 2,
            PredictorMlp = 24,
            Dropout = 0.1,
        });
        model.Allocate(device);
        model.Train();
        using var optimizer = new AdamW(model) { LearningRate = 1e-3, ClipNorm = 1 };
        byte[] frames = [.. Enumerable.Range(0, 2 * 3 * 28 * 28 * 3).Select(i => (byte)i)];
        Run("world model", steps: 300, WorldModelBytes, step =>
        {
            using var tape = new Tape(device, "step");
            PhiloxKey key = new PhiloxKey(1).Child((ulong)step);
            Tensor pixels = tape.FromRaw<byte>(frames, [2, 3, 28, 28, 3]).Permute(0, 1, 4, 2, 3);
            LeWorldModelOutput result = model.Forward(pixels, tape.RandomNormal([2, 2, 10], key), key.Child(1));
            Tensor loss = result.Predictions.MeanSquaredError(result.Embeddings.Slice(1, 1, 2))
                + result.Embeddings.Transpose(0, 1).SigReg(tape.RandomDirections(8, 16, key.Child(2))) * 0.1;
            tape.Backward(loss);
            Assert.True(optimizer.Step().Applied);
        });
    }

    private void Run(string what, int steps, long allowed, Action<int> step)
    {
        const int window = 20;
        int settled = Math.Min(100, steps / 3), done = 0;
        void Next() => step(done++);
        while (done < settled)
            Next();
        // Lists have reached their size by now; both windows must cost the same.
        long bytesEarly = Garbage.Least(Next, window);
        MemoryReport early = Device.Cpu.Allocator.Report();
        while (done < steps - window)
            Next();
        long bytesLate = Garbage.Least(Next, window);
        output.WriteLine($"{what}: {bytesLate} managed bytes a step");
        Assert.Equal(early, Device.Cpu.Allocator.Report());
        Assert.True(bytesLate <= bytesEarly, $"{what}: {bytesEarly} managed bytes in step {settled}, {bytesLate} in the last");
        Assert.True(bytesLate <= allowed, $"{what}: {bytesLate} managed bytes a step; {allowed} are allowed");
    }
}
