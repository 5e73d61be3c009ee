using System.Buffers.Binary;
using System.Text.Json;
using JepaEngine.Tensors;

namespace JepaEngine.IO;

/// <summary>Writes safetensors files, whole or not at all.</summary>
public static class Safetensors
{
    /// <summary>The size above which transformers cuts a model: 5 GB.</summary>
    public const long ShardSize = 5_000_000_000;

    /// <summary>
    /// Writes tensors under their names. Those of larger elements come first, so that each lies aligned and can be loaded without a copy.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="tensors">Names and tensors.</param>
    /// <param name="metadata">Notes in the header; transformers wants "format" to be "pt".</param>
    /// <param name="floats">The type floats are written in; by default each in its own, but F64 in F32. Integers and pixels keep theirs.</param>
    /// <exception cref="ArgumentException"><paramref name="floats"/> is no float type, or a name is there twice.</exception>
    /// <exception cref="NumericException">A finite number would be infinite in the type it is written in.</exception>
    /// <exception cref="IOException">The file cannot be written; an earlier one is intact.</exception>
    public static void Write(string path, IReadOnlyList<(string Name, Tensor Tensor)> tensors, IReadOnlyDictionary<string, string>? metadata = null,
        DType? floats = null) => AtomicFile.Write(path, stream => Write(stream, tensors, metadata, floats));

    /// <summary>Writes the same into a stream, which stays open.</summary>
    /// <exception cref="ArgumentException">As there.</exception>
    /// <exception cref="NumericException">As there.</exception>
    public static void Write(Stream stream, IReadOnlyList<(string Name, Tensor Tensor)> tensors,
        IReadOnlyDictionary<string, string>? metadata = null, DType? floats = null)
    {
        (string Name, Tensor Tensor)[] ordered = [.. tensors.OrderByDescending(t => Stored(t.Tensor, floats).Size())];
        using MemoryStream header = Header(ordered, metadata, floats);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
        stream.Write(length);
        header.WriteTo(stream);
        foreach ((string name, Tensor tensor) in ordered)
            TensorBytes.Write(stream, name, tensor, Stored(tensor, floats));
    }

    /// <summary>
    /// Writes a model's tensors as transformers does: to model.safetensors or, where that would be too large, to model-00001-of-0000N.safetensors and so
    /// on with model.safetensors.index.json. A model that lay there is replaced in one step: killed at any moment, the folder holds it or the new one.
    /// </summary>
    /// <param name="folder">Where to; made where there is none. Shards of earlier models are removed from it.</param>
    /// <param name="tensors">Names and tensors.</param>
    /// <param name="floats">The type floats are written in; by default each in its own, but F64 in F32.</param>
    /// <param name="shardSize">The most bytes of tensors in one file; a larger tensor has a file of its own.</param>
    /// <param name="metadata">Notes in each file's header besides transformers' own.</param>
    /// <exception cref="ArgumentException">As there.</exception>
    /// <exception cref="NumericException">As there.</exception>
    /// <exception cref="IOException">A file cannot be written; earlier ones are intact.</exception>
    public static void WriteFolder(string folder, IReadOnlyList<(string Name, Tensor Tensor)> tensors, DType? floats = null, long shardSize = ShardSize,
        IReadOnlyDictionary<string, string>? metadata = null)
    {
        var notes = new Dictionary<string, string>(metadata ?? new Dictionary<string, string>()) { ["format"] = "pt" };
        SafetensorsFolder.Write(folder, Cut(tensors, floats, shardSize), notes, floats);
    }

    private static MemoryStream Header((string Name, Tensor Tensor)[] tensors, IReadOnlyDictionary<string, string>? metadata, DType? floats)
    {
        var buffer = new MemoryStream();
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
            var names = new HashSet<string>();
            foreach ((string name, Tensor tensor) in tensors)
            {
                if (!names.Add(name))
                    throw new ArgumentException($"'{name}' is there twice", nameof(tensors));
                json.WriteStartObject(name);
                json.WriteString("dtype", Stored(tensor, floats).ToString());
                json.WriteStartArray("shape");
                foreach (int dimension in tensor.Shape)
                    json.WriteNumberValue(dimension);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += Bytes(tensor, floats));
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        // Spaces pad the header so that the data starts at a multiple of 8.
        while (buffer.Length % 8 != 0)
            buffer.WriteByte((byte)' ');
        return buffer;
    }

    private static List<List<(string Name, Tensor Tensor)>> Cut(IReadOnlyList<(string Name, Tensor Tensor)> tensors, DType? floats, long most)
    {
        List<List<(string, Tensor)>> shards = [[]];
        long used = 0;
        foreach ((string name, Tensor tensor) in tensors)
        {
            long bytes = Bytes(tensor, floats);
            if (used + bytes > most && shards[^1].Count > 0)
            {
                shards.Add([]);
                used = 0;
            }
            shards[^1].Add((name, tensor));
            used += bytes;
        }
        return shards;
    }

    internal static long Bytes(Tensor tensor, DType? floats) => tensor.Shape.Count * Stored(tensor, floats).Size();

    private static DType Stored(Tensor tensor, DType? floats)
    {
        if (floats is { } type && !type.IsFloat())
            throw new ArgumentException($"{type} is no float type; use F32, BF16, F16 or F64", nameof(floats));
        return !tensor.DType.IsFloat() ? tensor.DType : floats ?? (tensor.DType == DType.F64 ? DType.F32 : tensor.DType);
    }
}
