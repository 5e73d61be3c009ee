namespace JepaEngine.Backends.Reference;

internal sealed partial class ReferenceBackend<T>
{
    public override void Attention(in Operand q, in Operand k, in Operand v, double scale, int causalBlock, in Operand dst, in Operand lse,
        in Operand? cos = null, in Operand? sin = null)
    {
        if (cos is { } c && sin is { } s)
        {
            TurnedAttention.Forward(this, q, k, v, scale, causalBlock, dst, lse, c, s);
            return;
        }
        View<T> query = Of(q), key = Of(k), value = Of(v), to = Of(dst), logSum = Of(lse);
        int queries = q.Shape[1], keys = k.Shape[1], width = q.Shape[3];
        T[] p = new T[keys];
        for (int b = 0; b < q.Shape[0]; b++)
            for (int h = 0; h < q.Shape[2]; h++)
                for (int i = 0; i < queries; i++)
                {
                    int seen = Seen(causalBlock, i, queries, keys);
                    T most = T.NegativeInfinity, sum = T.Zero;
                    for (int j = 0; j < seen; j++)
                    {
                        p[j] = Number(scale) * Dot(query, key, b, i, j, h, width);
                        most = T.Max(most, p[j]);
                    }
                    for (int j = 0; j < seen; j++)
                        sum += p[j] = T.Exp(p[j] - most);
                    for (int e = 0; e < width; e++)
                    {
                        T y = T.Zero;
                        for (int j = 0; j < seen; j++)
                            y += p[j] * value[b, j, h, e];
                        to[b, i, h, e] = seen == 0 ? T.Zero : y / sum;
                    }
                    logSum[b, h, i] = most + T.Log(sum);
                }
    }

    /// <summary>
    /// With P = softmax(S) and S = scale · q kᵀ: dv = Pᵀ dy, dP = dy vᵀ, dS = P (dP − rowsum(dy y)), dq = scale · dS k, dk = scale · dSᵀ q;
    /// P comes back from lse (Dao et al., FlashAttention, arXiv 2205.14135, appendix B.2).
    /// </summary>
    public override void AttentionGrad(in Operand q, in Operand k, in Operand v, in Operand y, in Operand lse, in Operand dy,
        double scale, int causalBlock, in Operand dq, in Operand dk, in Operand dv, in Operand? cos = null, in Operand? sin = null)
    {
        if (cos is { } c && sin is { } s)
        {
            TurnedAttention.Gradient(this, q, k, v, y, lse, dy, scale, causalBlock, dq, dk, dv, c, s);
            return;
        }
        View<T> query = Of(q), key = Of(k), value = Of(v), output = Of(y), logSum = Of(lse), upstream = Of(dy);
        View<T> toQuery = Of(dq), toKey = Of(dk), toValue = Of(dv);
        int queries = q.Shape[1], keys = k.Shape[1], width = q.Shape[3];
        toQuery.Fill(T.Zero);
        toKey.Fill(T.Zero);
        toValue.Fill(T.Zero);
        for (int b = 0; b < q.Shape[0]; b++)
            for (int h = 0; h < q.Shape[2]; h++)
                for (int i = 0; i < queries; i++)
                {
                    int seen = Seen(causalBlock, i, queries, keys);
                    T mean = Dot(upstream, output, b, i, i, h, width);
                    for (int j = 0; j < seen; j++)
                    {
                        T p = T.Exp(Number(scale) * Dot(query, key, b, i, j, h, width) - logSum[b, h, i]);
                        T ds = Number(scale) * p * (Dot(upstream, value, b, i, j, h, width) - mean);
                        for (int e = 0; e < width; e++)
                        {
                            toQuery[b, i, h, e] += ds * key[b, j, h, e];
                            toKey[b, j, h, e] += ds * query[b, i, h, e];
                            toValue[b, j, h, e] += p * upstream[b, i, h, e];
                        }
                    }
                }
    }

    /// <summary>How many keys query i sees, from the first on: none where i comes before them all.</summary>
    private static int Seen(int causalBlock, int i, int queries, int keys)
    {
        int position = i + keys - queries;
        return causalBlock == 0 ? keys : position < 0 ? 0 : Math.Min(keys, (position / causalBlock + 1) * causalBlock);
    }

    /// <summary>Row i of x times row j of y, both of batch b and head h.</summary>
    private static T Dot(in View<T> x, in View<T> y, int b, int i, int j, int h, int width)
    {
        T sum = T.Zero;
        for (int e = 0; e < width; e++)
            sum += x[b, i, h, e] * y[b, j, h, e];
        return sum;
    }
}
