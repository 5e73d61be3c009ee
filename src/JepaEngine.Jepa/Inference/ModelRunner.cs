using JepaEngine.Jepa.Models;
using JepaEngine.Ops;
using JepaEngine.Tensors;

namespace JepaEngine.Jepa.Inference;

/// <summary>
/// Runs a model from named tensors to named tensors, for scripts and parity (<c>jepa run</c>). The names are those of the references: transformers'
/// VJEPA2Model and IJepaModel, and vjepa2's vit_ac_predictor. Inputs are normalised floats, masks I64 ids.
/// </summary>
public static class ModelRunner
{
    private const string Video = "pixel_values_videos", Picture = "pixel_values", ContextMask = "context_mask", TargetMask = "target_mask";

    /// <summary>What a family takes: names and shapes, those that may be left out in brackets.</summary>
    public static string Takes(JepaConfig config) => config.Family switch
    {
        JepaFamily.IJepa => $"{Picture} [B, C, H, W], ({ContextMask} [B, K] with {TargetMask}_0, {TargetMask}_1 .. [B, K])",
        JepaFamily.VJepa2Ac => "frames [B, T, C, H, W], (actions and states [B, T, 7])",
        JepaFamily.VJepa21 => $"{Video} [B, T, C, H, W], ({ContextMask} and {TargetMask} [B, K]), ({Picture} [B, C, H, W])",
        _ => $"{Video} [B, T, C, H, W], ({ContextMask} and {TargetMask} [B, K])",
    };

    /// <summary>The model's outputs for these inputs, in the scope of the inputs.</summary>
    /// <exception cref="ArgumentException">An input is missing, unknown or of another shape; the message says what the model takes.</exception>
    public static IReadOnlyList<(string Name, Tensor Tensor)> Run(JepaModel model, IReadOnlyDictionary<string, Tensor> inputs)
    {
        var given = new NamedInputs(inputs, Takes(model.Config), model.Config.Family switch
        {
            JepaFamily.IJepa => [Picture, ContextMask, TargetMask + "_"],
            JepaFamily.VJepa2Ac => ["frames", "actions", "states"],
            JepaFamily.VJepa21 => [Video, ContextMask, TargetMask, Picture],
            _ => [Video, ContextMask, TargetMask],
        });
        List<(string, Tensor)> outputs = [];
        switch (model)
        {
            case IJepa picture:
                Run(picture, given, outputs);
                break;
            case VJepa clip:
                Run(clip, given, outputs);
                break;
            case VJepa2 clip:
                Run(clip, given, outputs);
                break;
            case VJepa21 clip:
                Run(clip, given, outputs);
                break;
            case VJepa2Ac robot:
                Run(robot, given, outputs);
                break;
        }
        return outputs;
    }

    private static void Run(IJepa model, NamedInputs given, List<(string, Tensor)> outputs)
    {
        Tensor pixels = given.Needed(Picture);
        outputs.Add(("last_hidden_state", model.Encode(pixels)));
        if (given.Optional(ContextMask) is not { } context)
            return;
        Tensor seen = model.Encode(pixels, context);
        outputs.Add(("context_hidden_state", seen));
        List<Tensor> predictions = [];
        while (given.Optional($"{TargetMask}_{predictions.Count}") is { } target)
            predictions.Add(Predictor(model.Predictor, model).Forward(seen, context, target));
        if (predictions.Count > 0)
            outputs.Add(("predictions", TensorOps.Concat(0, [.. predictions])));
    }

    /// <summary>As the original: the predictor reads what the encoder makes of the visible tubelets alone.</summary>
    private static void Run(VJepa model, NamedInputs given, List<(string, Tensor)> outputs)
    {
        Tensor pixels = given.Needed(Video);
        Add(model, model.Encode(pixels), outputs);
        if (Masks(given) is not var (context, target))
            return;
        Tensor seen = model.Encode(pixels, context);
        outputs.Add(("context_hidden_state", seen));
        outputs.Add(("predictor_last_hidden_state", Predictor(model.Predictor, model).Forward(seen, context, target)));
    }

    /// <summary>As transformers: the encoder sees the whole clip, and the context is gathered from its output.</summary>
    private static void Run(VJepa2 model, NamedInputs given, List<(string, Tensor)> outputs)
    {
        Tensor tokens = model.Encode(given.Needed(Video));
        Add(model, tokens, outputs);
        if (Masks(given) is var (context, target))
            outputs.Add(("predictor_last_hidden_state", Predictor(model.Predictor, model).Forward(tokens.Gather(context), context, target)));
    }

    private static void Run(VJepa21 model, NamedInputs given, List<(string, Tensor)> outputs)
    {
        Tensor? clip = given.Optional(Video), picture = given.Optional(Picture);
        if (clip is null && picture is null)
            given.Needed(Video);
        if (picture is not null)
            outputs.Add(("image_last_hidden_state", model.Encode(picture)));
        if (clip is null)
            return;
        (Tensor Context, Tensor Target)? masks = Masks(given);
        // All levels end with the one that Encode gives: a predictor that reads them needs no second pass.
        bool levels = masks is not null && model.Config.PredictsFromLevels;
        Tensor read = levels ? model.EncodeLevels(clip) : model.Encode(clip);
        int width = model.Config.Encoder.Width;
        Add(model, levels ? read.Slice(2, read.Shape[2] - width, width).Contiguous() : read, outputs);
        if (masks is not var (context, target))
            return;
        VJepa21Prediction prediction = Predictor(model.Predictor, model).Forward(read.Gather(context), context, target, isPicture: clip.Shape[1] == 1);
        outputs.Add(("predictor_last_hidden_state", prediction.Targets));
        outputs.Add(("predictor_context_hidden_state", prediction.Context));
    }

    private static void Run(VJepa2Ac model, NamedInputs given, List<(string, Tensor)> outputs)
    {
        Tensor tokens = model.EncodeFrames(given.Needed("frames"));
        outputs.Add(("frame_tokens", Joined(tokens)));
        Tensor? actions = given.Optional("actions"), states = given.Optional("states");
        if (actions is not null || states is not null)
            outputs.Add(("predictions", Joined(model.Predictor.Forward(tokens, given.Needed("actions"), given.Needed("states")))));

        // The reference keeps the frames' tokens in one sequence, [B, T · N, D].
        static Tensor Joined(Tensor x) => x.Reshape(x.Shape[0], x.Shape[1] * x.Shape[2], x.Shape[3]);
    }

    /// <summary>The tokens and, where there is a classifier, its logits.</summary>
    private static void Add(JepaModel model, Tensor tokens, List<(string, Tensor)> outputs)
    {
        outputs.Add(("last_hidden_state", tokens));
        if (model.Probe is { } probe)
            outputs.AddRange(probe.Forward(tokens).Select((logits, head) => (model.Config.Probe!.HeadName(head), logits)));
    }

    private static T Predictor<T>(T? predictor, JepaModel model) where T : class => predictor
        ?? throw new ArgumentException($"masks ask for predictions, but {model.Origin?.Path ?? "the model"} has no predictor");

    private static (Tensor Context, Tensor Target)? Masks(NamedInputs given)
    {
        Tensor? context = given.Optional(ContextMask), target = given.Optional(TargetMask);
        return context is null && target is null ? null : (given.Needed(ContextMask), given.Needed(TargetMask));
    }
}
