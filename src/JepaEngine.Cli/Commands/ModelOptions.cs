namespace JepaEngine.Cli.Commands;

/// <summary>The model of a command line, and what its file cannot tell or where it offers a choice.</summary>
internal sealed class ModelOptions
{
    private static readonly LoadOptions Defaults = new();
    private readonly Argument<string> model = new("MODEL") { Description = "Folder or file of a published model, or of this engine's" };
    private readonly Option<string?> encoder = new("--encoder")
    {
        Description = "Which encoder of a training checkpoint: target_encoder, ema_encoder or encoder",
    };
    private readonly Option<string?> family = new("--family")
    {
        Description = $"The family, where the file could be of two: {Families}",
    };
    private readonly Option<int?> heads = new("--heads") { Description = "Attention heads of the encoder, where neither configuration nor width tells" };
    private readonly Option<int?> predictorHeads = new("--predictor-heads") { Description = "Attention heads of the predictor, likewise" };
    private readonly Option<int?> imageSize = new("--image-size") { Description = "Pixels of an edge the model was trained on, where the file does not tell" };
    private readonly Option<bool> copy = new("--copy") { Description = "Read the weights into memory instead of mapping the file" };
    private readonly Option<string?> probe = new("--probe") { Description = "File of a classifier of Meta's evaluations, to put on top" };
    private readonly Option<int> probeHeads = new("--probe-heads") { Description = "Its attention heads", DefaultValueFactory = _ => Defaults.ProbeHeads };

    /// <summary>The argument, which comes first.</summary>
    public Symbol Model => model;

    /// <summary>The argument's path.</summary>
    public string Path(ParseResult parsed) => parsed.GetValue(model)!;

    /// <summary>The options, which come last in a verb's help.</summary>
    public ReadOnlySpan<Symbol> Options => new Symbol[] { encoder, family, heads, predictorHeads, imageSize, copy, probe, probeHeads };

    /// <summary>Opens the model.</summary>
    /// <exception cref="UsageException">There is no such family, or a number is not above 0.</exception>
    /// <exception cref="BadFileException">It is missing, damaged or no known checkpoint.</exception>
    public ModelFile Open(ParseResult parsed) => ModelFile.Open(Path(parsed), new LoadOptions
    {
        Family = parsed.GetValue(family) is { } name ? Family(name) : null, Encoder = parsed.GetValue(encoder),
        Heads = CommonOptions.Positive(parsed, heads), PredictorHeads = CommonOptions.Positive(parsed, predictorHeads),
        ImageSize = CommonOptions.Positive(parsed, imageSize), Mapped = !parsed.GetValue(copy),
        Probe = parsed.GetValue(probe), ProbeHeads = CommonOptions.Positive(parsed, probeHeads),
    });

    private static string Families => string.Join(", ", JepaFamilies.All.Select(family => family.Id));

    private static JepaFamily Family(string name) => JepaFamilies.Find(name)
        ?? throw new UsageException($"--family is '{name}'; it is one of {Families}");
}
