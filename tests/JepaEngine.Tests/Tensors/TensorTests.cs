using JepaEngine.Memory;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.Tensors;

public sealed class TensorTests : IDisposable
{
    private readonly TensorScope scope = new(Device.Reference, "test");

    public void Dispose() => scope.Dispose();

    /// <summary>Each wrong call names the operation and what does not fit.</summary>
    public static TheoryData<string, Func<TensorScope, object>> Wrong => new()
    {
        { "Add: [2, 3] and [4] do not broadcast", s => s.Zeros([2, 3]) + s.Zeros([4]) },
        { "MatMul: [2, 3] and [2, 3] have different inner dimensions; transpose", s => s.Zeros([2, 3]).MatMul(s.Zeros([2, 3])) },
        { "MatMul: [2, 3, 4] and [5, 4, 6] have different leading", s => s.Zeros([2, 3, 4]).MatMul(s.Zeros([5, 4, 6])) },
        { "Linear: x [2, 3] does not end with the 4 inputs of weight [5, 4]", s => s.Zeros([2, 3]).Linear(s.Zeros([5, 4])) },
        { "Linear: bias [4] does not fit weight [5, 3]", s => s.Zeros([2, 3]).Linear(s.Zeros([5, 3]), s.Zeros([4])) },
        { "Linear: residual [2, 3] is not the output's [2, 5]", s => s.Zeros([2, 3]).Linear(s.Zeros([5, 3]), residual: s.Zeros([2, 3])) },
        { "LayerNorm: x [2, 3] needs weight and bias [3] or neither, not [2] and [3]", s => s.Zeros([2, 3]).LayerNorm(s.Zeros([2]), s.Zeros([3]), 1e-5) },
        { "AdaLayerNorm: x [2, 3], shift [2, 3] and scale [3] differ", s => s.Zeros([2, 3]).AdaLayerNorm(s.Zeros([2, 3]), s.Zeros([3]), 1e-5) },
        { "BatchNorm: [1, 3] has one row", s => s.Zeros([1, 3]).BatchNorm(s.Zeros([3]), s.Zeros([3]), s.Zeros([3]), s.Zeros([3]), training: true) },
        { "Attention: q [1, 2, 3, 4], k [1, 2, 3, 5]", s => s.Zeros([1, 2, 3, 4]).Attention(s.Zeros([1, 2, 3, 5]), s.Zeros([1, 2, 3, 5])) },
        { "a causal block of -1 tokens", s => s.Zeros([1, 3, 1, 4]).Attention(s.Zeros([1, 3, 1, 4]), s.Zeros([1, 3, 1, 4]), causalBlock: -1) },
        { "one table of rotary positions without the other", s => s.Zeros([1, 3, 1, 4]).Attention(s.Zeros([1, 3, 1, 4]), s.Zeros([1, 3, 1, 4]), 0, s.Zeros([1, 3, 4])) },
        {
            "of queries and keys alike, but q is [1, 3, 1, 4] and k [1, 2, 1, 4]",
            s => s.Zeros([1, 3, 1, 4]).Attention(s.Zeros([1, 2, 1, 4]), s.Zeros([1, 2, 1, 4]), 0, s.Zeros([1, 3, 4]), s.Zeros([1, 3, 4]))
        },
        {
            "Attention: x [1, 3, 1, 4], cos [1, 2, 4]",
            s => s.Zeros([1, 3, 1, 4]).Attention(s.Zeros([1, 3, 1, 4]), s.Zeros([1, 3, 1, 4]), 0, s.Zeros([1, 2, 4]), s.Zeros([1, 2, 4]))
        },
        { "causal with 3 queries but only 2 keys", s => s.Zeros([1, 3, 1, 4]).Attention(s.Zeros([1, 2, 1, 4]), s.Zeros([1, 2, 1, 4]), causalBlock: 1) },
        { "Rotary: x [1, 2, 3, 5], cos [1, 2, 5] and sin [1, 2, 5] are not", s => s.Zeros([1, 2, 3, 5]).Rotary(s.Zeros([1, 2, 5]), s.Zeros([1, 2, 5])) },
        { "Rotary: x [3, 2, 3, 4], cos [2, 2, 4]", s => s.Zeros([3, 2, 3, 4]).Rotary(s.Zeros([2, 2, 4]), s.Zeros([2, 2, 4])) },
        { "SelfAttention: [1, 2, 8] is not [B, N, 3·2·E]", s => s.Zeros([1, 2, 8]).SelfAttention(2) },
        { "PatchEmbed: 28x20 pixels do not divide into patches of 14", s => s.Zeros([1, 3, 28, 20]).PatchEmbed(s.Zeros([5, 3, 14, 14]), s.Zeros([5])) },
        { "PatchEmbed: pixels [1, 3, 4, 4], weight [5, 3, 2, 4, 4] and bias [5] are neither",
            s => s.Zeros([1, 3, 4, 4]).PatchEmbed(s.Zeros([5, 3, 2, 4, 4]), s.Zeros([5])) },
        { "PatchEmbed: 3 frames do not divide into tubelets of 2", s => s.Zeros([1, 3, 3, 4, 4]).PatchEmbed(s.Zeros([5, 3, 2, 4, 4]), s.Zeros([5])) },
        { "PatchEmbed: id 4 at [1, 0] is not one of the tokens 0 to 3",
            s => s.Zeros([2, 1, 2, 2]).PatchEmbed(s.Zeros([5, 1, 1, 1]), s.Zeros([5]), visible: s.FromRaw<int>([3, 0, 4, 1], [2, 2])) },
        { "PatchEmbed: I32 [2] on reference (F64) is not I32 or I64 ids [1, K]",
            s => s.Zeros([1, 1, 2, 2]).PatchEmbed(s.Zeros([5, 1, 1, 1]), s.Zeros([5]), visible: s.FromRaw<int>([0, 1], [2])) },
        { "MeanSquared loss: prediction [2] and target [3] differ", s => s.Zeros([2]).MeanSquaredError(s.Zeros([3])) },
        { "L1 loss: [0] has nothing to average", s => s.Zeros([0]).L1Loss(s.Zeros([0])) },
        { "SigReg: z [2, 3, 4] is not [T, N, D] with directions [5, 6]", s => s.Zeros([2, 3, 4]).SigReg(s.Zeros([5, 6])) },
        { "Embedding: table [4, 2] has no row 4", s => s.Zeros([4, 2]).Embedding(s.FromRaw<int>([0, 4], [2])) },
        { "Gather: id 4 at [1, 0] is not one of the tokens 0 to 3", s => s.Zeros([2, 4, 3]).Gather(s.FromRaw<int>([0, 3, 4, -1], [2, 2])) },
        { "Gather: id -1 at [0, 0] is not one of the tokens 0 to 3", s => s.Zeros([1, 4, 3]).Gather(s.FromRaw<long>([-1], [1, 1])) },
        { "Gather: I64 [1, 2] on reference (F64) is not I32 or I64 ids [2, K]", s => s.Zeros([2, 4, 3]).Gather(s.FromRaw<long>([0, 1], [1, 2])) },
        { "Reshape: [2, 3] has 6 elements, [4, 1] 4", s => s.Zeros([2, 3]).Reshape(4, -1) },
        { "Concat: [2, 3] and [2, 4] differ in a dimension other than 0", s => TensorOps.Concat(0, s.Zeros([2, 3]), s.Zeros([2, 4])) },
        { "Mean: [0, 3] has nothing to average", s => s.Zeros([0, 3]).Mean([0]) },
        { "Dropout: a rate is in [0, 1)", s => s.Zeros([2]).Dropout(1, default) },
        { "Gelu: F32 [2] on reference (F64) is not in the F64 its device computes in; convert it with To", s => s.Zeros([2]).To(DType.F32).Gelu() },
        { "Item: F64 [2] on reference (F64) has 2 elements", s => s.Zeros([2]).Item() },
        { "has 2 elements, the source 3", s => s.From<float>([1, 2, 3], [2]) },
        { "Use: F64 [2] on reference (F64) is not on the scope's device reference (F32)", s => new TensorScope(Device.ReferenceF32).Use(s.Zeros([2])) },
        { "Add: F64 [2] on reference (F64) and F32 [2] on reference (F32) are on different devices",
            s => s.Zeros([2]) + new TensorScope(Device.ReferenceF32).Zeros([2]) },
    };

