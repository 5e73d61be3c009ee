using System.Runtime.InteropServices;

namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    /// <summary>A tensor [B, N, H, E], or a table [B, N, E] of all heads, as kernels/include/heads.cuh has it.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Heads
    {
        private readonly nint pointer;
        private readonly long batch, token, head;
        private readonly int vector;

        /// <summary>Whether each row of E is whole groups of 16 bytes, and aligned to them.</summary>
        public bool IsVector => vector != 0;

        public Heads(in Operand x)
        {
            pointer = x.Address;
            batch = x.Layout.Stride(0);
            token = x.Layout.Stride(1);
            head = x.Shape.Rank == 4 ? x.Layout.Stride(2) : 0;
            int group = WideBytes / x.DType.Size();
            vector = pointer % WideBytes == 0 && x.Shape[^1] % group == 0
                && (x.Shape[0] == 1 || batch % group == 0) && (x.Shape[1] == 1 || token % group == 0) && (x.Shape[2] == 1 || head % group == 0) ? 1 : 0;
        }
    }
}
