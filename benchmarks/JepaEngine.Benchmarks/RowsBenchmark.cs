using System.Diagnostics;
using JepaEngine.Backends;
using JepaEngine.Backends.Cpu;
using JepaEngine.Memory;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Benchmarks;

/// <summary>
/// Kernels that stream through memory against a plain copy: the share of the copy's bandwidth that each reaches, counting the bytes it
/// must read and write. Each turn works on other memory, as much as makes the third-level cache useless.
/// </summary>
internal static class RowsBenchmark
{
    private const int Rows = 2048, Width = 1024, Hidden = 4096, Parameters = 10_000_000, Turns = 24;
    private const long CacheBytes = 32L << 20;

    /// <summary>Measures with one thread and with all and prints a table.</summary>
    public static void Run(TextWriter output)
    {
        foreach (int threads in new[] { 1, Environment.ProcessorCount }.Distinct())
        {
            var backend = new CpuBackend(CpuIsa.Auto, threads);
            output.WriteLine($"{backend.Description,-28}{"ms",10}{"GB/s",10}{"of copy",10}");
            Measure(output, backend);
        }
    }

    private static void Measure(TextWriter output, CpuBackend backend)
    {
        using var scope = new TensorScope(Device.Cpu);
        Operand[] Fresh(params ReadOnlySpan<int> shape)
        {
            var operands = new Operand[1 + 2 * CacheBytes / (new Shape(shape).Count * sizeof(float))];
            for (int i = 0; i < operands.Length; i++)
            {
                operands[i] = new Operand(scope.Rent(new Shape(shape).Count * sizeof(float)), DType.F32, new Layout(new Shape(shape)));
                backend.Fill(operands[i], 0.5);
            }
            return operands;
        }
        Operand[] from = Fresh(Rows, Hidden), to = Fresh(Rows, Hidden),
            x = Fresh(Rows, Width), y = Fresh(Rows, Width), z = Fresh(Rows, Width);
        Operand[] p = Fresh(Parameters), g = Fresh(Parameters), m = Fresh(Parameters), v = Fresh(Parameters),
            u = Fresh(4, 64, 256), du = Fresh(4, 64, 256);
        Operand row = Fresh(Width)[0], sum = row with { Layout = new Layout([1, Width]) },
            dweight = Fresh(Width)[0], dbias = Fresh(Width)[0];
        Operand mean = Fresh(Rows)[0], rstd = Fresh(Rows)[0], one = Fresh(1)[0];
        Operand step = scope.Empty([AdamWStep.Length], DType.F64).Operand, norm = scope.Full([], 1, DType.F64).Operand;
        backend.Upload<AdamWStep>([AdamWStep.Of(10, 1e-4, 0.9, 0.999, 1e-8, 0.01)], step);
        long hidden = (long)Rows * Hidden * sizeof(float), narrow = (long)Rows * Width * sizeof(float),
            flat = (long)Parameters * sizeof(float);

        (string Name, long Bytes, Action<int> Body)[] cases =
        [
            ("LayerNorm", 2 * narrow, i => backend.LayerNorm(x.At(i), row, row, 1e-6, y.At(i), mean, rstd)),
            ("LayerNormGrad", 3 * narrow, i => backend.LayerNormGrad(x.At(i), row, mean, rstd, y.At(i), z.At(i), false, dweight, dbias)),
            ("BatchNorm", 2 * narrow, i => backend.BatchNorm(x.At(i), row, row, dweight, dbias, 0.1, 1e-5, y.At(i), sum, dbias)),
            ("GELU", 2 * hidden, i => backend.Unary(UnaryOp.Gelu, from.At(i), to.At(i))),
            ("GELU gradient", 3 * hidden, i => backend.UnaryGrad(UnaryOp.Gelu, from.At(i), to.At(i), to.At(i))),
            ("Add", 3 * hidden, i => backend.Binary(BinaryOp.Add, from.At(i), from.At(i + 1), to.At(i))),
            ("Sum of rows", narrow, i => backend.Sum(x.At(i), 1, sum)),
            ("SumOfSquares", flat, i => backend.SumOfSquares(p.At(i), norm)),
            ("AdamW", 7 * flat, i => backend.AdamW(new AdamWArena(p.At(i), g.At(i), m.At(i), v.At(i), norm), step)),
            ("Ema", 3 * flat, i => backend.Ema(p.At(i), g.At(i), 0.99)),
            ("RandomNormal", narrow, i => backend.RandomNormal(x.At(i), new PhiloxKey(1), 0, 1)),
            ("Dropout", 2 * narrow, i => backend.Dropout(x.At(i), 0.1, new PhiloxKey(1), y.At(i))),
            ("SigReg and its gradient", 2 * 4 * 64 * 256 * sizeof(float), i =>
            {
                backend.SigReg(u.At(i), 17, one);
                backend.SigRegGrad(u.At(i), 17, one, du.At(i));
            }),
        ];
        foreach ((string name, long bytes, Action<int> body) in cases)
        {
            // Turn by turn with the copy, so that both meet the same neighbours on a shared machine; the best of each counts.
            double best = double.MaxValue, copy = double.MaxValue;
            for (int turn = 0; turn < Turns; turn++)
            {
                copy = Math.Min(copy, Time(i => backend.Copy(from.At(i), to.At(i)), turn));
                best = Math.Min(best, Time(body, turn));
            }
            double bandwidth = bytes / best / 1e9, copied = 2 * hidden / copy / 1e9;
            output.WriteLine($"{name,-28}{best * 1e3,10:f3}{bandwidth,10:f1}{bandwidth / copied,10:p0}");
        }
    }

    private static Operand At(this Operand[] operands, int i) => operands[i % operands.Length];

    private static double Time(Action<int> body, int turn)
    {
        long start = Stopwatch.GetTimestamp();
        body(turn);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
