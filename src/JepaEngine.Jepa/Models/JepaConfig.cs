using System.Runtime.CompilerServices;
using System.Text.Json.Serialization;
using JepaEngine.Backends;
using JepaEngine.Jepa.Pictures;

namespace JepaEngine.Jepa.Models;

/// <summary>The sizes of a model of Meta's families, or of one like them. What a family has not is left at its default.
/// The released ones stand in the family's own file: <see cref="VJepa2.Large256"/> and so on.</summary>
public sealed record JepaConfig : IModelConfig
{
    /// <summary>The family.</summary>
    [JsonConverter(typeof(FamilyJson))]
    public required JepaFamily Family { get; init; }

    /// <summary>The encoder's blocks.</summary>
    public required VitSize Encoder { get; init; }

    /// <summary>The predictor's blocks; null where a file holds the encoder alone.</summary>
    public VitSize? Predictor { get; init; }

    /// <summary>Height and width in pixels of the pictures or frames the model was trained on.</summary>
    public int ImageSize { get; init; } = 256;

    /// <summary>Height and width of a patch in pixels.</summary>
    public int Patch { get; init; } = 16;

    /// <summary>Frames of a clip the model was trained on; 1 for pictures.</summary>
    public int Frames { get; init; } = 64;

    /// <summary>Frames a token spans; 1 for pictures.</summary>
    public int Tubelet { get; init; } = 2;

    /// <summary>Epsilon of the LayerNorms.</summary>
    public double Epsilon { get; init; } = 1e-6;

    /// <summary>Number of learned mask tokens; a predictor takes one of them for all its targets.</summary>
    public int MaskTokens { get; init; } = 1;

    /// <summary>V-JEPA 2.1: the blocks (from 0) whose normalised outputs make the hierarchical features; the last one is the encoder's last.</summary>
    public int[] Levels { get => field ?? []; init; }

    /// <summary>V-JEPA 2.1: whether the predictor reads all levels through an MLP (g, G) or the last one through a Linear (the distilled B, L).</summary>
    public bool PredictsFromLevels { get; init; }

    /// <summary>Width of a predicted token: the encoder's, or in V-JEPA 2.1 that of the teacher's levels.</summary>
    public int TargetWidth { get; init; }

    /// <summary>V-JEPA 2-AC: numbers of an action and of a state.</summary>
    public int ActionWidth { get; init; } = 7;

    /// <summary>The classifier on top, if there is one.</summary>
    public ProbeConfig? Probe { get; init; }

    /// <summary>Mean of each colour channel, of pixels in 0..1: ImageNet's.</summary>
    public float[] PixelMean { get; init; } = [0.485f, 0.456f, 0.406f];

    /// <summary>Standard deviation of each colour channel.</summary>
    public float[] PixelStd { get; init; } = [0.229f, 0.224f, 0.225f];

    /// <summary>How a picture of any size becomes one the model sees.</summary>
    public Framing Framing { get; init; } = Framing.ShortSideThenCrop;

    /// <summary>The kernel of that resize.</summary>
    public ResizeFilter Filter { get; init; }

    /// <summary>Pixels it resizes to, of a middle that is <see cref="Cropped"/> wide: in proportion to the
    /// size.</summary>
    public int Resized { get; init; } = Preprocess.DefaultResized;

    /// <summary>Pixels of the middle that it looks at then.</summary>
    public int Cropped { get; init; } = Preprocess.DefaultCropped;

    /// <summary>Whether a half pixel left of the middle is rounded down, as transformers does, not to the even
    /// side.</summary>
    public bool CropsDown { get; init; }

    /// <summary>Patches along an edge of <see cref="ImageSize"/>.</summary>
    public int Grid => ImageSize / Patch;

    /// <summary>Tokens of a whole picture or clip.</summary>
    public int Tokens => Grid * Grid * Math.Max(1, Frames / Tubelet);

    /// <summary>What the family's reference does to pictures and frames.</summary>
    public Preprocess Preprocess => new(ImageSize, Framing, PixelMean, PixelStd)
    {
        Filter = Filter, Resized = Resized, Cropped = Cropped, CropsDown = CropsDown,
    };

    /// <summary>What turns stored pixels into the encoder's input.</summary>
    public PixelTransform PixelTransform => PixelTransform.Normalize(PixelMean, PixelStd);

    /// <inheritdoc/>
    IModelConfig IModelConfig.WithProbe(ProbeConfig probe) => this with { Probe = probe };

    /// <inheritdoc/>
    public void Validate()
    {
        const int Most = 1 << 16;
        var allowed = new Allowed("model");
        foreach ((string part, VitSize? size) in (ReadOnlySpan<(string, VitSize?)>)[("encoder", Encoder), ("predictor", Predictor)])
        {
            size?.Validate(part);
            // Rotary positions turn pairs.
            allowed.If(size is null || size.HeadWidth % 2 == 0,
                $"{part}: heads of {size!.HeadWidth} are odd; {size.Heads} heads is the wrong "
                    + $"number for width {size.Width}");
        }
        allowed.Range(ImageSize, 1, 1 << 14);
        allowed.Range(Patch, 1, ImageSize);
        allowed.If(ImageSize % Patch == 0, $"imageSize {ImageSize} is no multiple of patch {Patch}");
        allowed.Range(Frames, 1, Most);
        allowed.Range(Tubelet, 1, Most);
        allowed.If(Frames == 1 || Frames % Tubelet == 0, $"frames {Frames} is no multiple of tubelet {Tubelet}");
        long tokens = (long)Grid * Grid * Math.Max(1, Frames / Tubelet);
        allowed.If(tokens <= 1 << 24, $"{tokens} tokens are more than any model has; imageSize or frames is wrong");
        allowed.Range(MaskTokens, 1, Most);
        allowed.Range(ActionWidth, 1, Most);
        allowed.Range(Resized, 1, Most);
        allowed.Range(Cropped, 1, Most);
        allowed.Range(TargetWidth, 0, 2 * Most);
        allowed.Above(Epsilon, 0, 1);
        allowed.Named(Framing);
        allowed.Channels(PixelMean);
        allowed.Channels(PixelStd);
        allowed.Divisors(PixelStd);
        Family.Validate(this);
        Probe?.Validate();
    }

    internal static void Require(
        bool condition, [InterpolatedStringHandlerArgument(nameof(condition))] ref RequireMessage fault)
    {
        if (!condition)
            throw new ArgumentException($"model: {fault.ToString()}");
    }
}
