using System.Buffers.Binary;
using System.Text;

namespace JepaEngine.IO;

/// <summary>
/// The entries of a zip file (PKWARE's APPNOTE 6.3), each as bytes that can be read from any position on, and mapped where they are stored as they are.
/// .NET's own reader does not say where an entry lies.
/// </summary>
internal sealed class ZipDirectory
{
    /// <summary>The most entries: each tensor is one, and a few describe them.</summary>
    private const int MaxEntries = TensorFile.MaxTensors + 100;

    /// <summary>Bytes that deflate makes of one, at most.</summary>
    private const int MostInflated = 1032;

    private const int EndSize = 22, Locator64Size = 20, End64Size = 56, CentralSize = 46, LocalSize = 30;
    private const uint EndMagic = 0x06054B50, Locator64Magic = 0x07064B50, End64Magic = 0x06064B50, CentralMagic = 0x02014B50, LocalMagic = 0x04034B50;

    private readonly FileBytes file;
    private readonly Dictionary<string, ByteSource> entries = [];
    private readonly List<(long Start, long End, string Name)> runs = [];

    /// <summary>Reads and checks the directory.</summary>
    /// <exception cref="BadFileException">The file is damaged, or made to mislead: names that leave a folder, entries that overlap, too many.</exception>
    public ZipDirectory(FileBytes file)
    {
        this.file = file;
        (long count, long start, long size) = FindDirectory();
        if (count > MaxEntries)
            throw new BadFileException(file.Path, $"its zip directory claims {count} entries; at most {MaxEntries} are read");
        if (start < 0 || size < count * CentralSize || size > file.Length - start || size > count * (CentralSize + 3L * ushort.MaxValue))
            throw Damaged($"its directory of {count} entries cannot be {size} bytes at {start}");
        byte[] directory = new byte[size];
        file.Read(start, directory);
        ReadOnlySpan<byte> rest = directory;
        for (long i = 0; i < count; i++)
            ReadEntry(ref rest, start);
        long end = 0;
        string before = "";
        foreach ((long first, long last, string name) in runs.OrderBy(run => (run.Start, run.End)))
        {
            if (first < end)
                throw Damaged($"'{name}' lies inside '{before}'");
            (end, before) = (last, name);
        }
    }

    /// <summary>The entries by name.</summary>
    public IReadOnlyDictionary<string, ByteSource> Entries => entries;

    private (long Count, long Start, long Size) FindDirectory()
    {
        // The end record is the last thing but a comment of at most 65535 bytes.
        int window = (int)Math.Min(file.Length, EndSize + ushort.MaxValue);
        byte[] tail = new byte[window];
        file.Read(file.Length - window, tail);
        for (int i = window - EndSize; i >= 0; i--)
        {
            ReadOnlySpan<byte> end = tail.AsSpan(i);
            if (U32(end, 0) != EndMagic || U16(end, 20) != end.Length - EndSize)
                continue;
            (long count, long size, long start) = (U16(end, 10), U32(end, 12), U32(end, 16));
            return count == ushort.MaxValue || size == uint.MaxValue || start == uint.MaxValue
                ? FindDirectory64(file.Length - window + i - Locator64Size)
                : (count, start, size);
        }
        throw Damaged("it has no directory at its end");
    }

    private (long Count, long Start, long Size) FindDirectory64(long position)
    {
        byte[] locator = new byte[Locator64Size], end = new byte[End64Size];
        if (position >= 0)
            file.Read(position, locator);
        long at = I64(locator, 8);
        if (U32(locator, 0) != Locator64Magic || at < 0 || at > position - End64Size)
            throw Damaged("its 64-bit directory is not where it should be");
        file.Read(at, end);
        return U32(end, 0) == End64Magic ? (I64(end, 32), I64(end, 48), I64(end, 40)) : throw Damaged("its 64-bit directory has another mark");
    }

