namespace JepaEngine.IO;

/// <summary>A file whose tensors have other names.</summary>
internal sealed class RenamedFile : TensorFile
{
    private readonly TensorFile inner;

    /// <exception cref="BadFileException">Two tensors would have one name.</exception>
    public RenamedFile(TensorFile inner, Func<string, string> naming) : base(inner)
    {
        this.inner = inner;
        Dictionary<string, string> before = [];
        foreach (string name in inner.Entries.Keys.Concat(inner.Skipped.Keys))
            if (!before.TryAdd(naming(name), name))
                throw new BadFileException(Path, $"'{before[naming(name)]}' and '{name}' are one tensor but for a "
                    + $"wrapper's prefix; keep one of them");
        foreach (TensorEntry entry in inner.Entries.Values)
            Add(new TensorEntry(naming(entry.Name), entry.DType, entry.Shape, entry.Place));
        foreach ((string name, string reason) in inner.Skipped)
            Skip(naming(name), reason);
        foreach ((string key, string value) in inner.Metadata)
            AddMetadata(key, value);
    }

    public override string Format => inner.Format;

    protected override void Dispose(bool disposing)
    {
        inner.Dispose();
        base.Dispose(disposing);
    }
}
