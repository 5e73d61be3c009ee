namespace JepaEngine.Tests.IO;

/// <summary>
/// A damaged copy of a valid file; the seed decides it. One to four of: bits flipped, the end cut off or bytes appended, a range overwritten by another or
/// by one of a second file, a range removed or doubled, a number of 1 to 8 bytes replaced by one that lengths, offsets and counts are attacked with.
/// </summary>
internal sealed class Mutation(int seed)
{
    private static readonly long[] Numbers =
        [0, 1, -1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 1 << 24, int.MaxValue, int.MinValue, uint.MaxValue, 1L << 32, 1L << 40, long.MaxValue, long.MinValue];

    private readonly Random random = new(seed);

    /// <summary>How many cases a fuzzer is to try: JEPA_FUZZ_CASES, or what it finds enough on every run.</summary>
    public static int Cases(int enough) => int.TryParse(Environment.GetEnvironmentVariable("JEPA_FUZZ_CASES"), out int cases) ? cases : enough;

    public byte[] Apply(byte[] file, byte[] other)
    {
        List<byte> bytes = [.. file];
        for (int left = random.Next(1, 5); left > 0 && bytes.Count > 0; left--)
            Once(bytes, other);
        return [.. bytes];
    }

    private void Once(List<byte> bytes, byte[] other)
    {
        int at = random.Next(bytes.Count), length = random.Next(1, Math.Min(bytes.Count - at, 64) + 1);
        switch (random.Next(8))
        {
            case 0 or 1:
                bytes[at] ^= (byte)(1 << random.Next(8));
                break;
            case 2:
                bytes.RemoveRange(at, random.Next(4) == 0 ? bytes.Count - at : length);
                break;
            case 3:
                bytes.InsertRange(at, bytes.GetRange(at, length));
                break;
            case 4:
                Overwrite(bytes, random.Next(bytes.Count), bytes.GetRange(at, length).ToArray());
                break;
            case 5:
                int from = random.Next(other.Length);
                Overwrite(bytes, at, other[from..Math.Min(from + length, other.Length)]);
                break;
            case 6:
                bytes.AddRange(new byte[length]);
                break;
            default:
                long number = random.Next(3) == 0 ? bytes.Count + random.Next(-9, 10) : Numbers[random.Next(Numbers.Length)];
                Overwrite(bytes, at, BitConverter.GetBytes(number)[..(1 << random.Next(4))]);
                break;
        }
    }

    private static void Overwrite(List<byte> bytes, int at, byte[] with)
    {
        for (int i = 0; i < with.Length && at + i < bytes.Count; i++)
            bytes[at + i] = with[i];
    }
}
