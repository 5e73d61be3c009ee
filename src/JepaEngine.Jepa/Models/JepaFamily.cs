using System.Text.Json.Nodes;

namespace JepaEngine.Jepa.Models;

/// <summary>What a family sees at a time.</summary>
public enum Sight
{
    /// <summary>Clips of any length; a single frame fills a tubelet.</summary>
    Clips,
    /// <summary>Clips of the length it was trained on: it has positions for them alone.</summary>
    WholeClips,
    /// <summary>Each frame of a clip alone.</summary>
    Frames,
    /// <summary>One picture.</summary>
    Picture,
}

/// <summary>What the encoder sees when a predictor is asked for masked tokens.</summary>
public enum ContextView
{
    /// <summary>The context alone, as in training.</summary>
    Visible,
    /// <summary>All tokens; the context is gathered from the output.</summary>
    Whole,
}

/// <summary>A fact for <c>jepa inspect</c>.</summary>
/// <param name="Name">What it is about.</param>
/// <param name="Text">For people.</param>
/// <param name="Numbers">For programs; none where there is nothing to count.</param>
public sealed record ModelFact(string Name, string Text, params (string Key, int Value)[] Numbers);

/// <summary>
/// A family of models: recognises its files, reads their configuration, names their tensors, builds the model and knows
/// what it sees. Loader, writer,
/// sessions, plans of memory and commands ask it; none of them knows one. It reads files of this engine; a family that
/// is published elsewhere
/// overrides <see cref="Recognises"/>, <see cref="Read"/> and <see cref="Keys"/>. <see cref="JepaFamilies.Add"/> makes
/// it known.
/// </summary>
/// <param name="name">As its papers write it: "V-JEPA 2.1".</param>
/// <param name="id">As the command line and configurations write it: "vjepa2.1".</param>
/// <param name="sight">What it sees at a time.</param>
public abstract class JepaFamily(string name, string id, Sight sight)
{
    /// <summary>As its papers write it: "V-JEPA 2.1".</summary>
    public string Name => name;

    /// <summary>As the command line and configurations write it: "vjepa2.1".</summary>
    public string Id => id;

    /// <summary>What it sees at a time.</summary>
    public Sight Sight => sight;

    /// <summary>The released models, by the names people call them.</summary>
    public virtual IReadOnlyList<(string Name, IModelConfig Config)> Released => [];

    /// <summary>What the encoder sees by default when masked tokens are predicted; null where the family masks
    /// none.</summary>
    public ContextView? Context { get; protected init; }

    /// <summary>Whether the predictor has several learned mask tokens to choose from.</summary>
    public bool HasMaskTokens { get; protected init; }

    /// <summary>The model_type of its folders in transformers; null where transformers has none.</summary>
    public string? HuggingFaceType { get; protected init; }

    /// <summary>Those inputs of a run that are pictures or clips.</summary>
    public string[] PixelInputs { get; protected init; } = [JepaModel.Video, JepaModel.Picture];

    /// <summary>A model without memory.</summary>
    /// <exception cref="ArgumentException">The configuration is another family's, or no model has these
    /// sizes.</exception>
    public abstract JepaModel Create(IModelConfig config);

    /// <summary>The released model of these sizes; null where there is none.</summary>
    public virtual string? ReleasedName(IModelConfig config) =>
        Released.FirstOrDefault(released => released.Config.Equals(config)).Name;

    /// <summary>Whether a file is this family's.</summary>
    /// <exception cref="BadFileException">It is damaged.</exception>
    public virtual bool Recognises(TensorFile file, LoadOptions options) => JepaFormat.Family(file) == Id;

    /// <summary>What a recognised file holds.</summary>
    /// <exception cref="BadFileException">It is damaged, or does not tell its sizes.</exception>
    /// <exception cref="ArgumentException">An option contradicts what it tells.</exception>
    public virtual ModelContents Read(TensorFile file, LoadOptions options)
    {
        JepaConfig config = JepaFormat.Read(file);
        RequireNone(options, config, file);
        return new ModelContents(ModelLayout.JepaEngine, config, KeyMap.Own) { IsPart = JepaFormat.IsModel };
    }

