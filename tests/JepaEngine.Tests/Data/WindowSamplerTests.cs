using JepaEngine.IO;
using JepaEngine.Jepa.Data;
using JepaEngine.Jepa.Environments;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.Data;

public sealed class WindowSamplerTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("jepa-windows-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Windows_align_states_actions_and_frames()
    {
        const int Windows = 50, Frames = 4, Skip = 5;
        var room = new TwoRoom(56);
        using var file = RecordTwoRoom(room, 0);
        var sampler = new WindowSampler(file, room, Frames, Skip);
        float[] states = new float[Windows * Frames * 2], actions = new float[Windows * (Frames - 1) * Skip * 2];
        byte[] frames = new byte[Windows * Frames * sampler.FrameBytes], frame = new byte[sampler.FrameBytes];
        sampler.Sample(new PhiloxKey(1, 9), Windows, frames, actions, states);
        var world = new TwoRoom(56);
        for (int row = 0; row < Windows * Frames; row++)
        {
            world.SetState(states.AsSpan(row * 2, 2));
            world.Render(frame);
            Assert.Equal(frame, frames[(row * sampler.FrameBytes)..((row + 1) * sampler.FrameBytes)]);
            if (row % Frames == Frames - 1)
                continue;
            // The block's k actions lead from this state to the next one.
            int block = row / Frames * (Frames - 1) + row % Frames;
            for (int k = 0; k < Skip; k++)
                world.Step(actions.AsSpan((block * Skip + k) * 2, 2));
            Assert.Equal(states[((row + 1) * 2)..((row + 2) * 2)], world.State.ToArray());
        }
    }

    [Fact]
    public void The_same_key_draws_the_same_batch_with_frames_stored_or_drawn()
    {
        var room = new TwoRoom(56);
        using EpisodeFile drawn = RecordTwoRoom(room, 0), stored = RecordTwoRoom(room, 56);
        PhiloxKey key = new(1, 2), otherKey = new(1, 3);
        byte[][] batches =
        [
            Batch(new WindowSampler(drawn, room, 3, 4), key), Batch(new WindowSampler(drawn, room, 3, 4), key),
            Batch(new WindowSampler(stored, null, 3, 4), key), Batch(new WindowSampler(drawn, room, 3, 4), otherKey),
        ];
        Assert.Equal(batches[0], batches[1]);
        Assert.Equal(batches[0], batches[2]);
        Assert.NotEqual(batches[0], batches[3]);
    }

    [Fact]
    public void Every_window_is_equally_likely_and_none_leaves_its_episode()
    {
        // Episodes of 3, 1, 2 and 5 steps and windows of 2 steps: 2 + 0 + 1 + 4 of them. States name episode and step.
        int[] lengths = [3, 1, 2, 5];
        string path = Path.Combine(folder, "numbered");
        using (var writer = new EpisodeFileWriter(path, new EpisodeFormat("numbers", 1, 1, 1, 1)))
        {
            for (int i = 0; i < lengths.Length; i++)
            {
                float[] states = [.. Enumerable.Range(0, lengths[i] + 1).Select(t => 10f * i + t)];
                writer.Add(states, states.AsSpan(1), new byte[states.Length * 3]);
            }
            writer.Complete();
        }
        using var file = EpisodeFile.Open(path);
        var sampler = new WindowSampler(file, null, 3, 1);
        Assert.Equal(7, sampler.Windows);
        float[] drawn = new float[7000 * 3], actions = new float[7000 * 2];
        sampler.Sample(new PhiloxKey(4), 7000, default, actions, drawn);
        var counts = new Dictionary<float, int>();
        for (int b = 0; b < 7000; b++)
        {
            float first = drawn[b * 3];
            Assert.Equal([first, first + 1, first + 2], drawn[(b * 3)..(b * 3 + 3)]);
            Assert.Equal([first + 1, first + 2], actions[(b * 2)..(b * 2 + 2)]);
            counts[first] = counts.GetValueOrDefault(first) + 1;
        }
        Assert.Equal([0, 1, 20, 30, 31, 32, 33], counts.Keys.Order());
        Assert.All(counts.Values, count => Assert.InRange(count, 850, 1150)); // 1000 ± 5 standard deviations
    }

    [Fact]
    public void Episodes_that_are_too_short_or_of_another_world_are_refused()
    {
        var room = new TwoRoom(56);
        using var file = RecordTwoRoom(room, 0);
        Assert.Contains("longer", Assert.Throws<BadFileException>(() => new WindowSampler(file, room, 100, 5)).Message);
        string path = Path.Combine(folder, "other");
        using (var writer = new EpisodeFileWriter(path, new EpisodeFormat("other", 2, 2)))
            writer.Complete();
        using var other = EpisodeFile.Open(path);
        Assert.Throws<BadFileException>(() => new WindowSampler(other, room, 1, 1));
    }

    [Theory]
    [InlineData(float.NaN, 0, "episode 1, step 2: [NaN, 50] is no position")]
    [InlineData(1e9f, 0, "episode 1, step 2: [1E+09, 50] is no position")]
    [InlineData(50, float.PositiveInfinity, "episode 1, step 2: its action holds infinity")]
    public void Numbers_that_cannot_be_are_refused_at_once_with_their_place(float x, float action, string mentions)
    {
        string path = Path.Combine(folder, "bad");
        var room = new TwoRoom(56);
        using (var writer = new EpisodeFileWriter(path, new EpisodeFormat(room.Name, 2, 2)))
        {
            writer.Add([50, 50, 51, 51, 52, 52, 53, 53], [0, 0, 0, 0, 0, 0]);
            writer.Add([50, 50, 51, 51, x, 50, 53, 53], [0, 0, 0, 0, 0, action]);
            writer.Complete();
        }
        using var file = EpisodeFile.Open(path);
        string message = Assert.Throws<BadFileException>(() => new WindowSampler(file, room, 2, 1)).Message;
        Assert.StartsWith(path, message);
        Assert.Contains(mentions, message);
    }

    private static byte[] Batch(WindowSampler sampler, PhiloxKey key)
    {
        byte[] frames = new byte[8 * 3 * sampler.FrameBytes];
        sampler.Sample(key, 8, frames, default);
        return frames;
    }

    private EpisodeFile RecordTwoRoom(TwoRoom room, int frameSize)
    {
        string path = Path.Combine(folder, $"room{frameSize}");
        using (var writer = new EpisodeFileWriter(path, new EpisodeFormat(room.Name, 2, 2, frameSize, frameSize)))
        {
            EpisodeRecorder.Record(writer, room, random => new HeldRandomPolicy(room, random), 10, 40, new PhiloxKey(1));
            writer.Complete();
        }
        return EpisodeFile.Open(path);
    }
}
