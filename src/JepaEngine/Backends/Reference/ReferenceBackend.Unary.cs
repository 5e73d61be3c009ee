namespace JepaEngine.Backends.Reference;

internal sealed partial class ReferenceBackend<T>
{
    public override void Unary(UnaryOp op, in Operand x, in Operand dst)
    {
        View<T> from = Of(x), to = Of(dst);
        for (long i = 0; i < to.Count; i++)
            to[i] = Value(op, from[i]);
    }

    public override void UnaryGrad(UnaryOp op, in Operand x, in Operand dy, in Operand dx)
    {
        View<T> from = Of(x), upstream = Of(dy), to = Of(dx);
        for (long i = 0; i < to.Count; i++)
            to[i] = upstream[i] * Derivative(op, from[i]);
    }

    private static T Value(UnaryOp op, T x) => op switch
    {
        UnaryOp.Gelu => x * NormalDistribution(x),
        UnaryOp.Silu => x / (T.One + T.Exp(-x)),
        UnaryOp.Relu => T.Max(x, T.Zero),
        UnaryOp.Square => x * x,
        UnaryOp.Sqrt => T.Sqrt(x),
        UnaryOp.Abs => T.Abs(x),
        UnaryOp.Exp => T.Exp(x),
        _ => throw new ArgumentOutOfRangeException(nameof(op), op, "not a function"),
    };

    private static T Derivative(UnaryOp op, T x)
    {
        switch (op)
        {
            case UnaryOp.Gelu:
                return NormalDistribution(x) + x * T.Exp(-x * x / Two) / T.Sqrt(Two * T.Pi);
            case UnaryOp.Silu:
                T sigmoid = T.One / (T.One + T.Exp(-x));
                return sigmoid * (T.One + x * (T.One - sigmoid));
            case UnaryOp.Relu:
                return x > T.Zero ? T.One : T.Zero;
            case UnaryOp.Square:
                return Two * x;
            case UnaryOp.Sqrt:
                return T.One / (Two * T.Sqrt(x));
            case UnaryOp.Abs:
                return Sign(x);
            case UnaryOp.Exp:
                return T.Exp(x);
            default:
                throw new ArgumentOutOfRangeException(nameof(op), op, "not a function");
        }
    }

    /// <summary>Φ(x) = erfc(−x/√2)/2: without the cancellation of 1 + erf(x/√2) for x below 0.</summary>
    private static T NormalDistribution(T x) => Number(ErrorFunction.Erfc(double.CreateTruncating(-x / T.Sqrt(Two))) / 2);

    private static T Sign(T x) => x > T.Zero ? T.One : x < T.Zero ? -T.One : T.Zero;
}
