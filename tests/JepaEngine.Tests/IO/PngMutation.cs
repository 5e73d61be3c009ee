using System.Buffers.Binary;
using System.Text;
using JepaEngine.IO;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.IO;

/// <summary>Changed copies of a PNG file. Most keep the checksums right, so that a reader gets past them; the pixels are changed packed and unpacked.</summary>
internal sealed class PngMutation
{
    private readonly List<(string Type, byte[] Data)> chunks = [];
    private readonly PhiloxRandom random;

    public PngMutation(byte[] file, int seed)
    {
        random = new PhiloxRandom((ulong)seed);
        for (int at = Png.Signature.Length; at < file.Length;)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(at));
            chunks.Add((Encoding.ASCII.GetString(file, at + 4, 4), file[(at + 8)..(at + 8 + length)]));
            at += 12 + length;
        }
    }

    public byte[] Next()
    {
        List<(string Type, byte[] Data)> changed = [.. chunks.Select(chunk => (chunk.Type, chunk.Data.ToArray()))];
        for (int i = 0; i <= random.NextInt(3); i++)
            Change(changed);
        byte[] file = [.. Png.Signature, .. changed.SelectMany(chunk => PngReaderTests.Chunk(chunk.Type, chunk.Data))];
        if (random.NextInt(8) == 0)
            file = file[..random.NextInt(file.Length)];
        if (random.NextInt(8) == 0 && file.Length > 0)
            file[random.NextInt(file.Length)] = (byte)random.NextInt(256);
        return file;
    }

    private void Change(List<(string Type, byte[] Data)> changed)
    {
        int at = random.NextInt(changed.Count);
        (string type, byte[] data) = changed[at];
        switch (random.NextInt(5))
        {
            case 0:
                changed.RemoveAt(at);
                if (changed.Count == 0)
                    changed.Add((type, data));
                break;
            case 1:
                changed.Insert(random.NextInt(changed.Count + 1), (type, data));
                break;
            case 2:
                changed[at] = (type, data[..random.NextInt(data.Length + 1)]);
                break;
            default:
                if (data.Length > 0)
                    data[random.NextInt(data.Length)] = random.NextInt(2) == 0 ? (byte)random.NextInt(256) : (byte)(1 << random.NextInt(8));
                break;
        }
    }
}
