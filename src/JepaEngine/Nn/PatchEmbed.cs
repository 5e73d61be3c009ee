using JepaEngine.Backends;
using JepaEngine.Ops;
using JepaEngine.Tensors;

namespace JepaEngine.Nn;

/// <summary>Cuts pictures into square patches, or clips into tubelets of them, and projects each to a token.</summary>
public sealed class PatchEmbed : Module
{
    private readonly Parameter weight, bias;

    /// <summary>
    /// channels × patch × patch numbers of a picture to <paramref name="width"/>, or with a tubelet of frames channels × tubelet × patch × patch of a clip.
    /// </summary>
    public PatchEmbed(int channels, int patch, int width, int tubelet = 0, Init? weightInit = null, Init? biasInit = null)
    {
        int fanIn = channels * Math.Max(1, tubelet) * patch * patch;
        Shape shape = tubelet == 0 ? [width, channels, patch, patch] : [width, channels, tubelet, patch, patch];
        weight = Trained("weight", shape, weightInit ?? Init.FanInUniform(fanIn));
        bias = Trained("bias", [width], biasInit ?? Init.FanInUniform(fanIn));
    }

    /// <summary>pixels [B, C, H, W], or [B, C, T, H, W] with a tubelet, to tokens [B, N, width]; with visible [B, K] to these tokens [B, K, width].</summary>
    public Tensor Forward(Tensor pixels, PixelTransform? transform = null, Tensor? visible = null) =>
        pixels.PatchEmbed(weight, bias, transform, visible);
}
