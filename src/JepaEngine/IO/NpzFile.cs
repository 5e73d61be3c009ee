namespace JepaEngine.IO;

/// <summary>Reads numpy's npz: a zip file of npy arrays, stored or deflated, each under its name.</summary>
internal sealed class NpzFile : TensorFile
{
    private const string Ending = ".npy";

    public NpzFile(FileBytes file, ZipDirectory zip) : base(file)
    {
        foreach ((string name, ByteSource source) in zip.Entries)
            Add(NpyArray.Read(Path, name[..^Ending.Length], source));
        CheckExpansion();
    }

    public override string Format => "npz";
}

/// <summary>Reads numpy's npy: one array.</summary>
internal sealed class NpyFile : TensorFile
{
    public NpyFile(FileBytes file) : base(file) => Add(NpyArray.Read(Path, OnlyTensor, new StoredBytes(file, 0, file.Length)));

    public override string Format => "npy";
}
