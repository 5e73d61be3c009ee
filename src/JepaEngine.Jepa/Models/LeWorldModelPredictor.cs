using JepaEngine.Backends;

namespace JepaEngine.Jepa.Models;

/// <summary>LeWorldModel's predictor: a causal transformer over the last embeddings, whose blocks are modulated by the
/// action that leaves each of them (AdaLN-zero; "Scalable diffusion models with transformers", arXiv
/// 2212.09748).</summary>
public sealed class LeWorldModelPredictor : Module
{
    private readonly Parameter positions;
    private readonly AdaLnBlock[] blocks;
    private readonly LayerNorm norm;

    /// <summary>The predictor of a world model.</summary>
    public LeWorldModelPredictor(LeWorldModelConfig config)
    {
        History = config.History;
        positions = Trained("positions", [1, config.History, config.EmbeddingWidth], new Init.Normal(config.PredictorPositionStd));
        blocks = new AdaLnBlock[config.PredictorDepth];
        for (int i = 0; i < blocks.Length; i++)
            blocks[i] = Child($"blocks.{i}", new AdaLnBlock(config));
        norm = Child("norm", new LayerNorm(config.EmbeddingWidth, 1e-5));
    }

    /// <summary>Number of slots.</summary>
    public int History { get; }

    /// <summary>Embeddings z [B, T, D] in slots 0..T−1 and encoded actions [B, T, D] to predictor outputs [B, T, D].
    /// The key decides dropout in training.</summary>
    public Tensor Forward(Tensor z, Tensor actions, PhiloxKey key)
    {
        Tensor x = z + z.Scope.Use(positions.Value).Slice(1, 0, z.Shape[1]);
        Tensor condition = actions.Silu();
        for (int i = 0; i < blocks.Length; i++)
            x = blocks[i].Forward(x, condition, key.Child((ulong)i));
        return norm.Forward(x);
    }

    /// <summary>What each block makes of encoded actions [.., D]: the modulations [.., 6 D] that
    /// <see cref="ForwardLast"/> and <see cref="Append"/> take. They do not depend on the slot, so a rollout computes
    /// them once an action.</summary>
    public Tensor[] Modulations(Tensor actions)
    {
        Tensor condition = actions.Silu();
        return [.. blocks.Select(block => block.Modulation(condition))];
    }

    /// <summary>The output [B, 1, D] of the last of a full window's slots, in evaluation: the last block does only what that slot needs.</summary>
    public Tensor ForwardLast(Tensor z, Tensor[] modulations)
    {
        Tensor x = z + z.Scope.Use(positions.Value).Slice(1, 0, z.Shape[1]);
        for (int i = 0; i < blocks.Length; i++)
            x = blocks[i].Evaluate(x, modulations[i], cache: null, onlyLast: i == blocks.Length - 1);
        return norm.Forward(x);
    }

    /// <summary>As <see cref="ForwardLast"/> while the window still grows: z [B, 1, D] takes the next slot, and the
    /// keys and values of the earlier ones come from the cache. Valid only until the window slides: then every slot's
    /// position changes.</summary>
    public Tensor Append(Tensor z, Tensor[] modulations, KeyValueCache cache)
    {
        Tensor x = z + z.Scope.Use(positions.Value).Slice(1, cache.Length, 1);
        for (int i = 0; i < blocks.Length; i++)
            x = blocks[i].Evaluate(x, modulations[i], cache[i], onlyLast: true);
        cache.Length++;
        return norm.Forward(x);
    }
}

/// <summary>Keys and values of the slots a growing window has filled, for each block.</summary>
public sealed class KeyValueCache
{
    private readonly (Tensor Keys, Tensor Values)[] blocks;

    /// <summary>Room for all slots of <paramref name="batch"/> windows.</summary>
    public KeyValueCache(TensorScope scope, LeWorldModelConfig config, int batch)
    {
        Shape shape = [batch, config.History, config.PredictorHeads, config.PredictorHeadWidth];
        blocks = new (Tensor, Tensor)[config.PredictorDepth];
        for (int i = 0; i < blocks.Length; i++)
            blocks[i] = (scope.Empty(shape), scope.Empty(shape));
    }

    /// <summary>Slots filled.</summary>
    public int Length { get; internal set; }

    internal KeyValueSlots this[int block] => new(blocks[block].Keys, blocks[block].Values, Length);
}

/// <summary>A block's part of a <see cref="KeyValueCache"/>: [B, History, H, E] each, of which <paramref name="Length"/> slots are filled.</summary>
internal sealed record KeyValueSlots(Tensor Keys, Tensor Values, int Length);

/// <summary>x += gate_msa · attention(x̂ (1 + scale_msa) + shift_msa); x += gate_mlp · mlp(x̂ (1 + scale_mlp) +
/// shift_mlp), the six modulations linear in silu(action) and zero at the start. Attention and MLP open with an affine
/// LayerNorm of their own.</summary>
public sealed class AdaLnBlock : Module
{
    private const double ModulatedEpsilon = 1e-6, InnerEpsilon = 1e-5;

