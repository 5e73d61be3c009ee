using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using JepaEngine.Memory;
using JepaEngine.Primitives;

namespace JepaEngine.Backends.Cpu.Gemm;

/// <summary>
/// Pixels [B, C, H, W] of any strides seen as a matrix [B (H/P)(W/P), C P P]: a row is a patch. Its rows are runs of P pixels; runs of
/// bytes with stride 1 (planar pictures) or 3 (interleaved ones) are converted 8 at a time.
/// </summary>
internal readonly unsafe struct PatchSource : IPanelSource
{
    private readonly byte* bytes;
    private readonly float* floats;
    private readonly nint batchStride, channelStride, rowStride, columnStride;
    private readonly int patch, channels, across, patches;
    private readonly float[]? scale, shift;

    /// <summary>Cuts pixels into patches of this size.</summary>
    public PatchSource(in Operand pixels, PixelTransform? transform, int patch)
    {
        if (pixels.DType == DType.U8)
            bytes = pixels.As<byte>();
        else
            floats = pixels.As<float>();
        batchStride = (nint)pixels.Layout.Stride(0);
        channelStride = (nint)pixels.Layout.Stride(1);
        rowStride = (nint)pixels.Layout.Stride(2);
        columnStride = (nint)pixels.Layout.Stride(3);
        this.patch = patch;
        channels = pixels.Shape[1];
        across = pixels.Shape[3] / patch;
        patches = across * (pixels.Shape[2] / patch);
        scale = transform?.Scale;
        shift = transform?.Shift;
    }

    public float* At(int k, int n, out nint row)
    {
        row = 0;
        return null;
    }

    public void Pack(int k, int depth, int n, int columns, float* panel, int width)
    {
        for (int i = 0; i < depth; i++, panel += width)
        {
            Gather(k + i, n, columns, panel);
            new Span<float>(panel + columns, width - columns).Clear();
        }
    }

    /// <summary>Elements first..first+count of a patch.</summary>
    public void Gather(int row, int first, int count, float* destination)
    {
        nint corner = Corner(row);
        int run = first / patch, x = first % patch;
        while (count > 0)
        {
            int length = Math.Min(patch - x, count), channel = run / patch;
            nint at = corner + channel * channelStride + run % patch * rowStride + x * columnStride;
            float factor = scale == null ? 1 : scale[channel], summand = shift == null ? 0 : shift[channel];
            if (bytes != null)
                Convert(bytes + at, length, factor, summand, destination);
            else
                Copy(floats + at, length, factor, summand, destination);
            destination += length;
            count -= length;
            run++;
            x = 0;
        }
    }

    /// <summary>Writes a patch back where it came from.</summary>
    public void Scatter(int row, float* source)
    {
        nint corner = Corner(row);
        for (int run = 0; run < patch * channels; run++, source += patch)
        {
            float* to = floats + corner + run / patch * channelStride + run % patch * rowStride;
            for (int x = 0; x < patch; x++)
                to[x * columnStride] = source[x];
        }
    }

    private nint Corner(int row)
    {
        int place = row % patches;
        return row / patches * batchStride + place / across * patch * rowStride + place % across * patch * columnStride;
    }

    private void Copy(float* source, int count, float factor, float summand, float* destination)
    {
        int i = 0;
        if (columnStride == 1 && Fma.IsSupported)
            for (; i <= count - 8; i += 8)
                Convert(Vector256.Load(source + i), factor, summand, destination + i);
        for (; i < count; i++)
            destination[i] = MathF.FusedMultiplyAdd(source[i * columnStride], factor, summand);
    }

    private void Convert(byte* source, int count, float factor, float summand, float* destination)
    {
        int i = 0;
        if (count >= 8 && columnStride is 1 or 3 && Avx2.IsSupported && Fma.IsSupported)
        {
            // The last eight overlap those before.
            for (; i < count; i += 8)
            {
                int from = Math.Min(i, count - 8);
                Vector128<byte> eight = columnStride == 1
                    ? Vector128.CreateScalarUnsafe(*(long*)(source + from)).AsByte()
                    : EveryThird(source + 3 * from);
                Convert(Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32(eight)), factor, summand, destination + from);
            }
            return;
        }
        for (; i < count; i++)
            destination[i] = MathF.FusedMultiplyAdd(source[i * columnStride], factor, summand);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Convert(Vector256<float> pixels, float factor, float summand, float* destination) =>
        Vector256.FusedMultiplyAdd(pixels, Vector256.Create(factor), Vector256.Create(summand)).Store(destination);

    /// <summary>Bytes 0, 3, ... 21, reading none beyond: six of them from the first sixteen bytes, two from the last.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> EveryThird(byte* source)
    {
        const byte none = 255;
        Vector128<byte> six = Vector128.Create(0, 3, 6, 9, 12, 15, none, none, none, none, none, none, none, none, none, none);
        Vector128<byte> two = Vector128.Create(none, none, none, none, none, none, 12, 15, none, none, none, none, none, none, none, none);
        return Ssse3.Shuffle(Vector128.Load(source), six) | Ssse3.Shuffle(Vector128.Load(source + 6), two);
    }
}
