using JepaEngine.IO;
using JepaEngine.Jepa.Data;
using JepaEngine.Jepa.Environments;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.Data;

public sealed class EpisodeFileTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("jepa-episodes-").FullName;

    private string FilePath => Path.Combine(folder, "episodes.jepa");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData(0, 0)]
    [InlineData(3, 5)]
    public void Episodes_come_back_as_written(int height, int width)
    {
        var format = new EpisodeFormat("wörld", 3, 2, height, width);
        int[] lengths = [4, 0, 7];
        using (var writer = new EpisodeFileWriter(FilePath, format))
        {
            foreach (int steps in lengths)
                writer.Add(Floats((steps + 1) * 3, steps), Floats(steps * 2, -steps), Bytes((steps + 1) * height * width * 3, steps));
            writer.Complete();
        }
        using var file = EpisodeFile.Open(FilePath);
        Assert.Equal(format, file.Format);
        Assert.Equal(lengths.Length, file.Count);
        for (int i = 0; i < lengths.Length; i++)
        {
            int steps = lengths[i];
            Assert.Equal(steps, file.Steps(i));
            Assert.Equal(Floats((steps + 1) * 3, steps), file.States(i).ToArray());
            Assert.Equal(Floats(steps * 2, -steps), file.Actions(i).ToArray());
            if (!format.HasFrames)
                continue;
            byte[] frames = Bytes((steps + 1) * 45, steps);
            for (int t = 0; t <= steps; t++)
                Assert.Equal(frames[(t * 45)..((t + 1) * 45)], file.Frame(i, t).ToArray());
        }
    }

    [Fact]
    public void Non_finite_numbers_are_kept()
    {
        float[] states = [float.NaN, float.PositiveInfinity, 1, 2];
        using (var writer = new EpisodeFileWriter(FilePath, new EpisodeFormat("x", 2, 1)))
        {
            writer.Add(states, [float.NegativeInfinity]);
            writer.Complete();
        }
        using var file = EpisodeFile.Open(FilePath);
        Assert.Equal(states, file.States(0).ToArray());
        Assert.Equal([float.NegativeInfinity], file.Actions(0).ToArray());
    }

    [Fact]
    public void A_writer_that_fails_leaves_the_earlier_file_and_nothing_else()
    {
        WriteSmall(FilePath);
        byte[] before = File.ReadAllBytes(FilePath);
        Assert.Throws<ArgumentException>(() =>
        {
            using var writer = new EpisodeFileWriter(FilePath, new EpisodeFormat("x", 2, 1));
            writer.Add([1, 2, 3, 4], [1]);
            writer.Add([1, 2, 3], [1]);
            writer.Complete();
        });
        Assert.Equal(before, File.ReadAllBytes(FilePath));
        Assert.Single(Directory.GetFiles(folder));
    }

    [Fact]
    public void A_new_file_replaces_the_earlier_one_only_when_complete()
    {
        WriteSmall(FilePath);
        byte[] before = File.ReadAllBytes(FilePath);
        using (var writer = new EpisodeFileWriter(FilePath, new EpisodeFormat("other", 1, 1)))
        {
            writer.Add([1], []);
            Assert.Equal(before, File.ReadAllBytes(FilePath));
            writer.Complete();
        }
        using var file = EpisodeFile.Open(FilePath);
        Assert.Equal("other", file.Format.Environment);
        Assert.Single(Directory.GetFiles(folder));
    }

    [Fact]
    public void Every_truncation_and_extension_is_refused()
    {
        WriteSmall(FilePath);
        byte[] whole = File.ReadAllBytes(FilePath);
        for (int length = 0; length < whole.Length; length++)
            AssertRefused(whole[..length], $"cut to {length} bytes");
        AssertRefused([.. whole, 0], "a byte more");
    }

    [Fact]
    public void Every_bit_flip_in_header_and_table_is_refused()
    {
        WriteSmall(FilePath);
        byte[] whole = File.ReadAllBytes(FilePath);
        // Two episodes: the table is the last 8 bytes.
        foreach (int at in Enumerable.Range(0, EpisodeHeader.Bytes).Concat(Enumerable.Range(whole.Length - 8, 8)))
        {
            for (int bit = 0; bit < 8; bit++)
            {
                byte[] flipped = [.. whole];
                flipped[at] ^= (byte)(1 << bit);
                AssertRefused(flipped, $"bit {bit} of byte {at}");
            }
        }
    }

    [Theory]
    [InlineData(12, int.MaxValue)]
    [InlineData(12, 0)]
    [InlineData(12, -1)]
    [InlineData(16, 1 << 20)]
    [InlineData(16, int.MinValue)]
    [InlineData(20, 16384)]
    [InlineData(24, -5)]
    [InlineData(32, 3)]
    [InlineData(32, int.MaxValue)]
    [InlineData(36, -1)]
    [InlineData(-8, int.MaxValue)]
    [InlineData(-4, -1)]
    [InlineData(-4, 0)]
    public void Impossible_counts_are_refused_even_with_a_right_checksum(int at, int value)
    {
        WriteSmall(FilePath);
        byte[] bytes = File.ReadAllBytes(FilePath);
        int place = at < 0 ? bytes.Length + at : at;
        BitConverter.TryWriteBytes(bytes.AsSpan(place), value);
        int table = (int)Math.Clamp(BitConverter.ToInt64(bytes, 32) * 4, 0, bytes.Length - EpisodeHeader.Bytes);
        ulong checksum = EpisodeHeader.ChecksumOf(bytes.AsSpan(0, EpisodeHeader.Bytes), bytes.AsSpan(bytes.Length - table));
        BitConverter.TryWriteBytes(bytes.AsSpan(48), checksum);
        AssertRefused(bytes, $"{value} at {at}");
    }

    [Fact]
    public void Messages_are_one_line_and_name_the_file()
    {
        foreach (byte[] content in new byte[][] { [], [1, 2, 3], "JEPAEPIS"u8.ToArray(), new byte[200] })
        {
            File.WriteAllBytes(FilePath, content);
            string message = Assert.Throws<BadFileException>(() => EpisodeFile.Open(FilePath)).Message;
            Assert.StartsWith(FilePath + ":", message);
            Assert.DoesNotContain('\n', message);
        }
        Assert.Throws<BadFileException>(() => EpisodeFile.Open(Path.Combine(folder, "missing")));
        Assert.Throws<BadFileException>(() => EpisodeFile.Open(folder));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_file_that_is_cut_while_it_is_used_never_ends_the_process(bool large)
    {
        var format = new EpisodeFormat("x", 2, 1, 256, 256);
        using (var writer = new EpisodeFileWriter(FilePath, format))
        {
            for (int i = 0; i < (large ? 100 : 1); i++)
                writer.Add(Floats(4, i), Floats(1, i), Bytes(2 * 256 * 256 * 3, i));
            writer.Complete();
        }
        using var file = EpisodeFile.Open(FilePath);
        var sampler = new WindowSampler(file, environment: null, frames: 2, skip: 1);
        byte[] before = new byte[2 * sampler.FrameBytes], after = new byte[before.Length];
        sampler.Sample(new PhiloxKey(1), 1, before, []);
        using (var cut = new FileStream(FilePath, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            cut.SetLength(1000);
        if (large)
        {
            Assert.Contains("written to while it was in use",
                Assert.Throws<BadFileException>(() => sampler.Sample(new PhiloxKey(1), 1, after, [])).Message);
            return;
        }
        sampler.Sample(new PhiloxKey(1), 1, after, []);
        Assert.Equal(before, after);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(100)]
    public void A_file_that_is_closed_while_it_is_sampled_gives_right_frames_or_says_so(int episodes)
    {
        var format = new EpisodeFormat("x", 2, 1, 256, 256);
        using (var writer = new EpisodeFileWriter(FilePath, format))
        {
            for (int i = 0; i < episodes; i++)
                writer.Add(Floats(4, i), Floats(1, i), Bytes(2 * 256 * 256 * 3, i));
            writer.Complete();
        }
        byte[] expected = new byte[2 * 256 * 256 * 3];
        for (int round = 0; round < 50; round++)
        {
            using var file = EpisodeFile.Open(FilePath);
            var sampler = new WindowSampler(file, environment: null, frames: 2, skip: 1);
            sampler.Sample(new PhiloxKey(1), 1, expected, []);
            Parallel.For(0, 8, i =>
            {
                if (i == 4)
                    file.Dispose();
                byte[] frames = new byte[expected.Length];
                try
                {
                    sampler.Sample(new PhiloxKey(1), 1, frames, []);
                    Assert.Equal(expected, frames);
                }
                catch (ObjectDisposedException)
                {
                    // As documented.
                }
            });
        }
    }

    [Fact]
    public void A_closed_file_says_so()
    {
        WriteSmall(FilePath);
        var file = EpisodeFile.Open(FilePath);
        file.Dispose();
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => file.States(0).Length);
    }

    [Fact]
    public void Recording_repeats_and_an_episode_does_not_depend_on_the_others()
    {
        string many = Path.Combine(folder, "many"), few = Path.Combine(folder, "few");
        var room = new TwoRoom(56);
        foreach ((string path, int episodes) in new[] { (many, 20), (few, 5) })
        {
            using var writer = new EpisodeFileWriter(path, new EpisodeFormat(room.Name, 2, 2, 56, 56));
            EpisodeRecorder.Record(writer, room, random => new HeldRandomPolicy(room, random), episodes, 30, new PhiloxKey(1));
            writer.Complete();
        }
        using EpisodeFile a = EpisodeFile.Open(many), b = EpisodeFile.Open(few);
        byte[] frame = new byte[56 * 56 * 3];
        for (int i = 0; i < 5; i++)
        {
            Assert.Equal(a.States(i).ToArray(), b.States(i).ToArray());
            // Replaying the actions gives the states and frames.
            room.SetState(b.States(i)[..2]);
            for (int t = 0; t < 30; t++)
            {
                Assert.Equal(b.States(i).Slice(2 * t, 2).ToArray(), room.State.ToArray());
                room.Render(frame);
                Assert.Equal(frame, b.Frame(i, t).ToArray());
                room.Step(b.Actions(i).Slice(2 * t, 2));
            }
        }
    }

    private static void WriteSmall(string path)
    {
        using var writer = new EpisodeFileWriter(path, new EpisodeFormat("two-room", 2, 1));
        writer.Add([1, 2, 3, 4, 5, 6], [7, 8]);
        writer.Add([1, 2, 3, 4], [5]);
        writer.Complete();
    }

    private void AssertRefused(byte[] bytes, string what)
    {
        string path = Path.Combine(folder, "bad");
        File.WriteAllBytes(path, bytes);
        var thrown = Record.Exception(() => EpisodeFile.Open(path).Dispose());
        Assert.True(thrown is BadFileException, $"{what}: {thrown?.GetType().Name ?? "accepted"}");
    }

    private static float[] Floats(int count, int from) => [.. Enumerable.Range(from, count).Select(i => i * .25f)];

    private static byte[] Bytes(int count, int from) => [.. Enumerable.Range(from, count).Select(i => (byte)(i * 7))];
}
