using JepaEngine.Backends;
using JepaEngine.Backends.Cpu;
using JepaEngine.Memory;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.Backends;

/// <summary>
/// The CPU's row, elementwise and reduction kernels against naive loops in double, called on the backend itself: odd sizes, no rows at all,
/// rows with gaps, each vector width, one thread and two.
/// </summary>
public sealed unsafe class RowKernelTests : IDisposable
{
    /// <summary>What a kernel left behind and what it should have; the tolerance is relative to the largest number, at least 1.</summary>
    private sealed record Outcome(string Name, double[] Actual, double[] Expected, double Tolerance = 2e-6);

    /// <summary>Marks memory that no kernel may write.</summary>
    private const float Untouched = 12345.678f;

    /// <summary>No operand starts where its memory does.</summary>
    private const int Offset = 5;

    private readonly TensorScope scope = new(Device.Cpu);

    public void Dispose() => scope.Dispose();

    public static TheoryData<CpuIsa> Isas => VectorMathTests.Isas();

    public static readonly (int Rows, int Width)[] Sizes = [(0, 16), (1, 1), (3, 7), (5, 16), (2, 17), (4, 33), (3, 1000), (130, 100)];

    [Theory]
    [MemberData(nameof(Isas))]
    public void Agrees_with_loops_in_double(CpuIsa isa)
    {
        var backend = new CpuBackend(isa, 1, Device.Cpu.Allocator);
        foreach ((int rows, int width) in Sizes)
            foreach (int gap in new[] { 0, 3 })
                foreach (Outcome outcome in Outcomes(backend, rows, width, gap))
                    Check(outcome, $"{outcome.Name} [{rows}, {width}] with gaps of {gap}");
    }

    [Theory]
    [MemberData(nameof(Isas))]
    public void Bits_do_not_depend_on_the_threads(CpuIsa isa)
    {
        CpuBackend one = new(isa, 1, Device.Cpu.Allocator), two = new(isa, 2, Device.Cpu.Allocator);
        // Large enough for several parts in every kernel.
        foreach ((Outcome a, Outcome b) in Outcomes(one, 700, 200, 0).Zip(Outcomes(two, 700, 200, 0)))
            Assert.True(a.Actual.AsSpan().SequenceEqual(b.Actual), a.Name);
    }

    [Theory]
    [MemberData(nameof(Isas))]
    public void Large_mean_keeps_its_digits(CpuIsa isa)
    {
        const int width = 1000;
        double[] values = Values(width, 1, 1000), expected = Normalize(values, 1, width, 1e-6).Normal;
        Operand x = New([1, width], values), y = New([1, width]), mean = New([1]), rstd = New([1]);
        new CpuBackend(isa, 1, Device.Cpu.Allocator).LayerNorm(x, null, null, 1e-6, y, mean, rstd);
        Check(new Outcome("LayerNorm", Read(y), expected, 1e-4), "mean 1000");
    }

    [Fact]
    public void Kernels_allocate_nothing()
    {
        var backend = new CpuBackend(CpuIsa.Auto, 2, Device.Cpu.Allocator);
        const int rows = 700, width = 200;
        Operand x = New([rows, width], Values(rows * width, 1)), y = New([rows, width]),
            row = New([width], Values(width, 2)), sum = New([1, width]);
        Operand mean = New([rows]), rstd = New([rows]), dweight = New([width]), dbias = New([width]);
        Operand total = scope.Empty([], DType.F64).Operand;
        Assert.Equal(0, Garbage.Least(() =>
        {
            backend.LayerNorm(x, row, row, 1e-6, y, mean, rstd);
            backend.LayerNormGrad(x, row, mean, rstd, x, y, false, dweight, dbias);
            backend.Unary(UnaryOp.Gelu, x, y);
            backend.Binary(BinaryOp.Add, x, x, y);
            backend.Sum(x, 1, sum);
            backend.RandomNormal(y, new PhiloxKey(1), 0, 1);
            backend.Copy(x, y);
            backend.SumOfSquares(x, total);
        }, tries: 20));
    }