    [Theory, MemberData(nameof(Wrong))]
    public void Wrong_calls_say_what_does_not_fit(string message, Func<TensorScope, object> call) =>
        Assert.Contains(message, Assert.ThrowsAny<Exception>(() => call(scope)).Message);

    [Fact]
    public void Numbers_go_in_and_out_through_any_dtype_and_view()
    {
        Tensor x = scope.From<int>([1, 2, 3, 4, 5, 6], [2, 3]);
        Assert.Equal(DType.F64, x.DType);
        Assert.Equal([1, 4, 2, 5, 3, 6], x.Transpose(0, 1).ToArray<byte>());
        Assert.Equal([2, 5], x.Select(1, -2).ToArray<long>());
        x.Slice(1, 1, 2).CopyFrom<float>([7, 8, 9, 10]);
        Assert.Equal([1, 7, 8, 4, 9, 10], x.ToArray<double>());
        x.Transpose(0, 1).CopyFrom(scope.From<Half>([(Half)0, (Half)1, (Half)2, (Half)3, (Half)4, (Half)5], [3, 2]));
        Assert.Equal([0, 2, 4, 1, 3, 5], x.ToArray<float>());
        Assert.Equal("U8 [3] on reference (F64)", scope.FromRaw<byte>([1, 2, 3], [3]).ToString());
    }

