using System.Text.Json.Serialization;
using JepaEngine.Backends;
using JepaEngine.Jepa.Data;
using JepaEngine.Jepa.Pictures;

namespace JepaEngine.Jepa.Models;

/// <summary>How the encoder starts.</summary>
public enum EncoderInit
{
    /// <summary>As the published model: weights, class token and positions normal with std 0.02.</summary>
    Published,
    /// <summary>Weights normal with variance 1/fan-in and positions from a 2-D sine-cosine table of unit amplitude:
    /// with the published start a model of a few hundred steps folds (different places share one embedding).</summary>
    FanIn,
}

/// <summary>The sizes of a <see cref="LeWorldModel"/>. The defaults are the published model (arXiv 2603.19312;
/// 18,034,478 trained numbers); <see cref="Demo"/> is the small one of <c>jepa demo</c> (505,006).</summary>
public sealed record LeWorldModelConfig : IModelConfig
{
    /// <summary>Height and width of a frame in pixels.</summary>
    public int ImageSize { get; init; } = 224;

    /// <summary>Height and width of a patch in pixels.</summary>
    public int Patch { get; init; } = 14;

    /// <summary>Width of the encoder's tokens.</summary>
    public int EncoderWidth { get; init; } = 192;

    /// <summary>Number of encoder blocks.</summary>
    public int EncoderDepth { get; init; } = 12;

    /// <summary>Attention heads of the encoder.</summary>
    public int EncoderHeads { get; init; } = 3;

    /// <summary>Hidden width of the encoder's MLPs.</summary>
    public int EncoderMlp { get; init; } = 768;

    /// <summary>Epsilon of the encoder's LayerNorms.</summary>
    public double EncoderEpsilon { get; init; } = 1e-12;

    /// <summary>How the encoder starts.</summary>
    public EncoderInit EncoderInit { get; init; } = EncoderInit.Published;

    /// <summary>D: width of the embeddings the world model predicts.</summary>
    public int EmbeddingWidth { get; init; } = 192;

    /// <summary>Hidden width of the two projectors.</summary>
    public int ProjectorHidden { get; init; } = 2048;

    /// <summary>A: raw numbers of one action block (frame skip × action dimensions).</summary>
    public int ActionWidth { get; init; } = 10;

    /// <summary>Width after the action encoder's first layer.</summary>
    public int ActionSmoothed { get; init; } = 10;

    /// <summary>Hidden width of the action encoder.</summary>
    public int ActionHidden { get; init; } = 768;

    /// <summary>Frames the predictor sees.</summary>
    public int History { get; init; } = 3;

    /// <summary>Number of predictor blocks.</summary>
    public int PredictorDepth { get; init; } = 6;

    /// <summary>Attention heads of the predictor.</summary>
    public int PredictorHeads { get; init; } = 16;

    /// <summary>Width of a predictor head.</summary>
    public int PredictorHeadWidth { get; init; } = 64;

    /// <summary>Hidden width of the predictor's MLPs.</summary>
    public int PredictorMlp { get; init; } = 2048;

    /// <summary>Std of the predictor's slot positions at the start.</summary>
    public double PredictorPositionStd { get; init; } = 1;

    /// <summary>Dropout rate in the predictor.</summary>
    public double Dropout { get; init; } = 0.1;

    /// <summary>Mean of each colour channel, of pixels in 0..1.</summary>
    public float[] PixelMean { get; init; } = [0.485f, 0.456f, 0.406f];

    /// <summary>Standard deviation of each colour channel.</summary>
    public float[] PixelStd { get; init; } = [0.229f, 0.224f, 0.225f];

    /// <summary>What the environment's actions are scaled by; none where the model takes them as they are.</summary>
    public ActionScale ActionScale { get; init; } = ActionScale.None;

    /// <summary>The published model.</summary>
    public static LeWorldModelConfig Published => new();