    /// <summary>Runs every kernel over [rows, width], with gaps behind the rows where the contract allows them.</summary>
    private IEnumerable<Outcome> Outcomes(CpuBackend backend, int rows, int width, int gap)
    {
        int count = rows * width;
        Shape shape = [rows, width];
        double[] a = Values(count, 1), b = Values(count, 2), c = Values(count, 3), w = Values(width, 4, 1), v = Values(width, 5);
        Operand x = New(shape, a, gap), y = New(shape, b, gap), z = New(shape, c, gap), weight = New([width], w), bias = New([width], v);
        Operand flat = New(shape, a), flat2 = New(shape, b);
        Operand mean = New([rows]), rstd = New([rows]), result = New(shape, null, gap), dense = New(shape), again = New(shape, null, gap);
        Operand dweight = New([width]), dbias = New([width]), scalar = New([1, 1]);
        double[] Each(Func<int, double> element) => [.. Enumerable.Range(0, count).Select(element)];
        double[] Columns(Func<int, double> element) =>
            [.. Enumerable.Range(0, width).Select(j => Enumerable.Range(0, rows).Sum(i => element(i * width + j)))];

        // Normalisation
        const double eps = 1e-5;
        (double[] normal, double[] means, double[] rstds) = Normalize(a, rows, width, eps);
        backend.LayerNorm(x, weight, bias, eps, result, mean, rstd);
        yield return new("LayerNorm", Read(result), Each(i => normal[i] * w[i % width] + v[i % width]), 1e-5);
        yield return new("LayerNorm mean", Read(mean), means);
        yield return new("LayerNorm rstd", Read(rstd), rstds, 1e-5);
        backend.LayerNormGrad(x, weight, mean, rstd, y, result, false, dweight, dbias);
        double[] dx = NormalizeGrad(Each(i => b[i] * w[i % width]), normal, rstds, width);
        yield return new("LayerNormGrad dx", Read(result), dx, 2e-5);
        yield return new("LayerNormGrad dweight", Read(dweight), Columns(i => b[i] * normal[i]), 1e-5);
        yield return new("LayerNormGrad dbias", Read(dbias), Columns(i => b[i]), 1e-5);
        backend.LayerNormGrad(x, weight, mean, rstd, y, result, true, null, null);
        yield return new("LayerNormGrad accumulating", Read(result), Each(i => 2 * dx[i]), 2e-5);
        backend.AdaLayerNorm(x, y, z, eps, result, mean, rstd);
        yield return new("AdaLayerNorm", Read(result), Each(i => normal[i] * (1 + c[i]) + b[i]), 1e-5);
        Operand dscale = New(shape, null, gap);
        backend.AdaLayerNormGrad(x, z, mean, rstd, y, result, false, again, dscale);
        yield return new("AdaLayerNormGrad dx", Read(result), NormalizeGrad(Each(i => b[i] * (1 + c[i])), normal, rstds, width), 2e-5);
        yield return new("AdaLayerNormGrad dshift", Read(again), b);
        yield return new("AdaLayerNormGrad dscale", Read(dscale), Each(i => b[i] * normal[i]), 1e-5);
        if (rows > 1 && gap == 0)
        {
            double[] turned = Turn(a, rows, width), turnedDy = Turn(Each(i => b[i] * w[i % width]), rows, width);
            (double[] batchNormal, double[] batchMeans, double[] batchRstds) = Normalize(turned, width, rows, eps);
            double[] columnNormal = Turn(batchNormal, width, rows);
            Operand runningMean = New([width], v), runningVariance = New([width], [.. w.Select(Math.Abs)]),
                m = New([width]), r = New([width]);
            backend.BatchNormInference(flat, weight, bias, runningMean, runningVariance, eps, dense);
            yield return new("BatchNormInference", Read(dense),
                Each(i => (a[i] - v[i % width]) / Math.Sqrt(Math.Abs(w[i % width]) + eps) * w[i % width] + v[i % width]), 1e-5);
            backend.BatchNorm(flat, weight, bias, runningMean, runningVariance, 0.1, eps, dense, m, r);
            yield return new("BatchNorm", Read(dense), Each(i => columnNormal[i] * w[i % width] + v[i % width]), 1e-5);
            yield return new("BatchNorm running mean", Read(runningMean), [.. v.Zip(batchMeans, (o, n) => 0.9 * o + 0.1 * n)]);
            yield return new("BatchNorm running variance", Read(runningVariance), [.. w.Zip(batchRstds,
                (o, n) => 0.9 * Math.Abs(o) + 0.1 * (1 / (n * n) - eps) * rows / (rows - 1))]);
            backend.BatchNormGrad(flat, weight, m, r, flat2, dense, dweight, dbias);
            yield return new("BatchNormGrad dx", Read(dense),
                Turn(NormalizeGrad(turnedDy, batchNormal, batchRstds, rows), width, rows), 5e-5);
            yield return new("BatchNormGrad dweight", Read(dweight), Columns(i => b[i] * columnNormal[i]), 1e-5);
            yield return new("BatchNormGrad dbias", Read(dbias), Columns(i => b[i]), 1e-5);
        }

        // Elementwise
        if (gap == 0)
        {
            foreach (UnaryOp op in Enum.GetValues<UnaryOp>())
            {
                double[] arguments = op == UnaryOp.Sqrt ? [.. a.Select(n => (double)(float)(n * n + 0.1))] : a;
                Operand argument = New(shape, arguments);
                backend.Unary(op, argument, dense);
                yield return new($"{op}", Read(dense), Each(i => Function(op, arguments[i])));
                backend.UnaryGrad(op, argument, flat2, dense);
                yield return new($"{op} gradient", Read(dense), Each(i => b[i] * Slope(op, arguments[i])), op == UnaryOp.Abs ? 2e-6 : 1e-5);
            }
        }
        Operand broadcast = bias with { Layout = bias.Layout.Broadcast(shape) };
        Operand still = New([rows, 1], Values(rows, 6)), stretched = still with { Layout = still.Layout.Broadcast(shape) };
        double[] column = Values(rows, 6);
        Operand turnedStorage = New([width, rows], Turn(b, rows, width));
        Operand transposed = turnedStorage with { Layout = turnedStorage.Layout.Transpose(0, 1) };
        (string Name, Operand Operand, Func<int, double> Value)[] others =
            [("rows", y, i => b[i]), ("row", broadcast, i => v[i % width]),
             ("column", stretched, i => column[i / width]), ("transposed", transposed, i => b[i])];
        foreach ((string name, Operand operand, Func<int, double> value) in others)
        {
            backend.Binary(BinaryOp.Add, x, operand, result);
            yield return new($"Add {name}", Read(result), Each(i => a[i] + value(i)));
            backend.Binary(BinaryOp.Subtract, operand, x, result);
            yield return new($"Subtract {name}", Read(result), Each(i => value(i) - a[i]));
            backend.Binary(BinaryOp.Multiply, x, operand, dense);
            yield return new($"Multiply {name}", Read(dense), Each(i => a[i] * value(i)));
            backend.Affine(operand, 2, 3, result);
            yield return new($"Affine {name}", Read(result), Each(i => 2 * value(i) + 3));
            backend.Copy(operand, result);
            yield return new($"Copy {name}", Read(result), Each(value), 0);
        }
        backend.Copy(x, again);
        backend.Binary(BinaryOp.Divide, again, New(shape, [.. b.Select(n => (double)(float)(n * n + 1))], gap), again);
        yield return new("Divide in place", Read(again), Each(i => a[i] / (b[i] * b[i] + 1)));
        backend.GatedAdd(x, y, z, result);
        yield return new("GatedAdd", Read(result), Each(i => a[i] + b[i] * c[i]));
        foreach (DType dtype in Enum.GetValues<DType>())
        {
            var stored = new Operand(scope.Rent((Offset + count) * dtype.Size()), dtype, new Layout(shape, Offset));
            double[] numbers = Each(i => i * 37 % 256);
            backend.Copy(New(shape, numbers, gap), stored);
            backend.Copy(stored, result);
            yield return new($"Copy by {dtype}", Read(result), numbers, 0);
            backend.Fill(stored, 3);
            backend.Copy(stored, result);
            yield return new($"Fill {dtype}", Read(result), Each(_ => 3), 0);
        }

        // Random numbers
        var key = new PhiloxKey(12345, ulong.MaxValue / 3);
        if (gap == 0)
        {
            backend.RandomUniform(dense, key, 0, 1);
            yield return new("RandomUniform", Read(dense), Each(i => Philox.Uniform(key, (ulong)i)), 0);
            backend.RandomNormal(dense, key, 0.5, 2);
            yield return new("RandomNormal", Read(dense), Each(i => 0.5 + 2 * Philox.Normal(key, (ulong)i)), 1e-7);
            backend.Dropout(flat, 0.3, key, dense);
            yield return new("Dropout", Read(dense), Each(i => Philox.Uniform(key, (ulong)i) >= 0.3 ? a[i] / 0.7 : 0));
        }

        // Reductions
        Operand sumOfRows = New([1, width]), sumOfColumns = New([rows, 1]);
        backend.Sum(x, 0.5, sumOfRows);
        yield return new("Sum over rows", Read(sumOfRows), Columns(i => 0.5 * a[i]), 1e-5);
        backend.Sum(x, 2, sumOfColumns);
        yield return new("Sum over columns", Read(sumOfColumns),
            [.. Enumerable.Range(0, rows).Select(i => 2 * a[(i * width)..((i + 1) * width)].Sum())], 1e-5);
        backend.Sum(x, 1, scalar);
        yield return new("Sum", Read(scalar), [a.Sum()], 1e-5);
        backend.Sum(transposed, 1, sumOfRows);
        yield return new("Sum of a transpose", Read(sumOfRows), Columns(i => b[i]), 1e-5);
        if (gap == 0 && rows % 2 == 0)
        {
            Operand halves = flat with { Layout = new Layout([2, rows / 2, width], Offset) }, middle = New([2, 1, width]);
            backend.Sum(halves, 1, middle);
            yield return new("Sum over the middle", Read(middle), [.. Enumerable.Range(0, 2 * width).Select(i =>
                Enumerable.Range(0, rows / 2).Sum(r => a[(i / width * (rows / 2) + r) * width + i % width]))], 1e-5);
        }
        if (gap == 0)
        {
            Tensor total = scope.Empty([], DType.F64);
            backend.SumOfSquares(flat, total.Operand);
            yield return new("SumOfSquares", [total.Item()], [a.Sum(n => n * n)]);
        }

        foreach (DType dtype in new[] { DType.I32, DType.I64 })
        {
            if (gap != 0)
                break;
            const int tokens = 50;
            var ids = new Operand(scope.Rent((Offset + tokens) * 8), dtype, new Layout([tokens], Offset));
            int[] picked = [.. Enumerable.Range(0, tokens).Select(i => rows == 0 ? 0 : i * 7 % rows)];
            if (rows == 0)
                break;
            backend.Copy(New([tokens], [.. picked.Select(i => (double)i)]), ids);
            Operand embedded = New([tokens, width]), dy = New([tokens, width], Values(tokens * width, 7));
            backend.Embedding(flat, ids, embedded);
            yield return new("Embedding", Read(embedded),
                [.. Enumerable.Range(0, tokens * width).Select(i => a[picked[i / width] * width + i % width])], 0);
            backend.EmbeddingGrad(dy, ids, dense);
            double[] given = Values(tokens * width, 7);
            yield return new("EmbeddingGrad", Read(dense), Each(i => Enumerable.Range(0, tokens).Sum(t =>
                picked[t] == i / width ? given[t * width + i % width] : 0)));
        }

        // Losses
        Operand loss = New([]), dloss = New([], [3]);
        foreach (LossKind kind in Enum.GetValues<LossKind>())
        {
            if (rows == 0)
                break;
            backend.Loss(kind, x, y, loss);
            yield return new($"{kind}", Read(loss), [Each(i => Loss(kind, a[i] - b[i])).Average()]);
            backend.LossGrad(kind, x, y, dloss, dense);
            yield return new($"{kind} gradient", Read(dense), Each(i => 3.0 / count * LossSlope(kind, a[i] - b[i])));
        }
        backend.Copy(x, again);
        backend.NormalizeRows(again);
        double[] norms = [.. Enumerable.Range(0, rows).Select(r => Math.Sqrt(a[(r * width)..((r + 1) * width)].Sum(n => n * n)))];
        yield return new("NormalizeRows", Read(again), Each(i => a[i] / norms[i / width]));
        if (gap == 0 && rows > 0)
        {
            Operand u = flat with { Layout = new Layout([1, rows, width], Offset) };
            (double statistic, double[] du) = SigReg(a, rows, width, 17);
            backend.SigReg(u, 17, loss);
            yield return new("SigReg", Read(loss), [statistic]);
            backend.SigRegGrad(u, 17, dloss, dense);
            double largest = du.Max(Math.Abs);
            yield return new("SigRegGrad", [.. Read(dense).Select(n => n / largest / 3)], [.. du.Select(n => n / largest)], 1e-5);
        }

        // Optimiser
        if (gap != 0)
            yield break;
        Operand parameter = New([count], a), gradient = New([count], b),
            moment1 = New([count], c), moment2 = New([count], Each(i => c[i] * c[i]));
        double[] squares = Read(moment2);
        Tensor norm = scope.Full([], 4, DType.F64), step = scope.Empty([AdamWStep.Length], DType.F64);
        // Clipped from 2 (and the 1e-6 that is added to it) to 1: the gradient is halved.
        backend.Upload<AdamWStep>([AdamWStep.Of(3, 0.01, 0.9, 0.95, 1e-8, 0.1, clipNorm: 1 + 5e-7)], step.Operand);
        backend.AdamW(new AdamWArena(parameter, gradient, moment1, moment2, norm.Operand), step.Operand);
        double First(int i) => 0.9 * c[i] + 0.1 * 0.5 * b[i];
        double Second(int i) => 0.95 * squares[i] + 0.05 * 0.25 * b[i] * b[i];
        yield return new("AdamW moment 1", Read(moment1), Each(First));
        yield return new("AdamW moment 2", Read(moment2), Each(Second));
        yield return new("AdamW parameter", Read(parameter), Each(i => a[i] * (1 - 0.001) - 0.01 * First(i) / (1 - Math.Pow(0.9, 3))
            / (Math.Sqrt(Second(i) / (1 - Math.Pow(0.95, 3))) + 1e-8)));
        backend.Copy(flat, dense);
        backend.Ema(dense, flat2, 0.99);
        yield return new("Ema", Read(dense), Each(i => 0.99 * a[i] + 0.01 * b[i]));
    }