    [Fact]
    public void Pixels_with_gaps_can_be_copied_and_reshaped()
    {
        Tensor pixels = scope.FromRaw<byte>([1, 2, 3, 4, 5, 6], [2, 3]).Transpose(0, 1).Reshape(-1);
        Assert.Equal((DType.U8, 6L), (pixels.DType, pixels.Shape.Count));
        Assert.Equal([1, 4, 2, 5, 3, 6], pixels.ToArray<byte>());
    }

    /// <summary>Parameters may be any view: rows of a table, slices of a slab.</summary>
    [Theory, MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void Weights_and_biases_with_gaps_give_what_their_copies_give(Device device)
    {
        using var memory = new TensorScope(device);
        Tensor x = Any(1, 4, 6), weight = Any(2, 6, 5, 2).Select(2, 1), b5 = Any(3, 5, 2).Select(1, 0), b6 = Any(4, 6, 2).Select(1, 1);
        Tensor back = Any(5, 5, 6, 3).Select(2, 1), pixels = Any(6, 1, 1, 2, 2), kernel = Any(7, 5, 1, 2, 2);
        Same((w, b) => x.Linear(w.Transpose(0, 1), b), weight, b5);
        Same((w, b) => x.Mlp(w.Transpose(0, 1), b, back.Transpose(0, 1), b6), weight, b5);
        Same((w, b) => x.LayerNorm(w, b, 1e-5), b6, Any(8, 6, 2).Select(1, 0));
        Same((w, b) => x.BatchNorm(w, b, memory.Zeros([6]), memory.Zeros([6]), training: true), b6, Any(8, 6, 2).Select(1, 0));
        Same((w, b) => pixels.PatchEmbed(w, b), kernel.Transpose(2, 3), b5);
        Assert.Contains("running statistics have gaps", Assert.Throws<ArgumentException>(
            () => x.BatchNorm(b6, b6, b6, b6, training: true)).Message);

        Tensor Any(ulong seed, params int[] shape) => memory.RandomNormal(new Shape(shape), new PhiloxKey(seed));
    }

    /// <summary>A model's weights may fill the memory: a view without gaps, wherever it starts, is used where it lies.</summary>
    [Theory, MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void Weights_without_gaps_are_not_copied(Device device)
    {
        using var memory = new TensorScope(device);
        Tensor large = Weight(256, 512), back = Weight(512, 256), bias = Weight(256), wide = Weight(1 << 15);
        Tensor square = Weight(256, 3, 16, 16), cubes = Weight(256, 3, 2, 16, 16);
        Holds(s => s.Zeros([1, 512]).Linear(large, bias));
        Holds(s => s.Zeros([1, 256]).Linear(large.Transpose(0, 1)));
        Holds(s => s.Zeros([1, 512]).Mlp(large, bias, back, Weight(512)));
        Holds(s => s.Zeros([0, 1 << 15]).LayerNorm(wide, wide, 1e-6));
        Holds(s => s.Zeros([0, 1 << 15]).BatchNorm(wide, wide, wide, wide, training: false));
        Holds(s => s.Zeros([1, 3, 16, 16]).PatchEmbed(square, bias));
        Holds(s => s.Zeros([1, 3, 2, 16, 16]).PatchEmbed(cubes, bias));
        Holds(s => large.Embedding(s.FromRaw<long>([3], [1])));
        Holds(s => large.Reshape(1, 256, 512).Gather(s.FromRaw<long>([3], [1, 1])));

        // One element into its memory, as nothing that an allocator aligns.
        Tensor Weight(params int[] shape)
        {
            int count = checked((int)new Shape(shape).Count);
            return memory.Zeros([count + 1]).Slice(0, 1, count).Reshape(shape);
        }

        void Holds(Func<TensorScope, Tensor> call)
        {
            using var results = new TensorScope(device);
            Assert.Same(results, call(results).Scope);
            // Each weight takes 128 KB or more, what is computed 16 KB at most.
            Assert.InRange(results.BytesInUse, 1, 64 << 10);
        }
    }

    private static void Same(Func<Tensor, Tensor, Tensor> operation, Tensor a, Tensor b)
    {
        Assert.False(b.Layout.IsContiguous);
        Assert.Equal(operation(a.Contiguous(), b.Contiguous()).ToArray<double>(), operation(a, b).ToArray<double>());
    }
}
