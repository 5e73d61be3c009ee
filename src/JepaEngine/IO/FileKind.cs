using System.Buffers.Binary;

namespace JepaEngine.IO;

/// <summary>Tells formats apart by what is in a file, and says what those that are not read have to become.</summary>
internal static class FileKind
{
    /// <summary>Bytes that tell: a tar archive has its mark at 257.</summary>
    private const int Look = 512;

    /// <summary>What PyTorch before 1.6 started its files with: a pickled number.</summary>
    private static ReadOnlySpan<byte> LegacyMagic => [0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19];

    /// <summary>The file as what it is.</summary>
    /// <exception cref="BadFileException">It is damaged, or of no format that is read.</exception>
    public static TensorFile Open(FileBytes file)
    {
        Span<byte> start = stackalloc byte[Look];
        start = start[..file.Some(0, start)];
        return IsIndex(start) ? new ShardedFile(file) : Open(file, start);
    }

    /// <summary>A file that holds its tensors itself.</summary>
    /// <exception cref="BadFileException">As there, or it is an index of others; the file is closed.</exception>
    public static TensorFile OpenWhole(FileBytes file)
    {
        try
        {
            Span<byte> start = stackalloc byte[Look];
            return Open(file, start[..file.Some(0, start)]);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static TensorFile Open(FileBytes file, ReadOnlySpan<byte> start)
    {
        if (start.StartsWith("PK"u8))
            return OpenZip(file);
        if (start.StartsWith(NpyArray.Magic))
            return new NpyFile(file);
        if (IsSafetensors(start))
            return new SafetensorsFile(file);
        throw new BadFileException(file.Path, Fault(start));
    }

    private static TensorFile OpenZip(FileBytes file)
    {
        var zip = new ZipDirectory(file);
        if (zip.Entries.Keys.FirstOrDefault(name => name.Split('/') is ["data.pkl"] or [_, "data.pkl"]) is { } pickle)
            return new PickleFile(file, zip, pickle);
        return zip.Entries.Count > 0
            && zip.Entries.Keys.All(name => name.EndsWith(NpzFile.Ending, StringComparison.Ordinal))
            ? new NpzFile(file, zip)
            : throw new BadFileException(file.Path, "it is a zip file of neither PyTorch (data.pkl) nor numpy (.npy); unpack it and give one of its files");
    }

    /// <summary>The length of a header no longer than allowed, and its first letter; that of JSON would be a length of over 2^56.</summary>
    private static bool IsSafetensors(ReadOnlySpan<byte> start) =>
        start.Length > 8 && BinaryPrimitives.ReadUInt64LittleEndian(start) < 1ul << 48 && start[8..].TrimStart(" \t\r\n"u8).StartsWith("{"u8);

    private static bool IsIndex(ReadOnlySpan<byte> start) =>
        !IsSafetensors(start) && (start.StartsWith(JsonTokens.Mark) ? start[JsonTokens.Mark.Length..] : start).TrimStart(" \t\r\n"u8).StartsWith("{"u8);

    private static string Fault(ReadOnlySpan<byte> start)
    {
        const string convert = "in Python: torch.save(torch.load(path, weights_only=True), new_path)";
        if (start.StartsWith(LegacyMagic))
            return "it is in PyTorch's format from before 1.6; " + convert;
        if (start.Length > 262 && start[257..262].SequenceEqual("ustar"u8))
            return "it is a tar archive; unpack it, or, where it is PyTorch's from before 0.1.10, " + convert;
        if (start.StartsWith("version https://git-lfs"u8))
            return "it is Git LFS's note of a file, not the file; run git lfs pull";
        if (IsIndex(start))
            return "it is an index of other files, not a file of weights";
        if (start.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xFE]) || start.StartsWith((ReadOnlySpan<byte>)[0xFE, 0xFF]))
            return "it is a text in UTF-16; save it in UTF-8";
        if (start.StartsWith("<"u8))
            return "it is a web page, not a file of weights; the download needs another address, or permission";
        return "it is no file of weights that is known: safetensors or its index, PyTorch's zip, npz, npy; was the copy cut short?";
    }
}
