namespace JepaEngine.Backends.Reference;

internal sealed partial class ReferenceBackend<T>
{
    public override void Binary(BinaryOp op, in Operand a, in Operand b, in Operand dst)
    {
        View<T> left = Of(a), right = Of(b), to = Of(dst);
        for (long i = 0; i < to.Count; i++)
            to[i] = op switch
            {
                BinaryOp.Add => left[i] + right[i],
                BinaryOp.Subtract => left[i] - right[i],
                BinaryOp.Multiply => left[i] * right[i],
                BinaryOp.Divide => left[i] / right[i],
                _ => throw new ArgumentOutOfRangeException(nameof(op), op, "not a function"),
            };
    }

    public override void Affine(in Operand x, double scale, double shift, in Operand dst)
    {
        View<T> from = Of(x), to = Of(dst);
        for (long i = 0; i < to.Count; i++)
            to[i] = from[i] * Number(scale) + Number(shift);
    }

    public override void GatedAdd(in Operand residual, in Operand gate, in Operand x, in Operand dst)
    {
        View<T> addend = Of(residual), gates = Of(gate), from = Of(x), to = Of(dst);
        for (long i = 0; i < to.Count; i++)
            to[i] = addend[i] + gates[i] * from[i];
    }
}
