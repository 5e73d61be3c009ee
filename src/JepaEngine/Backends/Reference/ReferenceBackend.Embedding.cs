namespace JepaEngine.Backends.Reference;

internal sealed partial class ReferenceBackend<T>
{
    public override void Embedding(in Operand table, in Operand ids, in Operand dst)
    {
        View<T> from = Of(table), to = Of(dst);
        int width = table.Shape[1];
        for (long i = 0; i < ids.Count; i++)
        {
            long id = LoadInteger(ids, ids.Layout.IndexOf(i));
            for (int c = 0; c < width; c++)
                to[i * width + c] = from[id * width + c];
        }
    }

    public override void EmbeddingGrad(in Operand dy, in Operand ids, in Operand dtable)
    {
        View<T> upstream = Of(dy), to = Of(dtable);
        int width = dtable.Shape[1];
        to.Fill(T.Zero);
        for (long i = 0; i < ids.Count; i++)
        {
            long id = LoadInteger(ids, ids.Layout.IndexOf(i));
            for (int c = 0; c < width; c++)
                to[id * width + c] += upstream[i * width + c];
        }
    }
}