    private static void Check(Outcome outcome, string name)
    {
        Assert.Equal(outcome.Expected.Length, outcome.Actual.Length);
        double bound = outcome.Tolerance * Math.Max(1, outcome.Expected.Select(Math.Abs).DefaultIfEmpty().Max());
        for (int i = 0; i < outcome.Actual.Length; i++)
            Assert.True(Math.Abs(outcome.Actual[i] - outcome.Expected[i]) <= bound,
                $"{name}: element {i} is {outcome.Actual[i]:g9}, not {outcome.Expected[i]:g9}; {bound:g2} is allowed");
    }

    /// <summary>Floats in about −2..2 around <paramref name="centre"/>, the same for the same seed.</summary>
    private static double[] Values(int count, ulong seed, double centre = 0) =>
        [.. Enumerable.Range(0, count).Select(i => (double)(float)(centre + 4 * Philox.Uniform(new PhiloxKey(seed), (ulong)i) - 2))];

    private Operand New(Shape shape, double[]? values = null, int gap = 0)
    {
        Span<long> strides = stackalloc long[shape.Rank];
        var dense = new Layout(shape);
        for (int i = 0; i < strides.Length; i++)
            strides[i] = dense.Stride(i) + (i == strides.Length - 2 ? gap : 0);
        int length = Math.Max(1, (int)shape.Count + (shape.Rank == 2 ? gap * shape[0] : 0));
        var operand = new Operand(scope.Rent((Offset + length) * sizeof(float)), DType.F32, new Layout(shape, strides, Offset));
        new Span<float>((float*)operand.Storage.Pointer, (int)(operand.Storage.Capacity / sizeof(float))).Fill(Untouched);
        for (int i = 0; i < shape.Count && values != null; i++)
            ((float*)operand.Storage.Pointer)[operand.Layout.IndexOf(i)] = (float)values[i];
        return operand;
    }

