using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using JepaEngine.Backends.Cpu.Simd;

namespace JepaEngine.Backends.Cpu.Gemm;

/// <summary>Where a product goes and its <see cref="Epilogue"/>, as pointers: a null pointer is an absent step.</summary>
internal unsafe struct Finish
{
    private float* dst, bias, derivative, multiplier, residual;
    private nint dstRow, derivativeRow, multiplierRow, residualRow;
    private Activation activation;

    /// <summary>The matrix <paramref name="batch"/> of the destination and of the epilogue's operands.</summary>
    public static Finish Of(in Operand dst, in Epilogue epilogue, int batch)
    {
        Finish finish = default;
        finish.dst = Matrix(dst, batch, out finish.dstRow);
        finish.bias = epilogue.Bias is { } bias ? bias.As<float>() : null;
        finish.activation = epilogue.Activation;
        if (epilogue.Derivative is { } derivative)
            finish.derivative = Matrix(derivative, batch, out finish.derivativeRow);
        if (epilogue.Multiplier is { } multiplier)
            finish.multiplier = Matrix(multiplier, batch, out finish.multiplierRow);
        if (epilogue.Residual is { } residual)
            finish.residual = Matrix(residual, batch, out finish.residualRow);
        return finish;
    }

    /// <summary>A plain matrix in memory, with a bias or a residual or null.</summary>
    public static Finish Of(float* dst, nint dstRow, float* bias = null, float* residual = null) =>
        new() { dst = dst, dstRow = dstRow, bias = bias, residual = residual, residualRow = dstRow };

    private static float* Matrix(in Operand operand, int batch, out nint row)
    {
        row = (nint)operand.Layout.Stride(-2);
        return operand.As<float>() + (operand.Shape.Rank == 3 ? batch * operand.Layout.Stride(0) : 0);
    }

    /// <summary>Whether elements are stored as they are, so that a kernel may store them itself.</summary>
    public readonly bool IsPlain => bias == null && activation == Activation.None && multiplier == null && residual == null;

    /// <summary>The destination's element.</summary>
    public readonly float* At(int m, int n, out nint row)
    {
        row = dstRow;
        return dst + m * dstRow + n;
    }

    /// <summary>
    /// Starts to fetch what <see cref="Store"/> will touch of rows m.. and columns n.., which comes while the tile is computed: 1 to 2 points of the
    /// peak at 256 rows.
    /// </summary>
    public readonly void Prefetch(int m, int n, int rows, int columns)
    {
        Prefetch(dst + m * dstRow + n, dstRow, rows, columns);
        if (residual != null)
            Prefetch(residual + m * residualRow + n, residualRow, rows, columns);
    }

    private static void Prefetch(float* from, nint row, int rows, int columns)
    {
        const int line = 64 / sizeof(float);
        if (!Sse.IsSupported)
            return;
        for (int i = 0; i < rows; i++, from += row)
            for (int j = 0; j < columns; j += line)
                Sse.Prefetch0(from + j);
    }

    /// <summary>Takes a tile with rows of whole vectors through the epilogue to rows m.. and columns n.. of the destination.</summary>
    [SkipLocalsInit, MethodImpl(MethodImplOptions.NoInlining)]
    public readonly void Store<V>(float* tile, nint tileRow, int m, int n, int rows, int columns) where V : struct, IVector<V>
    {
        for (int i = 0; i < rows; i++, tile += tileRow)
        {
            nint to = (m + i) * dstRow + n, mul = (m + i) * multiplierRow + n, add = (m + i) * residualRow + n;
            nint slope = (m + i) * derivativeRow + n;
            int j = 0;
            for (; j <= columns - V.Count; j += V.Count)
            {
                V x = V.Load(tile + j);
                if (bias != null)
                    x += V.Load(bias + n + j);
                if (derivative != null)
                {
                    x = Activate(activation, x, out V derived);
                    V.Store(derivative + slope + j, derived);
                }
                else if (activation != Activation.None)
                {
                    x = Activate(activation, x);
                }
                if (multiplier != null)
                    x *= V.Load(multiplier + mul + j);
                if (residual != null)
                    x += V.Load(residual + add + j);
                V.Store(dst + to + j, x);
            }
            if (j < columns)
                StoreTail(V.Load(tile + j), columns - j, n + j, to + j, slope + j, mul + j, add + j);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private readonly void StoreTail<V>(V x, int count, int n, nint to, nint slope, nint mul, nint add) where V : struct, IVector<V>
    {
        if (bias != null)
            x += V.LoadPartial(bias + n, count);
        if (derivative != null)
        {
            x = Activate(activation, x, out V derived);
            V.StorePartial(derivative + slope, derived, count);
        }
        else if (activation != Activation.None)
        {
            x = Activate(activation, x);
        }
        if (multiplier != null)
            x *= V.LoadPartial(multiplier + mul, count);
        if (residual != null)
            x += V.LoadPartial(residual + add, count);
        V.StorePartial(dst + to, x, count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Activate<V>(Activation activation, V x, out V derivative) where V : struct, IVector<V> =>
        activation == Activation.Gelu ? VectorMath.Gelu(x, out derivative) : VectorMath.Silu(x, out derivative);

    // The same bits as above; without the derivative a GELU costs two thirds.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Activate<V>(Activation activation, V x) where V : struct, IVector<V> =>
        activation == Activation.Gelu ? VectorMath.Gelu(x) : VectorMath.Silu(x);
}
