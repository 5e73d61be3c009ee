using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace JepaEngine.Tests.IO;

/// <summary>Writes pickles as <c>torch.save</c> does, and what it never would.</summary>
internal sealed class PickleBytes
{
    private readonly List<byte> code = [0x80, 2];

    public byte[] Ended => [.. code, (byte)'.'];

    public PickleBytes Op(params ReadOnlySpan<byte> operation)
    {
        code.AddRange(operation);
        return this;
    }

    public PickleBytes Op(string letters) => Op(Encoding.ASCII.GetBytes(letters));

    public PickleBytes Text(string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text), length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, utf8.Length);
        return Op("X").Op(length).Op(utf8);
    }

    public PickleBytes Number(long value)
    {
        byte[] number = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(number, value);
        return Op(0x8A, 8).Op(number);
    }

    public PickleBytes Global(string module, string name) => Op($"c{module}\n{name}\n");

    public PickleBytes Tuple(params ReadOnlySpan<long> numbers)
    {
        Op("(");
        foreach (long number in numbers)
            Number(number);
        return Op("t");
    }

    /// <summary>A tensor over the storage "0" of F32.</summary>
    public PickleBytes Tensor(long stored, long offset, long[] shape, long[] strides) => Global("torch._utils", "_rebuild_tensor_v2").Op("((")
        .Text("storage").Global("torch", "FloatStorage").Text("0").Text("cpu").Number(stored).Op("tQ").Number(offset).Tuple(shape).Tuple(strides)
        .Op(0x89).Global("collections", "OrderedDict").Op(")RtR");

    /// <summary>A zip file of this pickle, with <paramref name="elements"/> floats 0, 1, 2... in storage "0".</summary>
    public byte[] Zip(int elements = 0, CompressionLevel level = CompressionLevel.NoCompression)
    {
        byte[] storage = new byte[4 * elements];
        for (int i = 0; i < elements; i++)
            BinaryPrimitives.WriteSingleLittleEndian(storage.AsSpan(4 * i), i);
        return Zip(level, ("archive/data.pkl", Ended), ("archive/data/0", storage));
    }

    public static byte[] Zip(CompressionLevel level, params ReadOnlySpan<(string Name, byte[] Content)> entries)
    {
        var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
            foreach ((string name, byte[] content) in entries)
                using (Stream entry = zip.CreateEntry(name, level).Open())
                    entry.Write(content);
        return stream.ToArray();
    }
}