    private static double[] Read(Operand operand)
    {
        double[] values = new double[operand.Count];
        for (int i = 0; i < values.Length; i++)
            values[i] = ((float*)operand.Storage.Pointer)[operand.Layout.IndexOf(i)];
        int untouched = new Span<float>((float*)operand.Storage.Pointer, (int)(operand.Storage.Capacity / sizeof(float))).Count(Untouched);
        Assert.Equal(operand.Storage.Capacity / sizeof(float) - values.Length, untouched);
        return values;
    }

    private static double[] Turn(double[] x, int rows, int width) =>
        [.. Enumerable.Range(0, x.Length).Select(i => x[i % rows * width + i / rows])];

    private static (double[] Normal, double[] Means, double[] Rstds) Normalize(double[] x, int rows, int width, double eps)
    {
        double[] normal = new double[x.Length], means = new double[rows], rstds = new double[rows];
        for (int row = 0; row < rows; row++)
        {
            double[] values = x[(row * width)..((row + 1) * width)];
            means[row] = values.Average();
            rstds[row] = 1 / Math.Sqrt(values.Average(n => (n - means[row]) * (n - means[row])) + eps);
            for (int i = 0; i < width; i++)
                normal[row * width + i] = (values[i] - means[row]) * rstds[row];
        }
        return (normal, means, rstds);
    }

