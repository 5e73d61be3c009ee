using System.Buffers.Binary;
using System.Text.Json;

namespace JepaEngine.IO;

/// <summary>Reads a safetensors file: 8 bytes of header length, a JSON header, then the tensors' bytes, end to end.</summary>
public sealed class SafetensorsFile : TensorFile
{
    /// <summary>The format's own limit on a header.</summary>
    private const long MaxHeader = 100_000_000;

    /// <summary>The header, a tensor's description, its list of numbers.</summary>
    private const int MaxDepth = 3;

    /// <summary>Opens and checks a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="mapped">Whether <see cref="TensorFile.Load"/> may map it.</param>
    /// <exception cref="BadFileException">It is missing, truncated or no safetensors file.</exception>
    public SafetensorsFile(string path, bool mapped = true) : this(new FileBytes(path, mapped)) { }

    internal SafetensorsFile(FileBytes file) : base(file)
    {
        try
        {
            if (file.Length < 8)
                throw new BadFileException(Path, $"{file.Length} bytes are too few for a safetensors file; was the copy cut short?");
            Span<byte> prefix = stackalloc byte[8];
            file.Read(0, prefix);
            ulong header = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
            if (header > MaxHeader || 8 + (long)header > file.Length)
                throw new BadFileException(Path, $"the header claims {header} bytes of a file of {file.Length}; it is truncated or no safetensors file");
            ReadHeader(file, (long)header);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override string Format => "safetensors";

    private void ReadHeader(FileBytes file, long length)
    {
        var data = new StoredBytes(file, 8 + length, file.Length - 8 - length);
        var header = new JsonTokens(file, 8, length, MaxDepth);
        header.Expect(JsonTokenType.StartObject, "a header that starts with {");
        while (header.Next() && header.Kind == JsonTokenType.PropertyName)
            if (header.Text == "__metadata__")
                ReadMetadata(header);
            else
                Add(ReadEntry(header, header.Text, data));
        // A second value after the header's end is a JSON error.
        header.Next();
        CheckCover(data.Length);
    }

    private void ReadMetadata(JsonTokens header)
    {
        header.Expect(JsonTokenType.StartObject, "the { of __metadata__");
        while (header.Next() && header.Kind == JsonTokenType.PropertyName)
        {
            string key = header.Text;
            header.Expect(JsonTokenType.String, $"the text of the metadata '{key}'");
            AddMetadata(key, header.Text);
        }
    }

    private TensorEntry ReadEntry(JsonTokens header, string name, ByteSource data)
    {
        // A name may be a megabyte; Add refuses it, and no message repeats it.
        string who = name.Length > MaxName ? "a tensor" : $"'{name}'";
        string? dtype = null;
        List<long>? shape = null, offsets = null;
        header.Expect(JsonTokenType.StartObject, $"the {{ of {who}");
        while (header.Next() && header.Kind == JsonTokenType.PropertyName)
        {
            switch (header.Text)
            {
                case "dtype" when dtype is null:
                    header.Expect(JsonTokenType.String, $"the dtype of {who}");
                    dtype = header.Text;
                    break;
                case "shape" when shape is null:
                    shape = ReadNumbers(header, $"the shape of {who}", Shape.MaxRank);
                    break;
                case "data_offsets" when offsets is null:
                    offsets = ReadNumbers(header, $"the data_offsets of {who}", 2);
                    break;
                default:
                    throw new BadFileException(Path, $"{who} has a key that is unknown or stands there twice: '{header.Text}'; the file is damaged");
            }
        }
        if (dtype is null || shape is null || offsets is not { Count: 2 })
            throw header.Wrong($"the dtype, shape or data_offsets of {who}");
        return Check(name, who, dtype, shape, offsets[0], offsets[1], data);
    }

    private TensorEntry Check(string name, string who, string dtype, List<long> lengths, long start, long end, ByteSource data)
    {
        (DType type, int size) = dtype switch
        {
            "F64" => (DType.F64, 8),
            "F32" => (DType.F32, 4),
            "F16" => (DType.F16, 2),
            "BF16" => (DType.BF16, 2),
            "I64" => (DType.I64, 8),
            "I32" => (DType.I32, 4),
            "I16" => (DType.I32, 2),
            "I8" => (DType.I32, 1),
            "U8" or "BOOL" => (DType.U8, 1),
            _ => throw new BadFileException(Path, $"{who} holds {dtype}; known are F64, F32, F16, BF16, I64, I32, I16, I8, U8 and BOOL"),
        };
        Shape shape = Dimensions.Check(Path, who, lengths);
        long bytes = shape.Count * size;
        if (start < 0 || end < start || bytes != end - start)
            throw new BadFileException(Path, $"{who} {shape} needs {bytes} bytes, but claims {start}..{end}; the file is damaged");
        return new TensorEntry(name, type, shape, new Place(data, start, new Layout(shape), size));
    }

    private static List<long> ReadNumbers(JsonTokens header, string what, int most)
    {
        List<long> numbers = [];
        header.Expect(JsonTokenType.StartArray, what);
        while (header.Next() && header.Kind != JsonTokenType.EndArray)
        {
            if (numbers.Count == most || header.Whole is not { } number)
                throw header.Wrong($"{what} as at most {most} whole numbers");
            numbers.Add(number);
        }
        return numbers;
    }

    /// <summary>The format's rule: the tensors lie end to end and fill the file.</summary>
    private void CheckCover(long dataLength)
    {
        long end = 0;
        string before = "";
        foreach (TensorEntry entry in Entries.Values.OrderBy(e => e.Place.Start).ThenBy(e => e.Shape.Count))
        {
            if (entry.Place.Start < end)
                throw new BadFileException(Path, $"'{entry.Name}' starts at byte {entry.Place.Start}, inside '{before}'; the file is damaged");
            if (entry.Place.Start > end)
                throw new BadFileException(Path, $"'{entry.Name}' starts at byte {entry.Place.Start} instead of {end}; the file is damaged");
            end += entry.Shape.Count * entry.Place.ElementSize;
            before = entry.Name;
        }
        if (end != dataLength)
            throw new BadFileException(Path, $"its tensors need {end} bytes, it has {dataLength}; the copy was cut short or something was appended");
    }
}
