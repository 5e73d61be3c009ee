using JepaEngine.Backends;
using JepaEngine.Memory;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.Backends;

/// <summary>The CPU's patch embedding and its gradients against loops in double.</summary>
public sealed unsafe class PatchEmbedKernelTests
{
    // Frames and rows of a patch: pictures are clips of one frame.
    private static readonly (int B, int C, int T, int H, int W, int R, int P, int D)[] Sizes =
    [
        (1, 1, 1, 2, 2, 1, 1, 1), (2, 3, 1, 8, 12, 1, 4, 5), (1, 3, 1, 28, 42, 1, 14, 33), (3, 2, 1, 32, 16, 1, 8, 24), (12, 3, 1, 64, 64, 1, 16, 48),
        (2, 3, 4, 8, 12, 2, 4, 5), (1, 3, 6, 28, 42, 3, 14, 33), (2, 3, 4, 64, 48, 2, 16, 80),
    ];

    public static TheoryData<CpuIsa, int> Backends() => KernelData.Backends();

    [Theory]
    [MemberData(nameof(Backends))]
    public void Forward_and_gradients_of_every_layout(CpuIsa isa, int threads)
    {
        Backend backend = KernelData.Backend(isa, threads);
        foreach ((int b, int c, int f, int h, int w, int r, int p, int d) in Sizes)
            for (int kind = 0; kind < 8; kind++)
            {
                bool interleaved = (kind & 1) != 0, bytes = (kind & 2) != 0, some = (kind & 4) != 0;
                string what = $"[{b}, {c}, {f}, {h}, {w}] in {r} x {p}, {(interleaved ? "interleaved" : "planar")} {(bytes ? "bytes" : "floats")}"
                    + (some ? ", some of them" : "");
                using var scope = new TensorScope(Device.Cpu);
                int all = f / r * (h / p) * (w / p), tokens = some ? all / 2 + 1 : all, elements = c * r * p * p;
                Layout layout = interleaved ? new Layout([b, f, h, w, c]).Permute(0, 4, 1, 2, 3) : new Layout([b, f, c, h, w]).Transpose(1, 2);
                // Of each clip every other patch from the last, and the last once more.
                long[] rows = [.. Enumerable.Range(0, b * tokens).Select(i => i / tokens * all + all - 1 - (some ? 2 * (i % tokens) % all : i % tokens))];
                Operand? visible = some ? scope.FromRaw<long>(rows, [rows.Length]).Operand : null;
                if (!some)
                    Array.Sort(rows);
                Operand pixels = bytes ? Bytes(scope, layout) : KernelData.Random(scope, 1, layout);
                PixelTransform? transform = bytes ? PixelTransform.Normalize(Rising(c, 0.4f), Rising(c, 0.2f)) : null;
                Operand weight = KernelData.Random(scope, 2, d, c, r, p, p), bias = KernelData.Random(scope, 3, d);
                Operand dst = KernelData.Random(scope, 4, b, tokens, d), dy = KernelData.Random(scope, 5, b, tokens, d);
                Operand dweight = KernelData.Random(scope, 6, d, c, r, p, p), dpixels = KernelData.Random(scope, 7, layout);

                double[] whole = Patches(pixels, transform, r, p), patches = [.. rows.SelectMany(row => Patch(whole, row, elements))];
                float[] wv = KernelData.Read(weight), bv = KernelData.Read(bias), dyv = KernelData.Read(dy);
                float[] before = KernelData.Read(dweight);
                double[] y = new double[b * tokens * d], dw = new double[d * elements], dpatches = new double[patches.Length];
                for (int t = 0; t < b * tokens; t++)
                    for (int o = 0; o < d; o++)
                    {
                        double sum = bv[o];
                        for (int e = 0; e < elements; e++)
                        {
                            sum += patches[t * elements + e] * wv[o * elements + e];
                            dw[o * elements + e] += dyv[t * d + o] * patches[t * elements + e];
                            dpatches[t * elements + e] += dyv[t * d + o] * wv[o * elements + e];
                        }
                        y[t * d + o] = sum;
                    }

                backend.PatchEmbed(pixels, transform, visible, weight, bias, dst);
                KernelData.Near(y, KernelData.Read(dst), 1e-4, what);
                backend.PatchEmbedWeightGrad(pixels, transform, visible, dy, dweight, accumulate: true);
                KernelData.Near([.. dw.Zip(before, (x, old) => x + old)], KernelData.Read(dweight), 1e-4, what + " dweight added");
                backend.PatchEmbedWeightGrad(pixels, transform, visible, dy, dweight, accumulate: false);
                KernelData.Near(dw, KernelData.Read(dweight), 1e-4, what + " dweight");
                if (some)
                    continue;
                double around = KernelData.Surroundings(dpixels);
                backend.PatchEmbedPixelsGrad(dy, weight, dpixels);
                KernelData.Near(dpatches, [.. Patches(dpixels, null, r, p).Select(x => (float)x)], 1e-4, what + " dpixels");
                Assert.Equal(around, KernelData.Surroundings(dpixels));
            }
    }

