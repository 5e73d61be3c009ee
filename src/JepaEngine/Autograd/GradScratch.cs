using JepaEngine.Backends;
using JepaEngine.Tensors;

namespace JepaEngine.Autograd;

/// <summary>
/// Destinations for a kernel that writes several gradients at once: the gradient slot where it is empty, else scratch that is added to the slot
/// (or dropped, where the input requires no gradient) on dispose.
/// </summary>
internal ref struct GradScratch(Tape tape)
{
    private (Tensor? Input, Tensor? Part) first, second, third;

    /// <summary>A destination the kernel overwrites.</summary>
    public Operand Fresh(Tensor input)
    {
        if (input.RequiresGrad && tape.StartGrad(input, out Tensor grad))
            return grad.Operand;
        Tensor part = tape.Empty(input.Shape, input.DType);
        Keep(input, part);
        return part.Operand;
    }

    /// <summary>A destination the kernel can add to.</summary>
    public Operand For(Tensor input, out bool accumulate)
    {
        accumulate = false;
        if (!input.RequiresGrad)
            return Fresh(input);
        accumulate = !tape.StartGrad(input, out Tensor grad);
        return grad.Operand;
    }

    /// <summary>Adds the scratch where it belongs and gives it back.</summary>
    public readonly void Dispose()
    {
        Settle(first);
        Settle(second);
        Settle(third);
    }

    private void Keep(Tensor input, Tensor part)
    {
        if (first.Part is null)
            first = (input, part);
        else if (second.Part is null)
            second = (input, part);
        else
            third = (input, part);
    }

    private static void Settle((Tensor? Input, Tensor? Part) kept)
    {
        if (kept is not ({ } input, { } part))
            return;
        if (input.RequiresGrad)
            part.Backend.Binary(BinaryOp.Add, input.Grad!.Operand, part.Operand, input.Grad!.Operand);
        part.Release();
    }
}
