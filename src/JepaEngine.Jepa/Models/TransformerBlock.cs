using JepaEngine.Autograd;

namespace JepaEngine.Jepa.Models;

/// <summary>x += attention(norm1(x)); x += mlp(norm2(x)): the block of every JEPA encoder, and of Meta's predictors and
/// probes. Query, key and value are layers of their own, so that they can lie in a mapped file whichever way the file
/// stacks them; or one layer, one product instead of three, in LeWorldModel's.</summary>
public sealed class TransformerBlock : Module
{
    private readonly int width, heads;
    private readonly LayerNorm norm1, norm2;
    private readonly Linear? qkv, query, key, value;
    private readonly Linear projection;
    private readonly Mlp mlp;

    /// <summary>A block; biases start at 0.</summary>
    /// <param name="size">Its width, heads and MLP.</param>
    /// <param name="eps">Epsilon of its LayerNorms.</param>
    /// <param name="weights">How weights start, by a layer's inputs; normal with std 0.02 without it.</param>
    /// <param name="stacked">Whether query, key and value are one layer, [3 width, width]; it has no rotary positions.</param>
    public TransformerBlock(VitSize size, double eps, Func<int, Init>? weights = null, bool stacked = false)
    {
        (width, heads) = (size.Width, size.Heads);
        weights ??= _ => Start;
        norm1 = Child("norm1", new LayerNorm(width, eps));
        if (stacked)
        {
            qkv = Child("qkv", Square(3));
        }
        else
        {
            query = Child("query", Square());
            key = Child("key", Square());
            value = Child("value", Square());
        }
        projection = Child("projection", Square());
        norm2 = Child("norm2", new LayerNorm(width, eps));
        mlp = Child("mlp", new Mlp(width, size.Mlp, weights, new Init.Constant(0)));

        Linear Square(int outputs = 1) => new(width, outputs * width, weightInit: weights(width), biasInit: new Init.Constant(0));
    }

    /// <summary>How weights start.</summary>
    internal static Init Start => new Init.Normal(0.02);

    /// <summary>A layer that starts as a block's do.</summary>
    internal static Linear Layer(int inputs, int outputs) => new(inputs, outputs, weightInit: Start, biasInit: new Init.Constant(0));

    /// <summary>What cuts pixels into an encoder's patches, likewise; 0 frames are those of pictures.</summary>
    internal static PatchEmbed Patches(JepaConfig config, int tubelet) =>
        new(3, config.Patch, config.Encoder.Width, tubelet, Start, new Init.Constant(0));

    /// <summary>x [B, N, width], same shape.</summary>
    /// <param name="x">The tokens.</param>
    /// <param name="rotary">What turns queries and keys by their positions; null where positions were added to the tokens.</param>
    /// <param name="causalBlock">Tokens of a frame where a token sees its own and earlier frames only; 0 sees all.</param>
    public Tensor Forward(Tensor x, RotaryTable? rotary = null, int causalBlock = 0) => Feed(Attend(x, rotary, causalBlock));

    /// <summary>As <see cref="Forward"/>; where no tape records, x is overwritten, and what each half needs goes back when it is done.</summary>
    internal Tensor Advance(Tensor x, RotaryTable? rotary = null, int causalBlock = 0)
    {
        if (x.Scope is Tape)
            return Forward(x, rotary, causalBlock);
        using (var half = new TensorScope(x.Device, "attention"))
            x.CopyFrom(Attend(half.Use(x), rotary, causalBlock));
        using (var half = new TensorScope(x.Device, "mlp"))
            x.CopyFrom(Feed(half.Use(x)));
        return x;
    }

    /// <summary>Of stacked layers: the first token's output [B, 1, width]; the others only serve as its keys and values.</summary>
    internal Tensor ForwardFirst(Tensor x)
    {
        Tensor h = norm1.Forward(x), weight = x.Scope.Use(qkv!.Weight.Value), bias = x.Scope.Use(qkv.Bias!.Value);
        Tensor q = h.Slice(1, 0, 1).Linear(weight.Slice(0, 0, width), bias.Slice(0, 0, width));
        Tensor kv = h.Linear(weight.Slice(0, width, 2 * width), bias.Slice(0, width, 2 * width))
            .Reshape(x.Shape[0], x.Shape[1], 2, heads, width / heads);
        Tensor y = Heads(q).Attention(kv.Select(2, 0), kv.Select(2, 1));
        return Feed(projection.Forward(y.Reshape(q.Shape.ToArray()), residual: x.Slice(1, 0, 1)));
    }

    private Tensor Attend(Tensor x, RotaryTable? rotary, int causalBlock)
    {
        Tensor h = norm1.Forward(x);
        if (qkv is not null)
            return projection.Forward(qkv.Forward(h).SelfAttention(heads, causalBlock), residual: x);
        Tensor q = Heads(query!.Forward(h)), k = Heads(key!.Forward(h)), v = Heads(value!.Forward(h));
        Tensor y = q.Attention(k, v, causalBlock, rotary?.Cos, rotary?.Sin);
        return projection.Forward(y.Reshape(x.Shape.ToArray()), residual: x);
    }

    private Tensor Feed(Tensor x) => mlp.Forward(norm2.Forward(x), residual: x);

    private Tensor Heads(Tensor x) => x.Reshape(x.Shape[0], x.Shape[1], heads, x.Shape[2] / heads);
}

/// <summary>Blocks one after the other.</summary>
public sealed class TransformerBlocks : Module
{
    private readonly TransformerBlock[] blocks;

    /// <summary>As many blocks as the size has.</summary>
    public TransformerBlocks(VitSize size, double eps)
    {
        blocks = new TransformerBlock[size.Depth];
        for (int i = 0; i < blocks.Length; i++)
            blocks[i] = Child($"{i}", new TransformerBlock(size, eps));
    }

    /// <summary>x [B, N, width], same shape.</summary>
    public Tensor Forward(Tensor x)
    {
        // The first block leaves the caller's tokens whole; what it gives may be overwritten.
        for (int i = 0; i < blocks.Length; i++)
            x = i == 0 ? blocks[i].Forward(x) : blocks[i].Advance(x);
        return x;
    }

    /// <summary>As <see cref="Forward"/>; where no tape records, x is overwritten.</summary>
    /// <param name="x">The tokens.</param>
    /// <param name="rotary">What turns queries and keys by their positions; null where positions were added to the tokens.</param>
    /// <param name="causalBlock">Tokens of a frame where a token sees its own and earlier frames only; 0 sees all.</param>
    /// <param name="observe">Called with each block's number and output, which the next block overwrites.</param>
    public Tensor Advance(Tensor x, RotaryTable? rotary = null, int causalBlock = 0, Action<int, Tensor>? observe = null)
    {
        for (int i = 0; i < blocks.Length; i++)
        {
            x = blocks[i].Advance(x, rotary, causalBlock);
            observe?.Invoke(i, x);
        }
        return x;
    }
}
