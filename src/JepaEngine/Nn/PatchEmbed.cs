using JepaEngine.Backends;
using JepaEngine.Ops;
using JepaEngine.Tensors;

namespace JepaEngine.Nn;

/// <summary>Cuts pictures into square patches and projects each to a token.</summary>
public sealed class PatchEmbed : Module
{
    private readonly Parameter weight, bias;

    /// <summary>channels × patch × patch numbers to <paramref name="width"/>.</summary>
    public PatchEmbed(int channels, int patch, int width, Init? weightInit = null, Init? biasInit = null)
    {
        int fanIn = channels * patch * patch;
        weight = Trained("weight", [width, channels, patch, patch], weightInit ?? Init.FanInUniform(fanIn));
        bias = Trained("bias", [width], biasInit ?? Init.FanInUniform(fanIn));
    }

    /// <summary>pixels [B, C, H, W] to tokens [B, N, width].</summary>
    public Tensor Forward(Tensor pixels, PixelTransform? transform = null) => pixels.PatchEmbed(weight, bias, transform);
}
