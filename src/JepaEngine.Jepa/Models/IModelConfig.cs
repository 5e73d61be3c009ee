using JepaEngine.Backends;
using JepaEngine.Jepa.Pictures;

namespace JepaEngine.Jepa.Models;

/// <summary>What loading, sessions and plans of memory need to know of any family's configuration.</summary>
public interface IModelConfig : IValidated
{
    /// <summary>Whose configuration it is.</summary>
    JepaFamily Family { get; }

    /// <summary>The encoder's blocks.</summary>
    VitSize Encoder { get; }

    /// <summary>Height and width in pixels of the pictures or frames the model was trained on.</summary>
    int ImageSize { get; }

    /// <summary>Height and width of a patch in pixels.</summary>
    int Patch { get; }

    /// <summary>Frames of a clip the model was trained on; 1 where it sees each picture alone.</summary>
    int Frames { get; }

    /// <summary>Frames a token spans.</summary>
    int Tubelet { get; }

    /// <summary>Mean of each colour channel, of pixels in 0..1.</summary>
    float[] PixelMean { get; }

    /// <summary>Standard deviation of each colour channel.</summary>
    float[] PixelStd { get; }

    /// <summary>How a picture of any size becomes one the model sees.</summary>
    Framing Framing { get; }

    /// <summary>The classifier on top, if there is one.</summary>
    ProbeConfig? Probe => null;

    /// <summary>Patches along an edge of <see cref="ImageSize"/>.</summary>
    int Grid => ImageSize / Patch;

    /// <summary>What the family's reference does to pictures and frames.</summary>
    Preprocess Preprocess => new(ImageSize, Framing, PixelMean, PixelStd);

    /// <summary>What turns stored pixels into the encoder's input.</summary>
    PixelTransform PixelTransform => PixelTransform.Normalize(PixelMean, PixelStd);

    /// <summary>The same with a classifier on top.</summary>
    /// <exception cref="ArgumentException">The family takes none.</exception>
    IModelConfig WithProbe(ProbeConfig probe) => throw new ArgumentException($"{Family.Name} takes no classifier");
}
