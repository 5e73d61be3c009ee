namespace JepaEngine.Jepa.Models;

/// <summary>The released models, by the names people call them.</summary>
public static class ReleasedModels
{
    /// <summary>Meta's.</summary>
    public static IReadOnlyList<(string Name, JepaConfig Config)> All { get; } =
    [
        ("I-JEPA ViT-H/14 224", IJepa.Huge14),
        ("I-JEPA ViT-H/16 448", IJepa.Huge16),
        ("I-JEPA ViT-g/16 224", IJepa.Giant16),
        ("V-JEPA ViT-L/16 224", VJepa.Large224),
        ("V-JEPA ViT-H/16 224", VJepa.Huge224),
        ("V-JEPA ViT-H/16 384", VJepa.Huge384),
        ("V-JEPA 2 ViT-L/16 256", VJepa2.Large256),
        ("V-JEPA 2 ViT-H/16 256", VJepa2.Huge256),
        ("V-JEPA 2 ViT-g/16 256", VJepa2.Giant256),
        ("V-JEPA 2 ViT-g/16 384", VJepa2.Giant384),
        ("V-JEPA 2.1 ViT-B/16 384", VJepa21.Base384),
        ("V-JEPA 2.1 ViT-L/16 384", VJepa21.Large384),
        ("V-JEPA 2.1 ViT-g/16 384", VJepa21.Giant384),
        ("V-JEPA 2.1 ViT-G/16 384", VJepa21.Gigantic384),
        ("V-JEPA 2-AC ViT-g/16 256", VJepa2Ac.Giant256),
    ];

    /// <summary>The released model of these sizes, with or without its predictor, for clips of any length; null where there is none.</summary>
    public static string? Name(JepaConfig config) => All.FirstOrDefault(released => released.Config is var known && config.Family == known.Family
        && config.Encoder == known.Encoder && config.ImageSize == known.ImageSize && config.Patch == known.Patch && config.Tubelet == known.Tubelet
        && config.Levels.SequenceEqual(known.Levels) && (config.Predictor is null || config.Predictor == known.Predictor)).Name;

    /// <summary>"LeWorldModel" where a model has the published sizes, for actions of any width; null where it has not.</summary>
    public static string? Name(LeWorldModelConfig config)
    {
        LeWorldModelConfig known = LeWorldModelConfig.Published;
        LeWorldModelConfig sizes = config with
        {
            ActionWidth = known.ActionWidth,
            ActionSmoothed = known.ActionSmoothed,
            EncoderInit = known.EncoderInit,
            PredictorPositionStd = known.PredictorPositionStd,
            Dropout = known.Dropout,
            PixelMean = known.PixelMean,
            PixelStd = known.PixelStd,
            ActionScale = known.ActionScale,
        };
        return sizes == known ? "LeWorldModel" : null;
    }

    /// <summary>A family as its papers write it.</summary>
    public static string Name(JepaFamily family) => family switch
    {
        JepaFamily.IJepa => "I-JEPA",
        JepaFamily.VJepa => "V-JEPA",
        JepaFamily.VJepa2 => "V-JEPA 2",
        JepaFamily.VJepa21 => "V-JEPA 2.1",
        JepaFamily.VJepa2Ac => "V-JEPA 2-AC",
        _ => throw new ArgumentOutOfRangeException(nameof(family), family, "there is no such family"),
    };
}
