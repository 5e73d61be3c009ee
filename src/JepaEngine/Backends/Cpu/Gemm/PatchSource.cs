using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace JepaEngine.Backends.Cpu.Gemm;

/// <summary>
/// Pixels [B, C, T, H, W] of any strides seen as a matrix [B (T/Tt)(H/P)(W/P), C Tt P P], or as some rows of it: a row is a patch, in runs of P
/// pixels. Runs of bytes with stride 1 (planar frames) or 3 (interleaved ones) are converted 8 at a time.
/// </summary>
internal readonly unsafe struct PatchSource : IPanelSource
{
    private readonly byte* bytes;
    private readonly float* floats;
    private readonly nint batchStride, channelStride, frameStride, rowStride, columnStride;
    private readonly int channels, tubelet, patch, across, down, patches;

    /// <summary>The row of the whole matrix that each row is, or null: itself.</summary>
    private readonly long* visible;
    private readonly float[]? scale, shift;

    /// <summary>Cuts pixels into the patches of a weight [D, C, Tt, P, P].</summary>
    public PatchSource(in Operand pixels, PixelTransform? transform, in Operand? visible, in Operand weight)
    {
        if (pixels.DType == DType.U8)
            bytes = pixels.As<byte>();
        else
            floats = pixels.As<float>();
        batchStride = (nint)pixels.Layout.Stride(0);
        channelStride = (nint)pixels.Layout.Stride(1);
        frameStride = (nint)pixels.Layout.Stride(2);
        rowStride = (nint)pixels.Layout.Stride(3);
        columnStride = (nint)pixels.Layout.Stride(4);
        channels = weight.Shape[1];
        tubelet = weight.Shape[2];
        patch = weight.Shape[3];
        across = pixels.Shape[4] / patch;
        down = pixels.Shape[3] / patch;
        patches = across * down * (pixels.Shape[2] / tubelet);
        this.visible = visible is { } rows ? rows.As<long>() : null;
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
        (int run, int x) = Math.DivRem(first, patch);
        (int plane, int y) = Math.DivRem(run, patch);
        (int channel, int frame) = Math.DivRem(plane, tubelet);
        nint line = corner + channel * channelStride + frame * frameStride + y * rowStride;
        while (count > 0)
        {
            int length = Math.Min(patch - x, count);
            nint at = line + x * columnStride;
            float factor = scale == null ? 1 : scale[channel], summand = shift == null ? 0 : shift[channel];
            if (bytes != null)
                Convert(bytes + at, length, factor, summand, destination);
            else
                Copy(floats + at, length, factor, summand, destination);
            destination += length;
            count -= length;
            x = 0;
            line += rowStride;
            if (++y < patch)
                continue;
            y = 0;
            if (++frame == tubelet)
            {
                frame = 0;
                channel++;
            }
            line = corner + channel * channelStride + frame * frameStride;
        }
    }

    /// <summary>Writes a patch back where it came from.</summary>
    public void Scatter(int row, float* source)
    {
        nint corner = Corner(row);
        for (int channel = 0; channel < channels; channel++)
            for (int frame = 0; frame < tubelet; frame++)
                for (int y = 0; y < patch; y++, source += patch)
                {
                    float* to = floats + corner + channel * channelStride + frame * frameStride + y * rowStride;
                    for (int x = 0; x < patch; x++)
                        to[x * columnStride] = source[x];
                }
    }

    private nint Corner(int row)
    {
        // Three divisions: with / and % the runtime takes six.
        (int clip, int place) = Math.DivRem(visible == null ? row : (int)visible[row], patches);
        (int line, int column) = Math.DivRem(place, across);
        (int tube, int high) = Math.DivRem(line, down);
        return clip * batchStride + tube * tubelet * frameStride + high * patch * rowStride + column * patch * columnStride;
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