    /// <summary>Refuses options that contradict what a file tells itself.</summary>
    /// <exception cref="ArgumentException">One does.</exception>
    private protected void RequireNone(LoadOptions options, JepaConfig config, TensorFile file)
    {
        Require("--family", options.Family?.Id, Id);
        Require("--heads", options.Heads, config.Encoder.Heads);
        Require("--predictor-heads", options.PredictorHeads, config.Predictor?.Heads);
        Require("--image-size", options.ImageSize, config.ImageSize);

        void Require<T>(string option, T? asked, T? told)
        {
            if (asked is not null && told is not null && !asked.Equals(told))
            {
                throw new ArgumentException(
                    $"{option} is {asked}, but the configuration of {file.Path} says {told}; leave {option} out");
            }
        }
    }

    /// <summary>How a layout names the model's parameters.</summary>
    /// <exception cref="ArgumentException">The family has no such layout.</exception>
    public virtual KeyMap Keys(IModelConfig config, ModelLayout layout) => layout == ModelLayout.JepaEngine
        ? KeyMap.Own
        : throw new ArgumentException($"{(layout == ModelLayout.HuggingFace ? "transformers has" : "its authors published")} no {Name}");

    /// <summary>The metadata of a file of this engine.</summary>
    public virtual Dictionary<string, string> Metadata(IModelConfig config) => JepaFormat.Metadata(config);

    /// <summary>The config.json of a folder of transformers.</summary>
    /// <exception cref="ArgumentException">transformers has no such family.</exception>
    public virtual JsonObject HuggingFaceJson(IModelConfig config) =>
        throw new ArgumentException($"transformers has no {Name}");

    /// <summary>Refuses sizes that other families may have.</summary>
    /// <exception cref="ArgumentException">One is wrong.</exception>
    public virtual void Validate(IModelConfig config)
    {
    }

    /// <summary>As how many clips of how many tokens the encoder sees frames.</summary>
    /// <exception cref="ArgumentException">The pixels do not divide into patches and tubelets.</exception>
    public (int Clips, TokenGrid Grid) Cost(IModelConfig config, int frames, int height, int width) =>
        Sight == Sight.Frames
        ? (frames, TokenGrid.Of(1, height, width, config))
        : (1, TokenGrid.Of(frames, height, width, config));

    /// <summary>Numbers of activations: a token of each input, and a place that all inputs share. A block's attention
    /// holds nine tensors [B, N, D] (x, its norm, q, k, v, q and k turned, the values read, the projection), its MLP
    /// the hidden [B, N, M] besides; freed blocks stay in the allocator's cache, so both count.</summary>
    public virtual (long AToken, long APlace) Activations(IModelConfig config)
    {
        VitSize size = config.Encoder;
        return (9L * size.Width + size.Mlp + size.Heads + 4 + (config.Probe is null ? 0 : size.Width), 0);
    }

    /// <summary>What <c>jepa inspect</c> says of the sizes.</summary>
    public virtual IEnumerable<ModelFact> Facts(IModelConfig config) =>
        [Blocks("encoder", config.Encoder), Input(config)];

    /// <summary>A stack of blocks.</summary>
    protected static ModelFact Blocks(string name, VitSize? size) => size is null
        ? new ModelFact(name, "none in this file")
        : new ModelFact(name, size.ToString(), ("width", size.Width), ("depth", size.Depth), ("heads", size.Heads), ("mlp", size.Mlp));

    /// <summary>Pictures, frames or clips.</summary>
    protected ModelFact Input(IModelConfig config)
    {
        string pixels = $"of {config.ImageSize} x {config.ImageSize} pixels in patches of";
        string text = Sight switch
        {
            Sight.Picture => $"pictures {pixels} {config.Patch}",
            Sight.Frames => $"frames {pixels} {config.Patch}",
            _ => $"clips of {config.Frames} frames {pixels} {config.Tubelet} x {config.Patch} x {config.Patch}",
        };
        return new ModelFact("input", text,
            ("frames", config.Frames), ("size", config.ImageSize), ("patch", config.Patch), ("tubelet", config.Tubelet));
    }

    /// <inheritdoc/>
    public override string ToString() => Name;
}
