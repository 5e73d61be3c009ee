
namespace JepaEngine.Jepa.Models;

/// <summary>What a file cannot tell, or where it offers a choice.</summary>
public sealed record LoadOptions
{
    /// <summary>The family, where a file without a configuration could be of two.</summary>
    public JepaFamily? Family { get; init; }

    /// <summary>Which of a training checkpoint's encoders: "target_encoder" (what the papers evaluate), "ema_encoder"
    /// or "encoder" (what Hugging Face converted). Null takes the first of these the file has.</summary>
    public string? Encoder { get; init; }

    /// <summary>Attention heads of the encoder, where neither a configuration nor a released size of this width tells.</summary>
    public int? Heads { get; init; }

    /// <summary>Attention heads of the predictor, likewise.</summary>
    public int? PredictorHeads { get; init; }

    /// <summary>Attention heads of a classifier of Meta's evaluations; all released ones have 16.</summary>
    public int ProbeHeads { get; init; } = 16;

    /// <summary>Height and width of the pictures, where neither a configuration nor a table of positions tells.</summary>
    public int? ImageSize { get; init; }

    /// <summary>V-JEPA 2.1: the blocks whose outputs are levels, where they are not the released ones of that depth.</summary>
    public int[]? Levels { get; init; }

    /// <summary>A classifier of Meta's evaluations to put on top.</summary>
    public string? Probe { get; init; }

    /// <summary>Whether weights in the compute dtype stay in the mapped file. Then nothing is copied and the file must
    /// not be truncated while the model lives; false copies them.</summary>
    public bool Mapped { get; init; } = true;
}