    /// <summary>The model of <c>jepa demo</c>: TwoRoom in 56 × 56 pixels.</summary>
    public static LeWorldModelConfig Demo => new()
    {
        ImageSize = 56,
        EncoderWidth = 96,
        EncoderDepth = 3,
        EncoderMlp = 384,
        EncoderEpsilon = 1e-5,
        EncoderInit = EncoderInit.FanIn,
        EmbeddingWidth = 32,
        ProjectorHidden = 256,
        ActionHidden = 128,
        History = 1,
        PredictorDepth = 2,
        PredictorHeads = 2,
        PredictorHeadWidth = 16,
        PredictorMlp = 256,
        PredictorPositionStd = 0.02,
        Dropout = 0,
        // White becomes 0.4 and black −3.6: the scene is nearly all white.
        PixelMean = [0.9f, 0.9f, 0.9f],
        PixelStd = [0.25f, 0.25f, 0.25f],
    };

    /// <summary>Number of patch tokens of a frame.</summary>
    [JsonIgnore]
    public int Tokens => ImageSize / Patch * (ImageSize / Patch);

    /// <summary>What turns stored pixels into the encoder's input.</summary>
    [JsonIgnore]
    public PixelTransform PixelTransform => PixelTransform.Normalize(PixelMean, PixelStd);

    JepaFamily IModelConfig.Family => LeWorldModel.Family;

    VitSize IModelConfig.Encoder => new(EncoderWidth, EncoderDepth, EncoderHeads, EncoderMlp);

    int IModelConfig.Frames => 1;

    int IModelConfig.Tubelet => 1;

    Framing IModelConfig.Framing => Framing.Stretch;

    /// <inheritdoc/>
    public void Validate()
    {
        const int Width = 1 << 16, Depth = 1 << 10, Hidden = 1 << 20;
        var allowed = new Allowed("model");
        allowed.Range(ImageSize, 1, 1 << 14);
        allowed.Range(Patch, 1, ImageSize);
        allowed.If(ImageSize % Patch == 0, $"imageSize {ImageSize} is no multiple of patch {Patch}");
        allowed.Range(EncoderWidth, 1, Width);
        allowed.Range(EncoderDepth, 1, Depth);
        allowed.Range(EncoderHeads, 1, EncoderWidth);
        allowed.If(EncoderWidth % EncoderHeads == 0, $"encoderWidth {EncoderWidth} is no multiple of "
            + $"encoderHeads {EncoderHeads}");
        allowed.Range(EncoderMlp, 1, Hidden);
        allowed.Above(EncoderEpsilon, 0, 1);
        allowed.Named(EncoderInit);
        allowed.If(EncoderInit != EncoderInit.FanIn || EncoderWidth % 4 == 0, $"encoderWidth {EncoderWidth} is no "
            + $"multiple of 4, which encoderInit FanIn needs");
        allowed.Range(EmbeddingWidth, 1, Width);
        allowed.Range(ProjectorHidden, 1, Hidden);
        allowed.Range(ActionWidth, 1, Width);
        allowed.Range(ActionSmoothed, 1, Width);
        allowed.Range(ActionHidden, 1, Hidden);
        allowed.Range(History, 1, Width);
        allowed.Range(PredictorDepth, 1, Depth);
        allowed.Range(PredictorHeads, 1, Width);
        allowed.Range(PredictorHeadWidth, 1, Hidden / PredictorHeads);
        allowed.Range(PredictorMlp, 1, Hidden);
        allowed.Range(PredictorPositionStd, 0, 1e30);
        allowed.If(Dropout is >= 0 and < 1, $"dropout is {Dropout}; it is in [0, 1)");
        allowed.Channels(PixelMean);
        allowed.Channels(PixelStd);
        allowed.Divisors(PixelStd);
        allowed.If(ActionScale.Mean.Length == ActionScale.Std.Length && (ActionScale.Mean.Length == 0 || ActionWidth % ActionScale.Mean.Length == 0),
            $"actionScale has other numbers than actionWidth {ActionWidth} is made of");
        allowed.If(ActionScale.Mean.All(float.IsFinite), $"actionScale.mean holds NaN or infinity");
        allowed.Divisors(ActionScale.Std);
    }
}
