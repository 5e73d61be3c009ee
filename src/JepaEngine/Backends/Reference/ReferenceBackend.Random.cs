namespace JepaEngine.Backends.Reference;

internal sealed partial class ReferenceBackend<T>
{
    public override void RandomNormal(in Operand dst, PhiloxKey key, double mean, double std)
    {
        View<T> to = Of(dst);
        for (long i = 0; i < to.Count; i++)
            to[i] = Number(mean) + Number(std) * Number(Philox.Normal(key, (ulong)i));
    }

    public override void RandomUniform(in Operand dst, PhiloxKey key, double low, double high)
    {
        View<T> to = Of(dst);
        for (long i = 0; i < to.Count; i++)
            to[i] = Number(low) + Number(high - low) * Number(Philox.Uniform(key, (ulong)i));
    }

    public override void Dropout(in Operand x, double rate, PhiloxKey key, in Operand dst)
    {
        View<T> from = Of(x), to = Of(dst);
        T scale = Number(1 / (1 - rate));
        for (long i = 0; i < to.Count; i++)
            to[i] = Philox.Uniform(key, (ulong)i) >= rate ? from[i] * scale : T.Zero;
    }
}
