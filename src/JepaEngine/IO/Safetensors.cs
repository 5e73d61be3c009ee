using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using JepaEngine.Memory;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.IO;

/// <summary>A tensor in a safetensors file.</summary>
/// <param name="Name">Its name.</param>
/// <param name="DType">Type of an element.</param>
/// <param name="Shape">Its lengths.</param>
/// <param name="Start">First byte, counted from the end of the header.</param>
/// <param name="Length">Number of bytes.</param>
public sealed record SafetensorsEntry(string Name, DType DType, Shape Shape, long Start, long Length);

/// <summary>
/// Reads a safetensors file: 8 bytes of header length, a JSON header, then the tensors' bytes. The file is memory-mapped, and everything the header
/// claims is checked against the file's length before a byte is used.
/// </summary>
public sealed unsafe class SafetensorsFile : IDisposable
{
    /// <summary>The format's own limit on a header.</summary>
    private const long MaxHeader = 100_000_000;

    private readonly MemoryMappedFile file;
    private readonly MemoryMappedViewAccessor view;
    private readonly byte* data;
    private readonly Dictionary<string, SafetensorsEntry> entries = [];
    private readonly Dictionary<string, string> metadata = [];

    /// <summary>Opens and checks a file.</summary>
    /// <exception cref="BadFileException">It is missing, truncated or no safetensors file.</exception>
    public SafetensorsFile(string path)
    {
        Path = path;
        long length = Readable(path, () => new FileInfo(path).Length);
        if (length < 8)
            throw new BadFileException(path, $"{length} bytes are too few for a safetensors file; was the copy cut short?");
        file = Readable(path, () => MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.Read));
        view = file.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref data);
        try
        {
            ulong header = BinaryPrimitives.ReadUInt64LittleEndian(new ReadOnlySpan<byte>(data, 8));
            if (header > MaxHeader || 8 + (long)header > length)
                throw new BadFileException(path, $"the header claims {header} bytes of a file of {length}; it is truncated or no safetensors file");
            data += 8;
            ReadHeader(new ReadOnlySpan<byte>(data, (int)header), length - 8 - (long)header);
            data += header;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The tensors by name.</summary>
    public IReadOnlyDictionary<string, SafetensorsEntry> Entries => entries;

    /// <summary>The free text entries of the header.</summary>
    public IReadOnlyDictionary<string, string> Metadata => metadata;

    /// <summary>The bytes of a tensor, straight from the mapped file.</summary>
    /// <exception cref="BadFileException">There is no such tensor.</exception>
    public ReadOnlySpan<byte> Bytes(string name)
    {
        SafetensorsEntry entry = Entry(name);
        return new ReadOnlySpan<byte>(data + entry.Start, checked((int)entry.Length));
    }

    /// <summary>Reads a tensor into a scope, converted to what its device computes in (integers and pixels keep their dtype).</summary>
    /// <exception cref="BadFileException">There is no such tensor.</exception>
    public Tensor Read(string name, TensorScope scope)
    {
        SafetensorsEntry entry = Entry(name);
        return entry.DType switch
        {
            DType.F32 => scope.From(Elements<float>(name), entry.Shape),
            DType.F64 => scope.From(Elements<double>(name), entry.Shape),
            DType.F16 => scope.From(Elements<Half>(name), entry.Shape),
            DType.BF16 => scope.From(Elements<BFloat16>(name), entry.Shape),
            DType.I64 => scope.FromRaw(Elements<long>(name), entry.Shape),
            DType.I32 => scope.FromRaw(Elements<int>(name), entry.Shape),
            _ => scope.FromRaw(Bytes(name), entry.Shape),
        };
    }

    /// <summary>Overwrites a tensor with the file's numbers.</summary>
    /// <exception cref="BadFileException">There is no such tensor, or it has another shape.</exception>
    public void ReadInto(string name, Tensor destination)
    {
        SafetensorsEntry entry = Entry(name);
        if (entry.Shape != destination.Shape)
            throw new BadFileException(Path, $"'{name}' is {entry.Shape}, but {destination.Shape} is needed; the file belongs to a model of another size");
        switch (entry.DType)
        {
            case DType.F32:
                destination.CopyFrom(Elements<float>(name));
                break;
            case DType.F64:
                destination.CopyFrom(Elements<double>(name));
                break;
            case DType.F16:
                destination.CopyFrom(Elements<Half>(name));
                break;
            case DType.BF16:
                destination.CopyFrom(Elements<BFloat16>(name));
                break;
            default:
                throw new BadFileException(Path, $"'{name}' holds {entry.DType}, but numbers of a float type are needed");
        }
    }

    /// <summary>Unmaps the file.</summary>
    public void Dispose()
    {
        if (data is not null)
            view.SafeMemoryMappedViewHandle.ReleasePointer();
        view.Dispose();
        file.Dispose();
    }

    private ReadOnlySpan<T> Elements<T>(string name) where T : unmanaged => MemoryMarshal.Cast<byte, T>(Bytes(name));

    private SafetensorsEntry Entry(string name) => entries.TryGetValue(name, out SafetensorsEntry? entry)
        ? entry
        : throw new BadFileException(Path, $"it has no tensor '{name}'; nearest is '{Nearest.Of(name, entries.Keys)}'");

    private static T Readable<T>(string path, Func<T> open)
    {
        try
        {
            return open();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new BadFileException(path, "it cannot be read: " + error.Message, error);
        }
    }

    private void ReadHeader(ReadOnlySpan<byte> header, long dataLength)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(Encoding.UTF8.GetString(header));
            foreach (JsonProperty property in document.RootElement.EnumerateObject())
            {
                if (property.Name == "__metadata__")
                    foreach (JsonProperty text in property.Value.EnumerateObject())
                        metadata[text.Name] = text.Value.GetString() ?? "";
                else if (!entries.TryAdd(property.Name, ReadEntry(property)))
                    throw new BadFileException(Path, $"'{property.Name}' stands twice in the header");
            }
            CheckCover(dataLength);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException
            or ArgumentException or IndexOutOfRangeException)
        {
            throw new BadFileException(Path, "the header is no safetensors header: " + error.Message.ReplaceLineEndings(" "), error);
        }
    }

    private SafetensorsEntry ReadEntry(JsonProperty property)
    {
        JsonElement value = property.Value;
        int[] dimensions = [.. value.GetProperty("shape").EnumerateArray().Select(d => d.GetInt32())];
        JsonElement offsets = value.GetProperty("data_offsets");
        long start = offsets[0].GetInt64(), end = offsets[1].GetInt64();
        string dtype = value.GetProperty("dtype").GetString() ?? "";
        if (!Enum.TryParse(dtype, out DType type) || type.ToString() != dtype)
            throw new BadFileException(Path, $"'{property.Name}' holds {dtype}; known are F32, F64, BF16, F16, I64, I32 and U8");
        var shape = new Shape(dimensions);
        long bytes = shape.Count * type.Size();
        if (start < 0 || end < start || bytes != end - start)
            throw new BadFileException(Path, $"'{property.Name}' {shape} needs {bytes} bytes, but claims {start}..{end}; the file is damaged");
        return new SafetensorsEntry(property.Name, type, shape, start, end - start);
    }

    /// <summary>The format's rule: the tensors lie end to end and fill the file.</summary>
    private void CheckCover(long dataLength)
    {
        long end = 0;
        foreach (SafetensorsEntry entry in entries.Values.OrderBy(e => e.Start).ThenBy(e => e.Length))
        {
            if (entry.Start != end)
                throw new BadFileException(Path, $"'{entry.Name}' starts at byte {entry.Start} instead of {end}; the file is damaged");
            end += entry.Length;
        }
        if (end != dataLength)
            throw new BadFileException(Path, $"its tensors need {end} bytes, it has {dataLength}; the copy was cut short or something was appended");
    }
}

