namespace JepaEngine.IO;

/// <summary>Reads numpy's npz: a zip file of npy arrays, stored or deflated, each under its name.</summary>
internal sealed class NpzFile : TensorFile
{
    /// <summary>What the entries' names end with.</summary>
    public const string Ending = ".npy";

    public NpzFile(FileBytes file, ZipDirectory zip) : base(file)
    {
        foreach ((string entry, ByteSource source) in zip.Entries)
        {
            string name = entry[..^Ending.Length];
            if (NpyArray.Read(Path, name, source, out string reason) is { } read)
                Add(read);
            else
                Skip(name, reason);
        }
        CheckExpansion();
    }

    public override string Format => "npz";
}

/// <summary>Reads numpy's npy: one array.</summary>
internal sealed class NpyFile : TensorFile
{
    public NpyFile(FileBytes file) : base(file) =>
        Add(NpyArray.Read(Path, OnlyTensor, new StoredBytes(file, 0, file.Length), out string reason) ?? throw new BadFileException(Path, $"'{OnlyTensor}' {reason}"));

    public override string Format => "npy";
}
