namespace JepaEngine.Jepa.Models;

/// <summary>The classifier on frozen tokens of V-JEPA's evaluations (arXiv 2404.08471, 2506.09985): self-attention
/// blocks, then learned queries that read all tokens once, and a linear layer for each query. Released for V-JEPA 2
/// with 3 blocks, 16 heads and one query (SSv2, Diving-48), or three (EK100).</summary>
public sealed class AttentiveProbe : Module
{
    private readonly ProbeConfig config;
    private readonly TransformerBlocks blocks;
    private readonly Parameter queries;
    private readonly LayerNorm norm1, norm2;
    private readonly Linear query, key, value;
    private readonly Mlp mlp;
    private readonly Linear[] classifiers;

    /// <summary>A probe without memory.</summary>
    /// <exception cref="ArgumentException">No probe has these sizes.</exception>
    public AttentiveProbe(ProbeConfig config)
    {
        config.Validate();
        this.config = config;
        int width = config.Size.Width;
        blocks = Child("blocks", new TransformerBlocks(config.Size, config.Epsilon));
        queries = Trained("queries", [1, config.Classes.Length, width], TransformerBlock.Start);
        norm1 = Child("norm1", new LayerNorm(width, config.Epsilon));
        query = Child("query", TransformerBlock.Layer(width, width));
        key = Child("key", TransformerBlock.Layer(width, width));
        value = Child("value", TransformerBlock.Layer(width, width));
        norm2 = Child("norm2", new LayerNorm(width, config.Epsilon));
        mlp = Child("mlp", new Mlp(width, config.Size.Mlp, _ => TransformerBlock.Start, new Init.Constant(0)));
        classifiers = new Linear[config.Classes.Length];
        for (int i = 0; i < classifiers.Length; i++)
            classifiers[i] = Child($"classifiers.{i}", TransformerBlock.Layer(width, config.Classes[i]));
    }

    /// <summary>Tokens [B, N, D] to logits [B, classes], one for each head.</summary>
    public Tensor[] Forward(Tensor tokens)
    {
        Tensor x = blocks.Forward(tokens);
        int batch = x.Shape[0], heads = config.Size.Heads, width = config.Size.Width;
        Tensor start = x.Scope.Use(queries.Value).Broadcast([batch, classifiers.Length, width]).Contiguous(), seen = norm1.Forward(x);
        Tensor y = Split(query.Forward(start)).Attention(Split(key.Forward(seen)), Split(value.Forward(seen))).Reshape(start.Shape.ToArray()) + start;
        y = mlp.Forward(norm2.Forward(y), residual: y);
        return [.. classifiers.Select((classifier, i) => classifier.Forward(y.Select(1, i)))];

        Tensor Split(Tensor t) => t.Reshape(batch, t.Shape[1], heads, width / heads);
    }
}
