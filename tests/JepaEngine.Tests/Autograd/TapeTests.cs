using JepaEngine.Autograd;
using JepaEngine.Memory;
using JepaEngine.Nn;
using JepaEngine.Ops;
using JepaEngine.Optim;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.Autograd;

/// <summary>How gradients find their way, with numbers that can be followed by hand.</summary>
public sealed class TapeTests : IDisposable
{
    private readonly Tape tape = new(Device.Reference, "test tape");

    public void Dispose() => tape.Dispose();

    /// <summary>d(sum of f(x) · [1, 2, 3, ...]) / dx at x = [1, 2, 3].</summary>
    public static TheoryData<string, Func<Tensor, Tensor>, double[]> Cases => new()
    {
        { "twice in one sum", x => x + x, [2, 4, 6] },
        { "twice in one product", x => x * x, [2, 8, 18] },
        { "once from itself", x => x - x, [0, 0, 0] },
        { "divided by itself", x => x / x, [0, 0, 0] },
        { "a residual", x => x + x.Square(), [3, 10, 21] },
        { "two readers after one", x => { Tensor y = x * 2.0; return y * y + y; }, [10, 36, 78] },
        { "through a slice and its rest", x => TensorOps.Concat(0, x.Slice(0, 1, 2), x.Slice(0, 0, 1)), [3, 1, 2] },
        { "through overlapping slices", x => x.Slice(0, 0, 2) + x.Slice(0, 1, 2), [1, 3, 2] },
        { "through a transposition", x => x.Reshape(3, 1).Broadcast([3, 2]).Transpose(0, 1).Reshape(6), [5, 7, 9] },
        { "through a permutation", x => x.Reshape(1, 3, 1).Permute(2, 0, 1).Contiguous().Select(0, 0).Reshape(3), [1, 2, 3] },
        { "through a broadcast", x => (x + x.Slice(0, 0, 1)).Reshape(3), [7, 2, 3] },
        { "through a mean", x => x.Mean(keep: true), [1 / 3.0, 1 / 3.0, 1 / 3.0] },
        { "not through a detached copy", x => x * x.Detach(), [1, 4, 9] },
        { "a view handed over twice", x => { Tensor v = x.Reshape(3, 1); return (v + v.Reshape(3, 1)).Reshape(3) + x; }, [3, 6, 9] },
        { "gated by itself", x => x.GatedAdd(x, x), [3, 10, 21] },
        { "normalised by itself", x => x.AdaLayerNorm(x, x, 0.1).Select(0, 0).Reshape(1) * 0.0 + x.Sum(), [1, 1, 1] },
    };

    [Theory, MemberData(nameof(Cases))]
    public void Gradients_add_up(string what, Func<Tensor, Tensor> f, double[] expected)
    {
        Tensor x = tape.From<double>([1, 2, 3], [3]);
        x.RequiresGrad = true;
        Tensor y = f(x).Reshape(-1);
        double[] weights = [.. Enumerable.Range(1, (int)y.Shape.Count).Select(i => (double)i)];
        tape.Backward(y, tape.From<double>(weights, y.Shape));
        Golden.Close(what, expected, x.Grad, 1e-12, floor: 1);
    }

    [Fact]
    public void Attention_of_one_tensor_with_itself_adds_all_three_gradients()
    {
        double[] Grad(Func<Tensor, Tensor> split)
        {
            using var own = new Tape(Device.Reference);
            Tensor x = own.RandomNormal([1, 4, 2, 3], new PhiloxKey(1));
            x.RequiresGrad = true;
            own.Backward((split(x).Attention(split(x), split(x), causalBlock: 1) * own.RandomNormal([1, 4, 2, 3], new PhiloxKey(2))).Sum());
            return x.Grad!.ToArray<double>();
        }
        double[] same = Grad(x => x), apart = Grad(x => x * 1.0);
        for (int i = 0; i < same.Length; i++)
            Assert.Equal(apart[i], same[i], 1e-12);
    }