    private static double[] NormalizeGrad(double[] g, double[] normal, double[] rstds, int width)
    {
        double[] dx = new double[g.Length];
        for (int row = 0; row < rstds.Length; row++)
        {
            IEnumerable<int> indices = Enumerable.Range(row * width, width);
            double mean = indices.Average(i => g[i]), meanNormal = indices.Average(i => g[i] * normal[i]);
            foreach (int i in indices)
                dx[i] = rstds[row] * (g[i] - mean - normal[i] * meanNormal);
        }
        return dx;
    }

    private static double Function(UnaryOp op, double x) => op switch
    {
        UnaryOp.Gelu => x * VectorMathTests.Phi(x),
        UnaryOp.Silu => x / (1 + Math.Exp(-x)),
        UnaryOp.Relu => Math.Max(x, 0),
        UnaryOp.Square => x * x,
        UnaryOp.Sqrt => Math.Sqrt(x),
        UnaryOp.Abs => Math.Abs(x),
        _ => Math.Exp(x),
    };

    private static double Slope(UnaryOp op, double x)
    {
        const double h = 1e-5;
        return (Function(op, x + h) - Function(op, x - h)) / (2 * h);
    }

    private static double Loss(LossKind kind, double d) => kind switch
    {
        LossKind.MeanSquared => d * d,
        LossKind.L1 => Math.Abs(d),
        _ => Math.Abs(d) < 1 ? d * d / 2 : Math.Abs(d) - 0.5,
    };

