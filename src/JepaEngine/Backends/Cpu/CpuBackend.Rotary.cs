using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using JepaEngine.Backends.Cpu.Simd;

namespace JepaEngine.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override void Rotary(in Operand x, in Operand cos, in Operand sin, bool transposed, in Operand dst)
    {
        var kernel = new RotaryKernel
        {
            X = new HeadRows(x), Dst = new HeadRows(dst), Tokens = x.Shape[1], Heads = x.Shape[2], Width = x.Shape[3],
            Cos = cos.As<float>(), CosBatch = (nint)cos.Layout.Stride(0), CosRow = (nint)cos.Layout.Stride(1),
            Sin = sin.As<float>(), SinBatch = (nint)sin.Layout.Stride(0), SinRow = (nint)sin.Layout.Stride(1),
            Transposed = transposed,
        };
        Run(kernel, (long)x.Shape[0] * kernel.Tokens, PartOf((long)kernel.Heads * kernel.Width));
    }

    /// <summary>Tokens: each vector of its angles serves all heads.</summary>
    private struct RotaryKernel : IKernel
    {
        public HeadRows X, Dst;
        public float* Cos, Sin;
        public nint CosBatch, CosRow, SinBatch, SinRow;
        public int Tokens, Heads, Width;
        public bool Transposed;

        private static ReadOnlySpan<float> Signs => [-1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1];

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<V>(int part, nint start, nint end) where V : struct, IVector<V>
        {
            // The span lies in the assembly's data, which does not move.
            float* signs = (float*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(Signs));
            for (nint token = start; token < end; token++)
            {
                int batch = (int)(token / Tokens), n = (int)(token % Tokens);
                float* cos = Cos + batch * CosBatch + n * CosRow, sin = Sin + batch * SinBatch + n * SinRow;
                for (int i = 0; i < Width; i += V.Count)
                {
                    // With s = (−sin[2k], sin[2k+1]) both directions are x cos + (x with neighbours exchanged) s, transposed with s exchanged too.
                    int left = Width - i, odd = i & 1;
                    V c = Lanes.Load<V>(cos + i, left);
                    V s = Transposed
                        ? V.LoadExchanged(sin, i, left) * V.Load(signs + 1 - odd)
                        : Lanes.Load<V>(sin + i, left) * V.Load(signs + odd);
                    for (int h = 0; h < Heads; h++)
                    {
                        float* x = X.Head(batch, h) + n * X.Row;
                        V y = V.MultiplyAdd(Lanes.Load<V>(x + i, left), c, V.LoadExchanged(x, i, left) * s);
                        Lanes.Store(Dst.Head(batch, h) + n * Dst.Row + i, y, left);
                    }
                }
            }
        }
    }
}
