namespace JepaEngine.Jepa.Models;

/// <summary>Holds what leaves a model to being finite. Only where it is not is the place looked for.</summary>
internal static class FiniteOutputs
{
    /// <summary>Refuses an output that is not finite.</summary>
    /// <param name="model">Whose it is.</param>
    /// <param name="name">What it is called.</param>
    /// <param name="output">The output.</param>
    /// <param name="pixels">What the encoder saw; null where it saw nothing.</param>
    /// <param name="inputs">All inputs by name, where there are more than pixels.</param>
    /// <exception cref="NumericException">It is not finite; the message names the first place that is not.</exception>
    public static void Require(JepaModel model, string name, Tensor output, Tensor? pixels,
        IReadOnlyDictionary<string, Tensor>? inputs = null)
    {
        if (output.IsFinite())
            return;
        string? given = inputs?.FirstOrDefault(input => !input.Value.IsFinite()).Key;
        throw new NumericException($"NaN or infinity in {name}: "
            + (given is null ? Place(model, pixels) : $"the input '{given}' holds NaN or infinity"));
    }

    /// <summary>The first parameter of a module that is not finite; null where all are.</summary>
    public static string? Parameter(Module module) =>
        module.Parameters().FirstOrDefault(entry => !entry.Parameter.Value.IsFinite()).Name;

    private static string Place(JepaModel model, Tensor? pixels)
    {
        string file = model.Origin?.Path ?? "the model";
        if (Parameter(model) is { } parameter)
            return $"{parameter} of {file} holds NaN or infinity; take a checkpoint from before it did, or "
                + $"download the file again";
        if (pixels?.IsFinite() == false)
            return "the input holds NaN or infinity";
        return Block(model, pixels) is { } block
            ? $"of {file} the encoder's block {block} is the first that gives NaN or infinity; "
            + $"are the pixels normalised?"
            : $"the encoder of {file} gives finite numbers, what follows it does not; are all inputs of the "
            + $"size it was trained on?";
    }

    /// <summary>The first block of the encoder whose output is not finite, from 0.</summary>
    private static int? Block(JepaModel model, Tensor? pixels)
    {
        if (pixels is null)
            return null;
        int? first = null;
        if (pixels.Shape.Rank == 5)
            model.Tokens(pixels, Observe);
        else
            model.Encode(pixels, observe: Observe);
        return first;

        void Observe(int block, Tensor output)
        {
            if (first is null && !output.IsFinite())
                first = block;
        }
    }
}
