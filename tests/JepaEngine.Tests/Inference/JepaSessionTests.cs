using JepaEngine.IO;
using JepaEngine.Jepa.Inference;
using JepaEngine.Jepa.Models;
using JepaEngine.Memory;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.Inference;

[Collection(Alone.Name)]
public sealed class JepaSessionTests
{
    private static readonly JepaConfig Small = new()
    {
        Family = VJepa2.Family,
        Encoder = new VitSize(64, 2, 2, 256),
        ImageSize = 64,
        Frames = 4,
        TargetWidth = 64,
        Probe = new ProbeConfig { Size = new VitSize(64, 1, 2, 256), Classes = [3], Labels = ["left", "right", "none"] },
    };

    [Fact]
    public void Threads_share_a_model_and_give_the_same_bits()
    {
        using VJepa2 model = Model();
        byte[] clip = Clip(4, 80, 100);
        float[] expected;
        using (var session = new JepaSession(model))
            expected = session.Encode(clip, 4, 80, 100).Values.ToArray();
        Assert.Equal(2 * 4 * 4 * 64, expected.Length);
        float[][] results = new float[4][];
        Parallel.For(0, results.Length, new ParallelOptions { MaxDegreeOfParallelism = results.Length }, i =>
        {
            using var session = new JepaSession(model);
            for (int call = 0; call < 3; call++)
                results[i] = session.Encode(clip, 4, 80, 100).Values.ToArray();
        });
        Assert.All(results, result => Assert.Equal(expected, result));
    }

    [Fact]
    public void A_session_frames_and_normalises_as_the_reference()
    {
        using VJepa2 model = Model();
        byte[] clip = Clip(2, 80, 100);
        using var session = new JepaSession(model);
        EncodedTokens encoded = session.Encode(clip, 2, 80, 100);
        Assert.Equal(new TokenGrid(1, 4, 4), encoded.Grid);
        using var scope = new TensorScope(Device.Cpu);
        float[] pixels = [.. clip.Chunk(80 * 100 * 3).SelectMany(frame => model.Config.Preprocess.Normalize(model.Config.Preprocess.Apply(new Picture(100, 80, frame))))];
        Golden.Close("tokens", [.. encoded.Values.ToArray().Select(x => (double)x)], model.Encode(scope.From<float>(pixels, [1, 2, 3, 64, 64])), 1e-5);
    }

    [Fact]
    public void Classes_come_with_names_and_probabilities()
    {
        using VJepa2 model = Model();
        using var session = new JepaSession(model);
        ClassScore[] scores = session.ClassifyFramed([Picture(1), Picture(2)]);
        Assert.Equal(3, scores.Length);
        Assert.Equal(1, scores.Sum(score => score.Probability), 1e-9);
        Assert.True(scores[0].Probability >= scores[1].Probability && scores[1].Probability >= scores[2].Probability);
        Assert.Equal(["left", "none", "right"], scores.Select(score => score.Label).Order());
    }

    [Fact]
    public void A_clip_that_does_not_fit_is_refused_with_the_largest_that_does()
    {
        using VJepa2 model = Model();
        long room = MemoryPlan.Activations(Small, 1, 5 * 16);
        using var session = new JepaSession(model) { MemoryLimit = room };
        session.Encode(Clip(8, 64, 64), 8, 64, 64);
        string message = Assert.Throws<MemoryRefusedException>(() => session.Encode(Clip(16, 64, 64), 16, 64, 64)).Message;
        Assert.Contains("1 x 128 tokens need", message);
        Assert.Contains("10 frames fit at this size", message);
        Assert.Contains("frame 0 has 100 x 80 pixels, not 64 x 64",
            Assert.Throws<ArgumentException>(() => session.EncodeFramed(new Picture(100, 80, new byte[24000]))).Message);
        Assert.Contains("12 bytes are not 2 frames of 64 x 64 x 3", Assert.Throws<ArgumentException>(() => session.Encode(new byte[12], 2, 64, 64)).Message);
    }

    /// <summary>What the allocator took from the system for a clip, against the plan: at most 1.2 times, as promised, and not far below.</summary>
    [Theory]
    [InlineData(64, 2, 256, 16)]
    [InlineData(192, 3, 768, 32)]
    [InlineData(768, 12, 3072, 4)]
    public void Memory_stays_within_the_plan(int width, int heads, int mlp, int frames)
    {
        JepaConfig config = Small with { Encoder = new VitSize(width, 3, heads, mlp), ImageSize = 128, Frames = frames, TargetWidth = width, Probe = null };
        using var model = new VJepa2(config);
        model.Allocate(Device.Cpu);
        Allocator allocator = Device.Cpu.Allocator;
        allocator.Trim();
        using (var scope = new TensorScope(Device.Cpu))
        {
            Tensor pixels = scope.FromRaw<byte>(Clip(frames, 128, 128), [1, frames, 3, 128, 128]);
            long before = Held(allocator);
            model.Encode(pixels);
            long planned = MemoryPlan.Activations(config, 1, frames / 2 * 64), taken = Held(allocator) - before;
            Assert.InRange(taken / (double)planned, 0.6, 1.2);
        }
    }

    private static long Held(Allocator allocator) => allocator.Report() is var report ? report.InUse + report.Cached : 0;

    private static VJepa2 Model()
    {
        var model = new VJepa2(Small);
        model.Allocate(Device.Cpu, seed: 3);
        return model;
    }

    private static Picture Picture(int seed)
    {
        byte[] rgb = new byte[64 * 64 * 3];
        new Random(seed).NextBytes(rgb);
        return new Picture(64, 64, rgb);
    }

    private static byte[] Clip(int frames, int height, int width)
    {
        byte[] clip = new byte[frames * height * width * 3];
        new Random(7).NextBytes(clip);
        return clip;
    }
}