    private static double LossSlope(LossKind kind, double d) => kind switch
    {
        LossKind.MeanSquared => 2 * d,
        LossKind.L1 => Math.Sign(d),
        _ => Math.Clamp(d, -1, 1),
    };

    private static (double Statistic, double[] Gradient) SigReg(double[] u, int samples, int directions, int knots)
    {
        double statistic = 0, spacing = 3.0 / (knots - 1);
        double[] gradient = new double[u.Length];
        for (int k = 0; k < directions; k++)
        {
            for (int j = 0; j < knots; j++)
            {
                double t = j * spacing, phi = Math.Exp(-t * t / 2),
                    weight = (j == 0 || j == knots - 1 ? 1 : 2) * spacing * phi / directions;
                double c = -phi, s = 0;
                for (int n = 0; n < samples; n++)
                {
                    c += Math.Cos(t * u[n * directions + k]) / samples;
                    s += Math.Sin(t * u[n * directions + k]) / samples;
                }
                statistic += samples * weight * (c * c + s * s);
                for (int n = 0; n < samples; n++)
                    gradient[n * directions + k] += 2 * weight * t * (s * Math.Cos(t * u[n * directions + k])
                        - c * Math.Sin(t * u[n * directions + k]));
            }
        }
        return (statistic, gradient);
    }
}
