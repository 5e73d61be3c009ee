using JepaEngine.Backends.Cpu;
using JepaEngine.Memory;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.Backends;

/// <summary>Operands and backends for tests that call kernels directly.</summary>
internal static unsafe class KernelData
{
    /// <summary>Every ISA this processor has, on one thread and on two.</summary>
    public static TheoryData<CpuIsa, int> Backends()
    {
        var data = new TheoryData<CpuIsa, int>();
        foreach (CpuIsa isa in new[] { CpuIsa.Scalar, CpuIsa.Avx2, CpuIsa.Avx512 })
            if (isa <= CpuIsas.Best)
            {
                data.Add(isa, 1);
                data.Add(isa, 2);
            }
        return data;
    }

    private static readonly Dictionary<(CpuIsa, int), CpuBackend> Made = [];

    public static CpuBackend Backend(CpuIsa isa, int threads)
    {
        lock (Made)
            return Made.TryGetValue((isa, threads), out CpuBackend? made)
                ? made
                : Made[(isa, threads)] = new CpuBackend(isa, threads, Device.Cpu.Allocator);
    }

    /// <summary>Contiguous, uniform in −1..1.</summary>
    public static Operand Random(TensorScope scope, int seed, params int[] shape) => Random(scope, seed, new Layout(new Shape(shape)));

    /// <summary>A layout in a block of random numbers, with 64 elements more on both sides than it reaches.</summary>
    public static Operand Random(TensorScope scope, int seed, Layout layout)
    {
        const int margin = 64;
        long reach = 1;
        var strides = new long[layout.Shape.Rank];
        for (int i = 0; i < strides.Length; i++)
        {
            strides[i] = layout.Stride(i);
            reach += Math.Max(0, layout.Shape[i] - 1) * strides[i];
        }
        long count = layout.Offset + reach + 2 * margin;
        Storage storage = scope.Rent(4 * count);
        var random = new Random(seed);
        for (long i = 0; i < count; i++)
            storage.As<float>()[i] = 2 * random.NextSingle() - 1;
        return new Operand(storage, DType.F32, new Layout(layout.Shape, strides, layout.Offset + margin));
    }

    /// <summary>All elements in row-major order.</summary>
    public static float[] Read(in Operand operand)
    {
        var result = new float[operand.Count];
        for (long i = 0; i < result.Length; i++)
            result[i] = operand.Storage.As<float>()[operand.Layout.IndexOf(i)];
        return result;
    }

    /// <summary>A sum over the 64 elements before the operand and after it: changes when a kernel writes where it must not.</summary>
    public static double Surroundings(in Operand operand)
    {
        double sum = 0;
        float* all = operand.Storage.As<float>();
        long last = operand.Count == 0 ? operand.Layout.Offset - 1 : operand.Layout.IndexOf(operand.Count - 1);
        for (int i = 1; i <= 64; i++)
            sum += i * (double)all[operand.Layout.Offset - i] + i * (double)all[last + i];
        return sum;
    }

    public static void Near(ReadOnlySpan<double> expected, ReadOnlySpan<float> actual, double tolerance, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            if (!(Math.Abs(expected[i] - actual[i]) <= tolerance * (1 + Math.Abs(expected[i]))))
                Assert.Fail($"{what}: element {i} is {actual[i]}, not {expected[i]}");
    }
}