/// <summary>Writes safetensors files, whole or not at all.</summary>
public static class Safetensors
{
    /// <summary>Writes tensors in F32 (integers and pixels in their own dtype) under their names.</summary>
    /// <exception cref="IOException">The file cannot be written; an earlier one is intact.</exception>
    public static void Write(string path, IReadOnlyList<(string Name, Tensor Tensor)> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                json.WriteStartObject("__metadata__");
                foreach ((string key, string value) in metadata)
                    json.WriteString(key, value);
                json.WriteEndObject();
            }
            long offset = 0;
            foreach ((string name, Tensor tensor) in tensors)
            {
                DType dtype = Stored(tensor);
                json.WriteStartObject(name);
                json.WriteString("dtype", dtype.ToString());
                json.WriteStartArray("shape");
                foreach (int dimension in tensor.Shape)
                    json.WriteNumberValue(dimension);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += tensor.Shape.Count * dtype.Size());
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        // Spaces pad the header so that the data starts at a multiple of 8.
        while (buffer.Length % 8 != 0)
            buffer.WriteByte((byte)' ');
        AtomicFile.Write(path, stream =>
        {
            Span<byte> length = stackalloc byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(length, buffer.Length);
            stream.Write(length);
            buffer.WriteTo(stream);
            foreach ((_, Tensor tensor) in tensors)
                stream.Write(Bytes(tensor));
        });
    }

    private static DType Stored(Tensor tensor) => tensor.DType == DType.F64 ? DType.F32 : tensor.DType;

    private static byte[] Bytes(Tensor tensor) => Stored(tensor) switch
    {
        DType.F32 => MemoryMarshal.AsBytes<float>(tensor.ToArray<float>()).ToArray(),
        DType.BF16 => MemoryMarshal.AsBytes<BFloat16>(tensor.ToArray<BFloat16>()).ToArray(),
        DType.F16 => MemoryMarshal.AsBytes<Half>(tensor.ToArray<Half>()).ToArray(),
        DType.I64 => MemoryMarshal.AsBytes<long>(tensor.ToArray<long>()).ToArray(),
        DType.I32 => MemoryMarshal.AsBytes<int>(tensor.ToArray<int>()).ToArray(),
        _ => tensor.ToArray<byte>(),
    };
}