    [Fact]
    public void Threads_do_not_change_a_bit()
    {
        float[][]? first = null;
        foreach (int threads in new[] { 1, 2, 3 })
        {
            using var scope = new TensorScope(Device.Cpu);
            Backend backend = KernelData.Backend(CpuIsa.Auto, threads);
            Operand pixels = Bytes(scope, new Layout([24, 1, 64, 64, 3]).Permute(0, 4, 1, 2, 3));
            Operand weight = KernelData.Random(scope, 2, 48, 3, 1, 16, 16);
            Operand dst = KernelData.Random(scope, 4, 24, 16, 48), dy = KernelData.Random(scope, 5, 24, 16, 48);
            Operand dweight = KernelData.Random(scope, 6, 48, 3, 1, 16, 16), dpixels = KernelData.Random(scope, 7, 24, 3, 1, 64, 64);
            backend.PatchEmbed(pixels, null, null, weight, KernelData.Random(scope, 3, 48), dst);
            backend.PatchEmbedWeightGrad(pixels, null, null, dy, dweight, accumulate: false);
            backend.PatchEmbedPixelsGrad(dy, weight, dpixels);
            float[][] bits = [KernelData.Read(dst), KernelData.Read(dweight), KernelData.Read(dpixels)];
            first ??= bits;
            for (int i = 0; i < bits.Length; i++)
                Assert.Equal(first[i], bits[i]);
        }
    }

    private static float[] Rising(int count, float first) => [.. Enumerable.Range(0, count).Select(i => first + i * 0.03f)];

    private static Operand Bytes(TensorScope scope, Layout layout)
    {
        Storage storage = scope.Rent(layout.Shape.Count);
        new Random(1).NextBytes(new Span<byte>(storage.As<byte>(), (int)layout.Shape.Count));
        return new Operand(storage, DType.U8, layout);
    }

    private static ArraySegment<double> Patch(double[] patches, long row, int elements) => new(patches, (int)row * elements, elements);

    /// <summary>[B N, C R P P], by the definition.</summary>
    private static double[] Patches(in Operand pixels, PixelTransform? transform, int tubelet, int patch)
    {
        int channels = pixels.Shape[1], frames = pixels.Shape[2], height = pixels.Shape[3], width = pixels.Shape[4];
        var result = new double[pixels.Count];
        int at = 0;
        for (int b = 0; b < pixels.Shape[0]; b++)
            for (int start = 0; start < frames; start += tubelet)
                for (int top = 0; top < height; top += patch)
                    for (int left = 0; left < width; left += patch)
                        for (int c = 0; c < channels; c++)
                            for (int t = start; t < start + tubelet; t++)
                                for (int y = top; y < top + patch; y++)
                                    for (int x = left; x < left + patch; x++)
                                    {
                                        long index = pixels.Layout.IndexOf((((b * channels + c) * frames + t) * (long)height + y) * width + x);
                                        double value = pixels.DType == DType.U8
                                            ? pixels.Storage.As<byte>()[index]
                                            : pixels.Storage.As<float>()[index];
                                        result[at++] = transform == null ? value : value * transform.Scale[c] + transform.Shift[c];
                                    }
        return result;
    }
}
