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

    /// <summary>Dimensions that a header may claim; tensors of more than the engine's 6 are skipped.</summary>
    private const int MostDimensions = 64;

    private readonly List<(long Start, long End, string Name)> runs = [];

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
                ReadEntry(header, header.Text, data);
        // A second value after the header's end is a JSON error.
        header.Next();
        CheckCover(data.Length);
    }

    private void ReadMetadata(JsonTokens header)
    {
        // Some writers have null where there is none.
        if (!header.Next() || header.Kind is not (JsonTokenType.StartObject or JsonTokenType.Null))
            throw header.Wrong("the { of __metadata__");
        if (header.Kind == JsonTokenType.Null)
            return;
        while (header.Next() && header.Kind == JsonTokenType.PropertyName)
        {
            string key = header.Text;
            header.Expect(JsonTokenType.String, $"the text of the metadata '{key}'");
            AddMetadata(key, header.Text);
        }
    }

    private void ReadEntry(JsonTokens header, string name, ByteSource data)
    {
        // A name may be a megabyte; Add refuses it, and no message repeats it.
        string who = name.Length > MaxName ? "a tensor" : $"'{name}'";
        string? dtype = null;
        List<long>? shape = null, offsets = null;
        header.Expect(JsonTokenType.StartObject, "the { of ", who);
        while (header.Next() && header.Kind == JsonTokenType.PropertyName)
        {
            switch (header.Text)
            {
                case "dtype" when dtype is null:
                    header.Expect(JsonTokenType.String, "the dtype of ", who);
                    dtype = header.Text;
                    break;
                case "shape" when shape is null:
                    shape = ReadNumbers(header, "the shape of ", who, MostDimensions);
                    break;
                case "data_offsets" when offsets is null:
                    offsets = ReadNumbers(header, "the data_offsets of ", who, 2);
                    break;
                default:
                    throw new BadFileException(Path, $"{who} has a key that is unknown or stands there twice: '{header.Text}'; the file is damaged");
            }
        }
        if (dtype is null || shape is null || offsets is not { Count: 2 })
            throw header.Wrong($"the dtype, shape or data_offsets of {who}");
        Add(name, who, dtype, shape, offsets[0], offsets[1], data);
    }

    private void Add(string name, string who, string dtype, List<long> lengths, long start, long end, ByteSource data)
    {
        if (start < 0 || end < start)
            throw new BadFileException(Path, $"{who} claims {start}..{end}; the file is damaged");
        runs.Add((start, end, name));
        (DType Type, int Size)? known = dtype switch
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
            _ => null,
        };
        if (known is not (var type, var size))
        {
            // As U16, F8_E4M3 or C64; another name than types have is damage.
            if (dtype.Length is 0 or > 20 || !char.IsAsciiLetterUpper(dtype[0]) || !dtype.All(letter => char.IsAsciiLetterOrDigit(letter) || letter == '_'))
                throw new BadFileException(Path, $"{who} holds {dtype[..Math.Min(dtype.Length, 40)]}; known are F64, "
                    + $"F32, F16, BF16, I64, I32, I16, I8, U8 and BOOL");
            Skip(name, $"holds {dtype}");
            return;
        }
        if (lengths.Count > Shape.MaxRank)
        {
            Skip(name, $"has {lengths.Count} dimensions");
            return;
        }
        Shape shape = Dimensions.Check(Path, who, lengths);
        long bytes = shape.Count * size;
        if (bytes != end - start)
            throw new BadFileException(Path, $"{who} {shape} needs {bytes} bytes, but claims {start}..{end}; the file is damaged");
        Add(new TensorEntry(name, type, shape, new Place(data, start, new Layout(shape), size)));
    }

    private static List<long> ReadNumbers(JsonTokens header, string what, string who, int most)
    {
        List<long> numbers = [];
        header.Expect(JsonTokenType.StartArray, what, who);
        while (header.Next() && header.Kind != JsonTokenType.EndArray)
        {
            if (numbers.Count == most || header.Whole is not { } number)
                throw header.Wrong($"{what}{who} as at most {most} whole numbers");
            numbers.Add(number);
        }
        return numbers;
    }

    /// <summary>The format's rule: the tensors lie end to end and fill the file.</summary>
    private void CheckCover(long dataLength)
    {
        long end = 0;
        string before = "";
        foreach ((long start, long last, string name) in runs.OrderBy(run => (run.Start, run.End)))
        {
            if (start != end)
                throw new BadFileException(Path, $"'{name}' starts at byte {start}{(start < end ? $", inside '{before}'" : $" instead of {end}")}; the file is damaged");
            (end, before) = (last, name);
        }
        if (end != dataLength)
            throw new BadFileException(Path, $"its tensors need {end} bytes, it has {dataLength}; the copy was cut short or something was appended");
    }
}
