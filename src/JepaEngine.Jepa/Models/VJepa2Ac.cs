namespace JepaEngine.Jepa.Models;

/// <summary>V-JEPA 2-AC (arXiv 2506.09985, section 3): the frozen encoder of V-JEPA 2 sees each frame alone, and a
/// predictor imagines the next frame's tokens from a robot's actions and states. Released once: ViT-g/16 at 256 pixels,
/// predictor 1024 x 24 blocks with 16 heads of 64, 258 tokens a frame.</summary>
public sealed class VJepa2Ac : MetaModel
{
    private readonly ClipEncoder encoder;

    /// <summary>The family.</summary>
    public static JepaFamily Family { get; } = new VJepa2AcFamily();

    /// <summary>A model without memory.</summary>
    /// <exception cref="ArgumentException">No V-JEPA 2-AC has these sizes.</exception>
    public VJepa2Ac(JepaConfig config) : base(Family, config)
    {
        encoder = Child("encoder", new ClipEncoder(config));
        Predictor = Child("predictor", new VJepa2AcPredictor(config));
    }

    /// <summary>The released model.</summary>
    public static JepaConfig Giant256 => new()
    {
        Family = Family, Encoder = VitSize.GiantXformers, Predictor = new VitSize(1024, 24, 16, 4096),
        TargetWidth = VitSize.GiantXformers.Width, Framing = Pictures.Framing.SquareThenResize,
    };

    /// <summary>Imagines the next frame.</summary>
    public VJepa2AcPredictor Predictor { get; }

    /// <inheritdoc/>
    public override Tensor Encode(Tensor pixels, Tensor? visible = null, Action<int, Tensor>? observe = null) =>
        encoder.Forward(pixels, visible, observe);

    /// <inheritdoc/>
    public override Tensor Tokens(Tensor frames, Action<int, Tensor>? observe = null) =>
        Joined(EncodeFrames(frames, observe));

    /// <inheritdoc/>
    public override string Takes => "frames [B, T, C, H, W], (actions and states [B, T, 7])";

    /// <inheritdoc/>
    protected override string[] InputNames => ["frames", "actions", "states"];

    /// <inheritdoc/>
    protected override IReadOnlyList<(string Name, Tensor Tensor)> RunNamed(NamedInputs given, RunOptions options)
    {
        Tensor tokens = EncodeFrames(given.Needed("frames"));
        List<(string, Tensor)> outputs = [("frame_tokens", Joined(tokens))];
        Tensor? actions = given.Optional("actions"), states = given.Optional("states");
        if (actions is not null || states is not null)
            outputs.Add(("predictions", Joined(Predictor.Forward(tokens, given.Needed("actions"), given.Needed("states")))));
        return outputs;
    }

    /// <summary>The reference keeps the frames' tokens in one sequence, [B, T · N, D].</summary>
    private static Tensor Joined(Tensor x) => x.Reshape(x.Shape[0], x.Shape[1] * x.Shape[2], x.Shape[3]);

    /// <summary>Frames [B, T, C, H, W], each encoded alone and normalised: [B, T, N, D], what the predictor reads.</summary>
    public Tensor EncodeFrames(Tensor frames, Action<int, Tensor>? observe = null)
    {
        JepaConfig.Require(frames.Shape.Rank == 5, $"V-JEPA 2-AC sees frames [B, T, C, H, W], not {frames.Shape}");
        int batch = frames.Shape[0], times = frames.Shape[1];
        Tensor tokens = Encode(frames.Reshape(batch * times, 1, frames.Shape[2], frames.Shape[3], frames.Shape[4]), observe: observe);
        return NormalizeTargets(tokens).Reshape(batch, times, tokens.Shape[1], tokens.Shape[2]);
    }
}

/// <summary>Each frame is [action, state, patches]; a token sees all tokens of its own and earlier frames. Patches turn
/// by time, row and column, action and state by time alone.</summary>
public sealed class VJepa2AcPredictor : Module
{
    private const int Conditions = 2;

    private readonly JepaConfig config;
    private readonly Linear embed, actionEncoder, stateEncoder, projection;
    private readonly TransformerBlocks blocks;
    private readonly LayerNorm norm;

