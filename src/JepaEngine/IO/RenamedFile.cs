namespace JepaEngine.IO;

/// <summary>A file whose tensors have other names, or are left out.</summary>
internal sealed class RenamedFile : TensorFile
{
    private readonly TensorFile inner;

    /// <exception cref="BadFileException">Two tensors would have one name.</exception>
    public RenamedFile(TensorFile inner, Func<string, string?> naming) : base(inner)
    {
        this.inner = inner;
        Dictionary<string, string> before = [];
        foreach (TensorEntry entry in inner.Entries.Values)
            if (Name(entry.Name) is { } name)
                Add(new TensorEntry(name, entry.DType, entry.Shape, entry.Place));
        foreach ((string skipped, string reason) in inner.Skipped)
            if (Name(skipped) is { } name)
                Skip(name, reason);
        foreach ((string key, string value) in inner.Metadata)
            AddMetadata(key, value);

        string? Name(string given) => naming(given) is not { } name ? null
            : before.TryAdd(name, given) ? name
            : throw new BadFileException(Path, $"'{before[name]}' and '{given}' are one tensor but for a wrapper's "
                + $"prefix; keep one of them");
    }

    public override string Format => inner.Format;

    protected override void Dispose(bool disposing)
    {
        inner.Dispose();
        base.Dispose(disposing);
    }
}
