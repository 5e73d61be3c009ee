using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.IO;

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
