namespace JepaEngine.Jepa.Checkpoints;

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