    [Fact]
    public void Two_tapes_accumulate_into_the_parameters_and_a_step_clears_them()
    {
        using var layer = new Linear(2, 1, bias: false);
        layer.Allocate(Device.Reference);
        using var optimizer = new AdamW(layer);
        for (int i = 1; i <= 2; i++)
        {
            using var one = new Tape(Device.Reference);
            one.Backward(layer.Forward(one.From<double>([i, 10 * i], [1, 2])));
        }
        Assert.Equal([3, 30], layer.Weight.Value.Grad!.ToArray<double>());
        optimizer.ZeroGrad();
        Assert.Null(layer.Weight.Value.Grad);
    }

    [Fact]
    public void Nothing_is_recorded_where_nothing_requires_a_gradient()
    {
        Tensor x = tape.From<double>([1, 2, 3], [3]);
        Tensor y = (x * x).Gelu().Reshape(1, 3).LayerNorm(null, null, 1e-5);
        Assert.Equal((0, false), (tape.Count, y.RequiresGrad));
        using var plain = new TensorScope(Device.Reference);
        x.RequiresGrad = true;
        Assert.False((plain.Use(x) * 2.0).RequiresGrad);
        Assert.Equal(0, tape.Count);
    }

    [Fact]
    public void Gradients_of_results_go_back_as_soon_as_they_are_used()
    {
        Tensor x = tape.RandomNormal([1000], new PhiloxKey(1));
        x.RequiresGrad = true;
        Tensor y = x;
        for (int i = 0; i < 50; i++)
            y = y * 1.01;
        long before = tape.BytesInUse;
        tape.Backward(y.Sum());
        Assert.Null(y.Grad);
        // What stays is x's gradient, the loss with its gradient's start, and small change.
        Assert.InRange(tape.BytesInUse - before, 8000, 8192 + 1024);
    }

    [Fact]
    public void What_cannot_be_differentiated_is_refused()
    {
        Tensor x = tape.From<double>([1, 2, 3], [3]);
        Assert.Contains("[3] on reference (F64) is no scalar; reduce it with Mean or Sum", Assert.Throws<ArgumentException>(() => tape.Backward(x)).Message);
        Assert.Contains("was not recorded on this tape", Assert.Throws<ArgumentException>(() => tape.Backward(x.Sum())).Message);
        x.RequiresGrad = true;
        Assert.Contains("gradient is [2], the output [3]", Assert.Throws<ArgumentException>(() => tape.Backward(x * 1.0, tape.Zeros([2]))).Message);
        using var younger = new TensorScope(Device.Reference, "younger");
        Tensor outside = (x * younger.Full([3], 1)).Sum();
        Assert.Contains("compute it in the tape's scope", Assert.Throws<ArgumentException>(() => tape.Backward(outside)).Message);
        Assert.Contains("no gradient flows through running statistics", Assert.Throws<ArgumentException>(
            () => x.Reshape(1, 3).BatchNorm(tape.Zeros([3]), tape.Zeros([3]), tape.Zeros([3]), tape.Full([3], 1), training: false)).Message);
    }

    [Fact]
    public void A_tape_is_differentiated_once()
    {
        Tensor x = tape.From<double>([1, 2, 3], [3]);
        x.RequiresGrad = true;
        Tensor y = x * 2.0, loss = y.Sum();
        tape.Backward(loss);
        Assert.Contains("'test tape' has been differentiated already", Assert.Throws<InvalidOperationException>(() => tape.Backward(loss)).Message);
        // A loss from what came before could only be differentiated as far as here.
        Tensor late = y.Square().Sum();
        Assert.False(late.RequiresGrad);
        Assert.Throws<InvalidOperationException>(() => tape.Backward(late));
        Assert.Equal([2, 2, 2], x.Grad!.ToArray<double>());
    }
}
