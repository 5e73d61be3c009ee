namespace JepaEngine.Jepa.Models;

/// <summary>How a file names its tensors.</summary>
public enum ModelLayout
{
    /// <summary>Meta's research code.</summary>
    Original,
    /// <summary>Hugging Face transformers.</summary>
    HuggingFace,
    /// <summary>This engine.</summary>
    JepaEngine,
}

/// <summary>Where a model came from.</summary>
/// <param name="Path">The file.</param>
/// <param name="Format">Its format, as "safetensors" or "PyTorch zip".</param>
/// <param name="Layout">How it names its tensors.</param>
/// <param name="Encoder">Which of its encoders was used, as "target_encoder"; null where it has only one.</param>
/// <param name="Ignored">Tensors of the chosen parts that the model has no use for, as V-JEPA 2's idle table of positions.</param>
public sealed record ModelOrigin(string Path, string Format, ModelLayout Layout, string? Encoder, IReadOnlyList<string> Ignored);

/// <summary>What a family makes of a file.</summary>
/// <param name="Layout">How it names its tensors.</param>
/// <param name="Config">The sizes.</param>
/// <param name="Keys">Where each parameter lies.</param>
public sealed record ModelContents(ModelLayout Layout, IModelConfig Config, KeyMap Keys)
{
    /// <summary>Whether a tensor is part of the chosen encoder or of what stands on it.</summary>
    public Predicate<string> IsPart { get; init; } = _ => true;

    /// <summary>Whether a tensor of those parts is of no use to the model.</summary>
    public Predicate<string> IsIdle { get; init; } = _ => false;

    /// <summary>The name of the chosen encoder; null where there is one only.</summary>
    public string? Encoder { get; init; }

    /// <summary>The names of all encoders that could be chosen.</summary>
    public IReadOnlyList<string> Encoders { get; init; } = [];
}