    private void ReadEntry(ref ReadOnlySpan<byte> rest, long directoryStart)
    {
        if (rest.Length < CentralSize || U32(rest, 0) != CentralMagic)
            throw Damaged("its directory ends early");
        int flags = U16(rest, 8), method = U16(rest, 10), nameLength = U16(rest, 28), extraLength = U16(rest, 30);
        long packed = U32(rest, 20), length = U32(rest, 24), local = U32(rest, 42);
        int all = CentralSize + nameLength + extraLength + U16(rest, 32);
        if (rest.Length < all)
            throw Damaged("its directory ends early");
        ReadOnlySpan<byte> nameBytes = rest.Slice(CentralSize, nameLength);
        string name = Encoding.UTF8.GetString(nameBytes);
        Sizes64(rest.Slice(CentralSize + nameLength, extraLength), ref length, ref packed, ref local);
        uint crc = U32(rest, 16);
        if (name.Length > TensorFile.MaxName || name.StartsWith('/') || name.Contains('\\') || name.Contains(':') || name.Split('/').Contains(".."))
            throw new BadFileException(file.Path,
                $"its zip entry '{name[..Math.Min(name.Length, 80)]}' names no place inside it; the file was made to mislead");
        if ((flags & 1) != 0)
            throw new BadFileException(file.Path, $"its zip entry '{name}' is encrypted; save it without a password");
        if (method is not (0 or 8) || (method == 0 && packed != length))
            throw new BadFileException(file.Path, $"its zip entry '{name}' is packed by method {method}; save it stored or deflated");
        if (length / MostInflated > packed)
            throw new BadFileException(file.Path, $"its zip entry '{name}' cannot have {length} bytes in {packed}; "
                + $"the file was made to mislead");
        if (local < 0 || packed < 0 || length < 0 || local > directoryStart - LocalSize - nameLength)
            throw Damaged($"'{name}' lies outside it");
        byte[] header = new byte[LocalSize + nameLength];
        file.Read(local, header);
        long data = local + header.Length + U16(header, 28);
        if (U32(header, 0) != LocalMagic || U16(header, 26) != nameLength || !header.AsSpan(LocalSize).SequenceEqual(nameBytes) || data > directoryStart || packed > directoryStart - data)
            throw Damaged($"'{name}' is not where the directory says");
        byte[] extra = new byte[U16(header, 28)];
        file.Read(local + header.Length, extra);
        if (!Agrees(header, extra, method, crc, packed, length))
            throw Damaged($"'{name}' has another size, packing or checksum where it lies than in the directory");
        runs.Add((local, data + packed, name));
        var source = new ZipEntryBytes(file, name, data, packed, length, deflated: method != 0, crc);
        if (!name.EndsWith('/') && !entries.TryAdd(name, source))
            throw Damaged($"'{name}' stands there twice");
        rest = rest[all..];
    }

    /// <summary>
    /// Whether an entry's own header says what the directory says. Where bit 3 is set, the sizes and the checksum were not
    /// known yet when it was written.
    /// </summary>
    private bool Agrees(ReadOnlySpan<byte> header, ReadOnlySpan<byte> extra, int method, uint crc, long packed, long length)
    {
        (long ownPacked, long ownLength, long none) = (U32(header, 18), U32(header, 22), 0);
        Sizes64(extra, ref ownLength, ref ownPacked, ref none);
        bool isOpen = (U16(header, 6) & 8) != 0;
        return U16(header, 8) == method && (U16(header, 6) & 1) == 0
            && (isOpen || (U32(header, 14) == crc && ownPacked == packed && ownLength == length));
    }

    /// <summary>Where a size does not fit 32 bits, the extra field 1 has it, in this order.</summary>
    private void Sizes64(ReadOnlySpan<byte> extra, ref long length, ref long packed, ref long local)
    {
        while (extra.Length >= 4)
        {
            int size = U16(extra, 2);
            if (size > extra.Length - 4)
                throw Damaged("an extra field leaves its entry");
            ReadOnlySpan<byte> field = extra.Slice(4, size);
            if (U16(extra, 0) == 1)
            {
                Take(ref field, ref length);
                Take(ref field, ref packed);
                Take(ref field, ref local);
            }
            extra = extra[(4 + size)..];
        }
    }

    private void Take(ref ReadOnlySpan<byte> field, ref long value)
    {
        if (value != uint.MaxValue)
            return;
        if (field.Length < 8)
            throw Damaged("a 64-bit size is missing");
        value = I64(field, 0);
        field = field[8..];
    }

    private BadFileException Damaged(string what) => new(file.Path, $"its zip is damaged: {what}; was the copy cut short?");

    private static int U16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    private static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    private static long I64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadInt64LittleEndian(bytes[at..]);
}