    private readonly int width, heads, headWidth;
    private readonly Linear modulation, qkv, projection, fc1, fc2;
    private readonly LayerNorm attentionNorm, mlpNorm;
    private readonly Dropout dropout;

    /// <summary>A block of the predictor's sizes.</summary>
    public AdaLnBlock(LeWorldModelConfig config)
    {
        width = config.EmbeddingWidth;
        heads = config.PredictorHeads;
        headWidth = config.PredictorHeadWidth;
        var zero = new Init.Constant(0);
        attentionNorm = Child("attention_norm", new LayerNorm(width, InnerEpsilon));
        qkv = Child("qkv", new Linear(width, 3 * heads * headWidth, bias: false));
        projection = Child("projection", new Linear(heads * headWidth, width));
        mlpNorm = Child("mlp_norm", new LayerNorm(width, InnerEpsilon));
        fc1 = Child("fc1", new Linear(width, config.PredictorMlp));
        fc2 = Child("fc2", new Linear(config.PredictorMlp, width));
        modulation = Child("modulation", new Linear(width, 6 * width, weightInit: zero, biasInit: zero));
        dropout = Child("dropout", new Dropout(config.Dropout));
    }

    /// <summary>x [B, T, D] with condition = silu(action) [B, T, D]; causal.</summary>
    public Tensor Forward(Tensor x, Tensor condition, PhiloxKey key)
    {
        Tensor m = modulation.Forward(condition);
        Tensor h = attentionNorm.Forward(x.AdaLayerNorm(Part(m, 0), Part(m, 1), ModulatedEpsilon));
        h = qkv.Forward(h).SelfAttention(heads, causalBlock: 1);
        x = x.GatedAdd(Part(m, 2), dropout.Forward(projection.Forward(h), key.Child(0)));
        h = mlpNorm.Forward(x.AdaLayerNorm(Part(m, 3), Part(m, 4), ModulatedEpsilon));
        h = dropout.Forward(fc1.Forward(h, Activation.Gelu), key.Child(1));
        return x.GatedAdd(Part(m, 5), dropout.Forward(fc2.Forward(h), key.Child(2)));
    }

    internal Tensor Modulation(Tensor condition) => modulation.Forward(condition);

    /// <summary>In evaluation: x [B, T, D] with its modulation [B, T, 6 D]; the result has all slots or only the last.
    /// With a cache x is one slot, and attends to the cached ones too.</summary>
    internal Tensor Evaluate(Tensor x, Tensor m, KeyValueSlots? cache, bool onlyLast)
    {
        int batch = x.Shape[0], slots = x.Shape[1], inner = heads * headWidth;
        Tensor h = attentionNorm.Forward(x.AdaLayerNorm(Part(m, 0), Part(m, 1), ModulatedEpsilon));
        Tensor query = h;
        if (onlyLast && slots > 1)
        {
            query = h.Slice(1, slots - 1, 1);
            x = x.Slice(1, slots - 1, 1);
            m = m.Slice(1, slots - 1, 1);
        }
        int queries = query.Shape[1];
        Tensor weight = x.Scope.Use(qkv.Weight.Value);
        Tensor attended;
        if (slots == 1 && cache is null)
        {
            // A single slot attends to itself alone: the softmax is 1 and the values pass.
            attended = h.Linear(weight.Slice(0, 2 * inner, inner));
        }
        else
        {
            Tensor q = query.Linear(weight.Slice(0, 0, inner)).Reshape(batch, queries, heads, headWidth);
            Tensor kv = h.Linear(weight.Slice(0, inner, 2 * inner)).Reshape(batch, slots, 2, heads, headWidth);
            Tensor k = kv.Select(2, 0), v = kv.Select(2, 1);
            if (cache is not null)
            {
                k = Extend(cache.Keys, k, cache.Length);
                v = Extend(cache.Values, v, cache.Length);
            }
            attended = q.Attention(k, v, causalBlock: 1).Reshape(batch, queries, inner);
        }
        x = x.GatedAdd(Part(m, 2), projection.Forward(attended));
        h = mlpNorm.Forward(x.AdaLayerNorm(Part(m, 3), Part(m, 4), ModulatedEpsilon));
        return x.GatedAdd(Part(m, 5), fc2.Forward(fc1.Forward(h, Activation.Gelu)));
    }

    /// <summary>Writes a slot and returns all that are filled.</summary>
    private static Tensor Extend(Tensor slots, Tensor next, int length)
    {
        slots.Slice(1, length, 1).CopyFrom(next);
        return slots.Slice(1, 0, length + 1);
    }

    private Tensor Part(Tensor m, int index) => m.Slice(-1, index * width, width);
}