    internal VJepa2AcPredictor(JepaConfig config)
    {
        this.config = config;
        VitSize size = config.Predictor!;
        embed = Child("embed", TransformerBlock.Layer(config.Encoder.Width, size.Width));
        actionEncoder = Child("action_encoder", TransformerBlock.Layer(config.ActionWidth, size.Width));
        stateEncoder = Child("state_encoder", TransformerBlock.Layer(config.ActionWidth, size.Width));
        blocks = Child("blocks", new TransformerBlocks(size, config.Epsilon));
        norm = Child("norm", new LayerNorm(size.Width, config.Epsilon));
        projection = Child("projection", TransformerBlock.Layer(size.Width, config.TargetWidth));
    }

    /// <summary>Frame tokens [B, T, N, D] (<see cref="VJepa2Ac.EncodeFrames"/>), actions and states [B, T, 7] to
    /// predictions [B, T, N, D]: entry t is frame t + 1. They are normalised (<see cref="JepaModel.NormalizeTargets"/>)
    /// before they are compared or fed back.</summary>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public Tensor Forward(Tensor frames, Tensor actions, Tensor states)
    {
        int batch = frames.Shape[0], times = frames.Shape[1], patches = frames.Shape[2], width = config.Predictor!.Width, grid = config.Grid;
        JepaConfig.Require(frames.Shape.Rank == 4 && actions.Shape == [batch, times, config.ActionWidth] && states.Shape == actions.Shape,
            $"frames {frames.Shape}, actions {actions.Shape} and states {states.Shape} are not [B, T, N, D] and twice [B, T, {config.ActionWidth}]");
        JepaConfig.Require(patches == grid * grid,
            $"{patches} tokens a frame, but the predictor's grid is {grid} x {grid}; encode frames of {config.ImageSize} pixels");
        int perFrame = Conditions + patches;
        Tensor action = actionEncoder.Forward(actions).Reshape(batch, times, 1, width), state = stateEncoder.Forward(states).Reshape(batch, times, 1, width);
        Tensor x = TensorOps.Concat(2, action, state, embed.Forward(frames)).Reshape(batch, times * perFrame, width);
        var positions = new TokenPosition[times * perFrame];
        var places = new TokenGrid(1, grid, grid);
        for (int i = 0; i < positions.Length; i++)
        {
            int patch = i % perFrame - Conditions;
            positions[i] = (patch < 0 ? default : places[patch]) with { Time = i / perFrame };
        }
        RotaryTable rotary = RotaryTable.Of(x.Scope, positions, 1, config.Predictor!.HeadWidth, interleaved: false);
        x = blocks.Advance(x, rotary, causalBlock: perFrame);
        return projection.Forward(norm.Forward(x.Reshape(batch, times, perFrame, width).Slice(2, Conditions, patches)));
    }
}

/// <summary>V-JEPA 2-AC (arXiv 2506.09985, section 3): Meta's file.</summary>
internal sealed class VJepa2AcFamily : MetaFamily
{
    public VJepa2AcFamily() : base("V-JEPA 2-AC", "vjepa2-ac", Sight.Frames)
    {
        PixelInputs = ["frames"];
    }

    public override IReadOnlyList<(string Name, IModelConfig Config)> Released =>
        [("V-JEPA 2-AC ViT-g/16 256", VJepa2Ac.Giant256)];

    public override JepaModel Create(IModelConfig config) => new VJepa2Ac((JepaConfig)config);

    public override void Validate(IModelConfig config)
    {
        base.Validate(config);
        JepaConfig.Require(((JepaConfig)config).Predictor is not null, $"V-JEPA 2-AC has a predictor");
    }

    /// <summary>Whether a file's predictor takes actions.</summary>
    internal static bool Has(OriginalFile file) => file.PredictorHas("action_encoder.weight");

    private protected override bool IsOriginal(OriginalFile file) =>
        file.Clips && !VJepa21Family.Has(file) && Has(file);

    private protected override JepaConfig Complete(JepaConfig config, OriginalFile file) => config with
    {
        Framing = Pictures.Framing.SquareThenResize,
        ActionWidth = Has(file) ? file.PredictorShape("action_encoder.weight")[1] : config.ActionWidth,
    };

    private protected override int? PredictorHeads(JepaConfig config, int width) => width == 1024 ? 16 : null;
}
