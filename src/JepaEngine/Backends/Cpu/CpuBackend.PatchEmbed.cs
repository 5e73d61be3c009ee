using JepaEngine.Backends.Cpu.Gemm;
using JepaEngine.Backends.Cpu.Simd;
using JepaEngine.Memory;
using JepaEngine.Primitives;

namespace JepaEngine.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override void PatchEmbed(in Operand pixels, PixelTransform? transform, in Operand weight, in Operand bias, in Operand dst)
    {
        if (Isa == CpuIsa.Avx512)
            PatchRows<V512>(new PatchSource(pixels, transform, weight.Shape[3]), weight, dst, bias.As<float>());
        else if (Isa == CpuIsa.Avx2)
            PatchRows<V256>(new PatchSource(pixels, transform, weight.Shape[3]), weight, dst, bias.As<float>());
        else
            PatchRows<V1>(new PatchSource(pixels, transform, weight.Shape[3]), weight, dst, bias.As<float>());
    }

    public override void PatchEmbedPixelsGrad(in Operand dy, in Operand weight, in Operand dpixels)
    {
        if (Isa == CpuIsa.Avx512)
            PatchRows<V512>(new PatchSource(dpixels, null, weight.Shape[3]), weight, dy, null);
        else if (Isa == CpuIsa.Avx2)
            PatchRows<V256>(new PatchSource(dpixels, null, weight.Shape[3]), weight, dy, null);
        else
            PatchRows<V1>(new PatchSource(dpixels, null, weight.Shape[3]), weight, dy, null);
    }

    public override void PatchEmbedWeightGrad(in Operand pixels, PixelTransform? transform, in Operand dy, in Operand dweight,
        bool accumulate)
    {
        if (Isa == CpuIsa.Avx512)
            PatchWeights<V512>(pixels, transform, dy, dweight, accumulate);
        else if (Isa == CpuIsa.Avx2)
            PatchWeights<V256>(pixels, transform, dy, dweight, accumulate);
        else
            PatchWeights<V1>(pixels, transform, dy, dweight, accumulate);
    }

    /// <summary>Forward with a bias, the pixels' gradient without.</summary>
    private void PatchRows<V>(PatchSource patches, in Operand weight, in Operand tokens, float* bias) where V : struct, IVector<V>
    {
        int rows = tokens.Shape[0] * tokens.Shape[1], width = tokens.Shape[2], elements = (int)(weight.Count / Math.Max(1, width));
        double flops = 2.0 * rows * width * elements;
        int most = Math.Max(1, PatchRowsWork<V>.MostPixels / Math.Max(1, elements) / Tile<V>.Rows) * Tile<V>.Rows;
        int even = (rows / Parts(flops, 1) + Tile<V>.Rows) / Tile<V>.Rows * Tile<V>.Rows;
        var work = new PatchRowsWork<V>
        {
            Patches = patches,
            Weight = weight.As<float>(),
            Tokens = tokens.As<float>(),
            Bias = bias,
            Rows = rows,
            Width = width,
            Elements = elements,
            BlockRows = Math.Min(most, even),
        };
        Run(flops, (rows + work.BlockRows - 1) / work.BlockRows, ref work);
    }

    /// <summary>A block of patches as rows of pixels in scratch, into the product or out of it.</summary>
    private struct PatchRowsWork<V> : IParallelWork where V : struct, IVector<V>
    {
        /// <summary>Pixels in scratch: 600 KB, about 256 patches, so that packing the weights costs 3 % and the rest fits L2.</summary>
        public const int MostPixels = 150_000;

        public PatchSource Patches;
        public float* Weight, Tokens, Bias;
        public int Rows, Width, Elements, BlockRows;

        public readonly void Run(int part, int worker)
        {
            int first = part * BlockRows, count = Math.Min(BlockRows, Rows - first);
            bool forward = Bias != null;
            float* tokens = Tokens + (nint)first * Width;
            int inner = forward ? Elements : Width, outer = forward ? Width : Elements;
            var product = new Product<V, MatrixSource>
            {
                ARow = inner,
                ACol = 1,
                B = forward ? new MatrixSource(Weight, 1, Elements) : new MatrixSource(Weight, Elements, 1),
                M = count,
                N = outer,
                K = inner,
            };
            int panels = new Panels<V>(outer).Count;
            nint pixelFloats = ((nint)count * Elements + 15) & -16;
            float* pixels = Scratch.Of(pixelFloats + product.Floats(count, 0, panels));
            product.A = forward ? pixels : tokens;
            product.Finish = forward ? Finish.Of(tokens, Width, Bias) : Finish.Of(pixels, Elements);
            for (int i = 0; i < count && forward; i++)
                Patches.Gather(first + i, 0, Elements, pixels + (nint)i * Elements);
            product.Block(0, count, 0, panels, pixels + pixelFloats);
            for (int i = 0; i < count && !forward; i++)
                Patches.Scatter(first + i, pixels + (nint)i * Elements);
        }
    }

    private void PatchWeights<V>(in Operand pixels, PixelTransform? transform, in Operand dy, in Operand dweight, bool accumulate)
        where V : struct, IVector<V>
    {
        int rows = dy.Shape[0] * dy.Shape[1], width = dy.Shape[2], elements = (int)(dweight.Count / Math.Max(1, width));
        double flops = 2.0 * rows * width * elements;
        float* dst = dweight.As<float>();
        var work = new PatchWeightsWork<V>
        {
            Product = new Product<V, PatchSource>
            {
                A = dy.As<float>(),
                ARow = 1,
                ACol = width,
                B = new PatchSource(pixels, transform, dweight.Shape[3]),
                M = width,
                N = elements,
                K = rows,
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
