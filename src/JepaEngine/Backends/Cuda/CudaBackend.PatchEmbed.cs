using System.Runtime.InteropServices;

namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    /// <summary>Channels that a kernel's arguments hold a transform of (patch_embed.cu).</summary>
    private const int PatchChannels = 64;

    private static readonly Kernel PatchEmbedBytes = new("patch_embed", "patch_embed_bytes", Threads: 256);
    private static readonly Kernel PatchEmbedReals = new("patch_embed", "patch_embed_reals", Threads: 256);
    private static readonly Kernel PatchEmbedWeightBytes = new("patch_embed", "patch_embed_weight_bytes", Threads: 256);
    private static readonly Kernel PatchEmbedWeightReals = new("patch_embed", "patch_embed_weight_reals", Threads: 256);
    private static readonly Kernel PatchEmbedReduce = new("patch_embed", "patch_embed_reduce", Threads: 256);
    private static readonly Kernel PatchEmbedScatter = new("patch_embed", "patch_embed_scatter", Threads: 256);

    /// <summary>A block's tile of patch_embed.cu in a tier: rows, columns and K of a step, and the bytes of its two stages.</summary>
    private readonly record struct PatchTile(int M, int N, int K, int Shared)
    {
        public static PatchTile Of(DType real) => real == DType.BF16
            ? new PatchTile(128, 64, 32, 2 * (128 + 64) * 32 * 2)
            : new PatchTile(64, 64, 16, 2 * (64 + 64 + 8) * 16 * sizeof(float));

        /// <summary>Tiles of a product.</summary>
        public long Tiles(long m, long n) => CeilDiv(m, M) * CeilDiv(n, N);
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Pixels
    {
        public nint Data, Visible;
        public long Clip, Channel, Frame, Line, Column;
        public Divisor Across, Down, Deep, Size, Tubelet;
        public int Tokens, Elements, Vector;
        public fixed float Scale[PatchChannels], Shift[PatchChannels];

        public Pixels(in Operand pixels, PixelTransform? transform, in Operand? visible, in Shape weight, int tokens, int chunk)
        {
            if (weight[1] > PatchChannels)
                throw new NotSupportedException($"PatchEmbed: pixels have {weight[1]} channels; a GPU's kernel takes at most {PatchChannels}");
            Layout layout = pixels.Layout;
            int size = weight[3], bytes = chunk * pixels.DType.Size();
            Data = pixels.Address;
            Visible = visible?.Address ?? 0;
            (Clip, Channel, Frame, Line, Column) = (layout.Stride(0), layout.Stride(1), layout.Stride(2), layout.Stride(3), layout.Stride(4));
            (Across, Down, Deep) = (new Divisor(layout.Shape[4] / size), new Divisor(layout.Shape[3] / size), new Divisor(layout.Shape[2] / weight[2]));
            (Size, Tubelet) = (new Divisor(size), new Divisor(weight[2]));
            (Tokens, Elements) = (tokens, weight[1] * weight[2] * size * size);
            bool vector = Column == 1 && size % chunk == 0 && Data % bytes == 0;
            for (int axis = 0; axis < 4; axis++)
                vector &= layout.Shape[axis] == 1 || layout.Stride(axis) % chunk == 0;
            Vector = vector ? 1 : 0;
            for (int channel = 0; channel < weight[1]; channel++)
                (Scale[channel], Shift[channel]) = (transform?.Scale[channel] ?? 1, transform?.Shift[channel] ?? 0);
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PatchEmbedArgs
    {
        public Pixels Pixels;
        public nint Weight, Bias, Dst;
        public int Width, Vector, Pairs;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PatchEmbedGradArgs
    {
        public Pixels Pixels;
        public nint Dy, Partials, Dweight;
        public int Width, Vector, Depth, Parts, Accumulate;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PatchScatterArgs
    {
        public Pixels Pixels;
        public nint Patches;
    }

    public override void PatchEmbed(in Operand pixels, PixelTransform? transform, in Operand? visible, in Operand weight, in Operand bias, in Operand dst)
    {
        if (dst.Count == 0)
            return;
        DType real = dst.DType;
        int size = real.Size(), width = weight.Shape[0], tokens = checked((int)(dst.Count / width));
        var args = new PatchEmbedArgs
        {
            Pixels = new Pixels(pixels, transform, visible, weight.Shape, tokens, WideBytes / size),
            Weight = weight.Address, Bias = bias.Address, Dst = dst.Address, Width = width,
            Pairs = width % 2 == 0 && dst.Address % (2 * size) == 0 ? 1 : 0,
        };
        args.Vector = PackOf(real, weight.Address, weight.Address, args.Pixels.Elements, args.Pixels.Elements) > 1 ? 1 : 0;
        PatchTile tile = PatchTile.Of(real);
        Kernel kernel = (pixels.DType == DType.U8 ? PatchEmbedBytes : PatchEmbedReals) with { Shared = tile.Shared };
        Launch(kernel, real, new Grid(tile.Tiles(tokens, width)), args,
            (long)tokens * args.Pixels.Elements * pixels.DType.Size() + (weight.Count + dst.Count) * size);
    }

    public override void PatchEmbedWeightGrad(in Operand pixels, PixelTransform? transform, in Operand? visible, in Operand dy, in Operand dweight,
        bool accumulate)
    {
        if (dy.Count == 0)
        {
            if (!accumulate)
                Fill(dweight, 0);
            return;
        }
        DType real = dweight.DType;
        int size = real.Size(), width = dweight.Shape[0], tokens = checked((int)(dy.Count / width));
        PatchTile tile = PatchTile.Of(real);
        var args = new PatchEmbedGradArgs
        {
            Pixels = new Pixels(pixels, transform, visible, dweight.Shape, tokens, WideBytes / size),
            Dy = dy.Address, Dweight = dweight.Address, Width = width, Vector = PackOf(real, dy.Address, dy.Address, width, width) > 1 ? 1 : 0,
            Accumulate = accumulate ? 1 : 0,
        };
        // Two blocks a multiprocessor, but parts of at least eight steps.
        long tiles = tile.Tiles(width, args.Pixels.Elements), parts = Math.Min(CeilDiv(2L * Multiprocessors, tiles), CeilDiv(tokens, 8 * tile.K));
        args.Depth = (int)CeilDiv(CeilDiv(tokens, parts), tile.K) * tile.K;
        args.Parts = (int)CeilDiv(tokens, args.Depth);
        using Scratch partials = Rent(args.Parts * dweight.Count * sizeof(float));
        args.Partials = partials.Pointer;
        Kernel kernel = (pixels.DType == DType.U8 ? PatchEmbedWeightBytes : PatchEmbedWeightReals) with { Shared = tile.Shared };
        Launch(kernel, real, new Grid(tiles, args.Parts), args,
            (long)tokens * args.Pixels.Elements * pixels.DType.Size() + dy.Count * size + args.Parts * dweight.Count * sizeof(float));
        Launch(PatchEmbedReduce, real, new Grid(CeilDiv(dweight.Count, PatchEmbedReduce.Threads)), args, dweight.Count * (args.Parts * sizeof(float) + size));
    }

    public override void PatchEmbedPixelsGrad(in Operand dy, in Operand weight, in Operand dpixels)
    {
        if (dpixels.Count == 0)
            return;
        DType real = dy.DType;
        int size = real.Size(), width = weight.Shape[0], tokens = checked((int)(dy.Count / width)), elements = checked((int)(weight.Count / width));
        using Scratch scratch = Rent((long)tokens * elements * size);
        var patches = new Operand(new Storage(scratch.Pointer, (long)tokens * elements * size), real, new Layout([tokens, elements]));
        MatMul(dy with { Layout = new Layout([tokens, width], dy.Layout.Offset) }, weight with { Layout = new Layout([width, elements], weight.Layout.Offset) },
            patches, default);
        var args = new PatchScatterArgs
        {
            Pixels = new Pixels(dpixels, null, null, weight.Shape, tokens, WideBytes / size), Patches = scratch.Pointer,
        };
        Launch(PatchEmbedScatter, real, new Grid(tokens * CeilDiv(elements, PatchEmbedScatter.Threads)), args, 2L * tokens * elements * size);
    }
}
