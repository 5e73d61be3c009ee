using JepaEngine.Backends;
using JepaEngine.Jepa.Models;
using JepaEngine.Memory;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.KernelTests.Engine;

/// <summary>An encoder's forward pass as one launch: pictures with added positions, clips with rotary ones, whose tables the host computes.</summary>
[Collection(Alone.Name)]
public sealed class EncoderCaptureTests
{
    [Theory]
    [InlineData("sim", "ijepa", 1, 1)]
    [InlineData("sim", "vjepa2", 4, 2)]
    [InlineData("sim:bf16", "vjepa2", 4, 2)]
    public void ReplaysOnNewPixelsToTheSameBits(string name, string family, int frames, int tubelet)
    {
        Device gpu = Gpus.Require(name);
        using var model = JepaModel.Create(new JepaConfig
        {
            Family = JepaFamilies.Find(family)!, Encoder = new VitSize(64, 2, 2, 96), ImageSize = 48, Frames = frames, Tubelet = tubelet, TargetWidth = 64,
        });
        model.Allocate(gpu, seed: 1);
        model.Train(false);
        using var scope = new TensorScope(gpu);
        Shape shape = frames == 1 ? [1, 3, 48, 48] : [1, frames, 3, 48, 48];
        byte[][] pixels = [new byte[frames * 3 * 48 * 48], new byte[frames * 3 * 48 * 48]];
        var random = new Random(1);
        foreach (byte[] picture in pixels)
            random.NextBytes(picture);
        float[][] eager = [.. pixels.Select(picture => Encode(scope.FromRaw<byte>(picture, shape)))];
        Assert.NotEqual(eager[0], eager[1]);

        Tensor seen = scope.FromRaw<byte>(pixels[0], shape), tokens = scope.Empty([eager[0].Length]);
        using var capture = new Capture(gpu, () =>
        {
            using var step = new TensorScope(gpu, "encode");
            tokens.CopyFrom(model.Encode(step.Use(seen)).Reshape(-1));
        });
        Assert.Equal(eager[0], tokens.ToArray<float>());
        seen.CopyFrom<byte>(pixels[1]);
        long launches = gpu.Context.Launches;
        capture.Replay();
        Assert.Equal(launches + 1, gpu.Context.Launches);
        Assert.True(capture.Kernels > 10, $"{capture.Kernels} kernels were recorded");
        Assert.Equal(eager[1], tokens.ToArray<float>());

        float[] Encode(Tensor picture)
        {
            using var step = new TensorScope(gpu, "eager");
            return model.Encode(step.Use(picture)).ToArray<float>();
        }
    }
}
