using JepaEngine.Backends.Cpu.Gemm;
using JepaEngine.Backends.Cpu.Simd;
using JepaEngine.Backends.Cpu.Workers;

namespace JepaEngine.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    /// <summary>
    /// Pixels that lie as rows of patches at a time, 4 MB: enough rows that packing the weight costs little even where a patch is large (1024 x 1024 x
    /// 3072: 103 GFLOP/s, 89 with 1 MB), few enough that L3 holds them (16384 x 1280 x 588: 99, 85 with 16 MB).
    /// </summary>
    private const int PatchPixels = 1 << 20;

    public override void PatchEmbed(in Operand pixels, PixelTransform? transform, in Operand? visible, in Operand weight, in Operand bias, in Operand dst) =>
        PatchRows(new PatchSource(pixels, transform, visible, weight), weight, dst, bias);

    public override void PatchEmbedPixelsGrad(in Operand dy, in Operand weight, in Operand dpixels) =>
        PatchRows(new PatchSource(dpixels, null, null, weight), weight, dy, null);

    public override void PatchEmbedWeightGrad(in Operand pixels, PixelTransform? transform, in Operand? visible, in Operand dy, in Operand dweight,
        bool accumulate)
    {
        if (Isa == CpuIsa.Avx512)
            PatchWeights<V512>(new PatchSource(pixels, transform, visible, dweight), dy, dweight, accumulate);
        else if (Isa == CpuIsa.Avx2)
            PatchWeights<V256>(new PatchSource(pixels, transform, visible, dweight), dy, dweight, accumulate);
        else
            PatchWeights<V1>(new PatchSource(pixels, transform, visible, dweight), dy, dweight, accumulate);
    }

    /// <summary>Forward with a bias, the pixels' gradient without: patches as rows of pixels, into a product or out of it.</summary>
    private void PatchRows(in PatchSource patches, in Operand weight, in Operand tokens, in Operand? bias)
    {
        int rows = tokens.Shape[0] * tokens.Shape[1], width = weight.Shape[0], elements = (int)(weight.Count / Math.Max(1, width));
        int most = Math.Max(1, Math.Min(rows, PatchPixels / Math.Max(1, elements)));
        Operand projection = weight with { Layout = new Layout([width, elements], weight.Layout.Offset) };
        Storage memory = Memory.Rent((long)most * elements * sizeof(float));
        for (int first = 0; first < rows; first += most)
        {
            int count = Math.Min(most, rows - first);
            var pixels = new Operand(memory, DType.F32, new Layout([count, elements]));
            Operand part = tokens with { Layout = new Layout([count, width], tokens.Layout.Offset + (long)first * width) };
            var copy = new PatchCopy { Patches = patches, Pixels = pixels.As<float>(), First = first, Elements = elements, Scatters = bias is null };
            if (bias is null)
                MatMul(part, projection, pixels, default);
            Run(copy, count, PartOf(elements));
            if (bias is not null)
                MatMul(pixels, projection with { Layout = projection.Layout.Transpose(0, 1) }, part, new Epilogue { Bias = bias });
        }
        Memory.Return(memory);
    }

    /// <summary>Patches to rows of pixels or back.</summary>
    private struct PatchCopy : IKernel
    {
        public PatchSource Patches;
        public float* Pixels;
        public int First, Elements;
        public bool Scatters;

        public readonly void Run<V>(int part, nint start, nint end) where V : struct, IVector<V>
        {
            for (int row = (int)start; row < end; row++)
                if (Scatters)
                    Patches.Scatter(First + row, Pixels + (nint)row * Elements);
                else
                    Patches.Gather(First + row, 0, Elements, Pixels + (nint)row * Elements);
        }
    }

    private void PatchWeights<V>(in PatchSource patches, in Operand dy, in Operand dweight, bool accumulate) where V : struct, IVector<V>
    {
        int rows = dy.Shape[0] * dy.Shape[1], width = dy.Shape[2], elements = (int)(dweight.Count / Math.Max(1, width));
        double flops = 2.0 * rows * width * elements;
        float* dst = dweight.As<float>();
        var work = new PatchWeightsWork<V>
        {
            Product = new Product<V, PatchSource>
            {
                A = dy.As<float>(), ARow = 1, ACol = width, B = patches, M = width, N = elements, K = rows,
                Finish = Finish.Of(dst, elements, residual: accumulate ? dst : null),
            },
            Grid = new BlockGrid(width, elements, new Panels<V>(elements).Count, Tile<V>.Rows, Parts(flops, 1, PartsPerWorker / 2), packsLeft: true),
        };
        Run(flops, work.Grid.Count, ref work);
    }

    /// <summary>dyᵀ · patches, where packing the right operand is gathering the patches.</summary>
    private struct PatchWeightsWork<V> : IParallelWork where V : struct, IVector<V>
    {
        public Product<V, PatchSource> Product;
        public BlockGrid Grid;

        public readonly void Run(int part, int worker)
        {
            Grid.Part(part, out int m, out int rows, out int first, out int end);
            Product.Block(m, rows, first, end);
        }
    }
}
