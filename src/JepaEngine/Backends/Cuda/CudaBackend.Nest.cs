using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    /// <summary>Bytes of the widest access.</summary>
    private const int WideBytes = 16;

    /// <summary>Divides what is below 2³¹: q = (hi(n · multiplier) + n) >> shift (Granlund and Montgomery, PLDI 1994).</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Divisor
    {
        private readonly uint value, multiplier, shift;

        /// <summary>Divides by this.</summary>
        public Divisor(long value)
        {
            this.value = (uint)value;
            shift = 32 - (uint)BitOperations.LeadingZeroCount((uint)value - 1);
            multiplier = (uint)((((1UL << (int)shift) - (uint)value) << 32) / (uint)value + 1);
        }

        /// <summary>What it divides by.</summary>
        public int Value => (int)value;
    }

    /// <summary>One divisor an axis.</summary>
    [InlineArray(Shape.MaxRank)]
    private struct Divisors
    {
        private Divisor first;
    }

    /// <summary>
    /// The loops over up to four operands of equal shape and any layouts, the destination last, as kernels/include/nest.cuh reads them: axes ordered by the
    /// destination's strides and joined where all operands allow, the innermost first, and neighbours taken together as packs.
    /// </summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Nest
    {
        private const int MaxOperands = 4;
        private fixed long pointers[MaxOperands];
        private fixed long strides[MaxOperands * Shape.MaxRank];
        private long count;
        private Divisors lengths;
        private int rank;
        private int pack;

        /// <summary>The loops, with packs of <paramref name="most"/> elements or of one.</summary>
        public Nest(int most, params ReadOnlySpan<Operand> operands)
        {
            ref readonly Operand dst = ref operands[^1];
            count = dst.Count;
            Span<int> order = stackalloc int[Shape.MaxRank];
            int axes = Order(dst.Layout, order);
            Span<long> length = stackalloc long[Shape.MaxRank];
            for (int i = axes - 1; i >= 0; i--)
            {
                int axis = order[i];
                bool joins = rank > 0;
                for (int k = 0; k < operands.Length && joins; k++)
                    joins = operands[k].Layout.Stride(axis) == Stride(k, rank - 1) * length[rank - 1];
                if (joins)
                {
                    length[rank - 1] *= dst.Shape[axis];
                    continue;
                }
                length[rank] = dst.Shape[axis];
                for (int k = 0; k < operands.Length; k++)
                    Stride(k, rank) = operands[k].Layout.Stride(axis);
                rank++;
            }
            if (rank == 0)
            {
                length[rank++] = 1;
                for (int k = 0; k < operands.Length; k++)
                    Stride(k, 0) = 1;
            }
            pack = most;
            for (int k = 0; k < operands.Length; k++)
            {
                pointers[k] = operands[k].Address;
                if (!Packs(k, Math.Min(WideBytes, most * operands[k].DType.Size()), operands[k].DType.Size()) || (rank > 1 && length[0] % most != 0))
                    pack = 1;
            }
            for (int k = 0; k < operands.Length; k++)
                Stride(k, 0) *= pack;
            length[0] = CeilDiv(length[0], pack);
            if (rank == 1)
                return;
            if (count / pack > int.MaxValue)
                throw new NotSupportedException($"{count} elements with gaps are more than a kernel counts; take them in parts of {int.MaxValue}");
            for (int axis = 0; axis < rank; axis++)
                SetLength(axis, length[axis]);
        }

        /// <summary>Axes of the loops.</summary>
        public readonly int Rank => rank;

        /// <summary>Elements in a pack.</summary>
        public readonly int Pack => pack;

        /// <summary>Blocks of 256 threads, a pack a thread.</summary>
        public readonly Grid Grid => new(CeilDiv(CeilDiv(count, pack), 256));

        /// <summary>An operand's step along an axis, in elements.</summary>
        public ref long Stride(int operand, int axis) => ref strides[operand * Shape.MaxRank + axis];

        /// <summary>The length of an axis of several, in packs.</summary>
        public readonly int Length(int axis) => lengths[axis].Value;

        /// <summary>Sets it.</summary>
        public void SetLength(int axis, long length) => lengths[axis] = new Divisor(length);

        /// <summary>Exchanges two axes.</summary>
        public void Swap(int axis1, int axis2)
        {
            (lengths[axis1], lengths[axis2]) = (lengths[axis2], lengths[axis1]);
            for (int k = 0; k < MaxOperands; k++)
                (Stride(k, axis1), Stride(k, axis2)) = (Stride(k, axis2), Stride(k, axis1));
        }

        /// <summary>The axes that are longer than 1, the destination's largest stride first.</summary>
        private static int Order(in Layout dst, Span<int> order)
        {
            int axes = 0;
            for (int axis = 0; axis < dst.Shape.Rank; axis++)
            {
                if (dst.Shape[axis] == 1)
                    continue;
                int at = axes++;
                for (; at > 0 && dst.Stride(order[at - 1]) < dst.Stride(axis); at--)
                    order[at] = order[at - 1];
                order[at] = axis;
            }
            return axes;
        }

        /// <summary>Whether an operand's innermost elements are neighbours and all packs aligned, or one element is repeated.</summary>
        private bool Packs(int operand, int alignment, int size)
        {
            if (Stride(operand, 0) == 0)
                return true;
            bool aligned = Stride(operand, 0) == 1 && pointers[operand] % alignment == 0;
            for (int axis = 1; axis < rank; axis++)
                aligned &= Stride(operand, axis) * size % alignment == 0;
            return aligned;
        }
    }
}
