namespace JepaEngine.Backends.Reference;

internal sealed partial class ReferenceBackend<T>
{
    public override void MatMul(in Operand a, in Operand b, in Operand dst, in Epilogue epilogue)
    {
        View<T> left = Of(a), right = Of(b), to = Of(dst);
        View<T>? bias = Of(epilogue.Bias), derivative = Of(epilogue.Derivative);
        View<T>? multiplier = Of(epilogue.Multiplier), residual = Of(epilogue.Residual);
        int batch = dst.Shape.Rank == 3 ? dst.Shape[0] : 1, rows = dst.Shape[-2], columns = dst.Shape[-1], inner = a.Shape[-1];
        for (int n = 0; n < batch; n++)
            for (int i = 0; i < rows; i++)
                for (int j = 0; j < columns; j++)
                {
                    T v = T.Zero;
                    for (int k = 0; k < inner; k++)
                        v += left[n, i, k] * right[n, k, j];
                    if (bias is { } summand)
                        v += summand[j];
                    if (derivative is { } saved)
                        saved[n, i, j] = ActivationDerivative(epilogue.Activation, v);
                    v = Activate(epilogue.Activation, v);
                    if (multiplier is { } factor)
                        v *= factor[n, i, j];
                    if (residual is { } addend)
                        v += addend[n, i, j];
                    to[n, i, j] = v;
                }
    }

    private static T Activate(Activation activation, T x) => activation switch
    {
        Activation.Gelu => Value(UnaryOp.Gelu, x),
        Activation.Silu => Value(UnaryOp.Silu, x),
        _ => x,
    };

    private static T ActivationDerivative(Activation activation, T x) => activation switch
    {
        Activation.Gelu => Derivative(UnaryOp.Gelu, x),
        Activation.Silu => Derivative(UnaryOp.Silu, x),
        _ => T.One,
    };
}
