using JepaEngine.Backends;
using JepaEngine.Devices;
using JepaEngine.Tensors;

namespace JepaEngine.Ops;

/// <summary>The lengths of a product [M, K] · [K, N].</summary>
internal readonly record struct ProductSize(int M, int N, int K)
{
    /// <summary>
    /// Rows in which a product too large for plain loops is compared: first and last of blocks, warps and fragments.
    /// </summary>
    public int[] Sampled
    {
        get
        {
            int last = M - 1;
            int[] some = [0, 1, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, last - 1, last];
            return [.. some.Where(row => row <= last).Distinct()];
        }
    }

    /// <summary>As 2048x1024x4096.</summary>
    public override string ToString() => $"{M}x{N}x{K}";
}

/// <summary>Which parts an epilogue has; see <see cref="Epilogue"/>.</summary>
internal sealed record ProductEnd
{
    public bool HasBias { get; init; }

    public Activation Activation { get; init; }

    public bool HasDerivative { get; init; }

    public bool HasMultiplier { get; init; }

    public bool HasResidual { get; init; }

    /// <summary>The residual is the destination.</summary>
    public bool Accumulates { get; init; }

    /// <summary>Those that layers and their gradients end with, and last one with everything.</summary>
    public static IReadOnlyList<ProductEnd> All { get; } =
    [
        new(),
        new() { HasBias = true },
        new() { HasBias = true, HasResidual = true },
        new() { HasBias = true, Activation = Activation.Gelu },
        new() { HasBias = true, Activation = Activation.Silu },
        new() { HasBias = true, Activation = Activation.Gelu, HasDerivative = true },
        new() { HasBias = true, Activation = Activation.Silu, HasDerivative = true },
        new() { HasMultiplier = true },
        new() { Accumulates = true },
        new()
        {
            HasBias = true, Activation = Activation.Gelu, HasDerivative = true, HasMultiplier = true,
            Accumulates = true,
        },
    ];

    /// <summary>As <c>bias, gelu, derivative</c>.</summary>
    public override string ToString()
    {
        (bool Has, string Name)[] parts =
        [
            (HasBias, "bias"),
            (Activation != Activation.None, Activation.ToString().ToLowerInvariant()),
            (HasDerivative, "derivative"),
            (HasMultiplier, "multiplier"),
            (HasResidual, "residual"),
            (Accumulates, "accumulates"),
        ];
        string text = string.Join(", ", parts.Where(part => part.Has).Select(part => part.Name));
        return text.Length == 0 ? "no epilogue" : text;
    }
}

/// <summary>
/// The numbers that products of one size are made of on all devices: drawn once, in the precision of the device under
/// test.
/// </summary>
internal sealed class ProductNumbers
{
    private readonly ProductSize size;
    private readonly double[] a, b, before, residual, multiplier, bias;

    public ProductNumbers(ProductSize size, DType precision)
    {
        this.size = size;
        ulong stream = 0;
        a = Draw(size.M, size.K);
        b = Draw(size.K, size.N);
        before = Draw(size.M, size.N);
        residual = Draw(size.M, size.N);
        multiplier = Draw(size.M, size.N);
        bias = Draw(1, size.N);

        double[] Draw(int rows, int columns) =>
            new OpInput("x", [rows, columns]).Draw(new PhiloxKey(1, stream++), precision);
    }

    private ProductNumbers(ProductNumbers all, int[] rows)
    {
        size = all.size with { M = rows.Length };
        a = Only(all.a, size.K);
        before = Only(all.before, size.N);
        residual = Only(all.residual, size.N);
        multiplier = Only(all.multiplier, size.N);
        (b, bias) = (all.b, all.bias);

        double[] Only(double[] values, int columns) =>
            [.. rows.SelectMany(row => values.AsSpan(row * columns, columns).ToArray())];
    }

    /// <summary>The same product with some rows of the left operand only.</summary>
    public ProductNumbers Of(int[] rows) => rows.Length == size.M ? this : new(this, rows);

    public delegate void Product(in Operand a, in Operand b, in Operand dst, in Epilogue epilogue);

    /// <summary>
    /// What a product leaves in its destination and, where its epilogue has one, the derivative. What lies between the
    /// rows of operands is not a number.
    /// </summary>
    /// <param name="device">Where.</param>
    /// <param name="form">How the operands lie: n row-major, t transposed.</param>
    /// <param name="end">The epilogue.</param>
    /// <param name="product">The product.</param>
    public List<Parity.Output> Run(Device device, string form, ProductEnd end, Product product)
    {
        using var scope = new TensorScope(device, "product");
        Tensor left = Place(a, size.M, size.K, form[0] == 't'), right = Place(b, size.K, size.N, form[1] == 't');
        Tensor dst = Place(before, size.M, size.N);
        Tensor? derivative = end.HasDerivative ? Place(before, size.M, size.N) : null;
        var epilogue = new Epilogue
        {
            Bias = end.HasBias ? Place(bias, 1, size.N).Reshape(size.N).Operand : null, Activation = end.Activation,
            Derivative = derivative?.Operand,
            Multiplier = end.HasMultiplier ? Place(multiplier, size.M, size.N).Operand : null,
            Residual = end.HasResidual ? Place(residual, size.M, size.N).Operand : end.Accumulates ? dst.Operand : null,
        };
        product(left.Operand, right.Operand, dst.Operand, epilogue);
        List<Parity.Output> outputs = [Read("y", dst)];
        if (derivative is not null)
            outputs.Add(Read("derivative", derivative));
        return outputs;

        Tensor Place(double[] values, int rows, int columns, bool isTransposed = false)
        {
            (int outer, int inner) = isTransposed ? (columns, rows) : (rows, columns);
            // Rows begin at multiples of 16 bytes, as tensor cores' kernels want them, with a gap behind each.
            Tensor stored = scope.Full([outer, (inner + 15) / 8 * 8], double.NaN).Slice(-1, 0, inner);
            Tensor x = isTransposed ? stored.Transpose(-1, -2) : stored;
            x.CopyFrom<double>(values);
            return x;
        }

        static Parity.Output Read(string name, Tensor tensor) =>
            new(name, tensor.Shape, tensor.DType, tensor.ToArray<double>());
    }
}
