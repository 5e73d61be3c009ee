using JepaEngine.Jepa.Environments;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.Environments;

public sealed class TwoRoomTests
{
    // Expected end points follow from the specification: p + 5a, border clamp to [21, 203], then the wall's rule on the end point.
    [Theory]
    [InlineData(50, 150, 1, -1, 55, 145)]
    [InlineData(50, 150, 3, -9, 55, 145)] // actions are clamped to [-1, 1]
    [InlineData(22, 22, -1, -1, 21, 21)] // border
    [InlineData(202, 202, 1, 1, 203, 203)]
    [InlineData(95, 150, 1, 0, 100, 150)] // 100 is not yet in the wall
    [InlineData(95.5, 150, 1, 0, 99.5, 150)] // 100.5 is: put back to 99.5
    [InlineData(99.5, 150, 1, 1, 99.5, 155)] // slides along the wall
    [InlineData(129, 150, -1, 0, 124, 150)] // 124 is not yet in the wall
    [InlineData(128.5, 150, -1, 0, 124.5, 150)]
    [InlineData(112, 150, 0, 0, 124.5, 150)] // x = 112 belongs to the right room
    [InlineData(111.9, 150, 0, 0, 99.5, 150)]
    [InlineData(100, 33.25, 1, 0, 105, 33.25)] // door edges 49 ± 15.75 are inside
    [InlineData(100, 64.75, 1, 0, 105, 64.75)]
    [InlineData(100, 33.2, 1, 0, 99.5, 33.2)]
    [InlineData(100, 64.8, 1, 0, 99.5, 64.8)]
    [InlineData(100, 69.75, 1, -1, 105, 64.75)] // only the end point counts: the diagonal slips in past the edge
    [InlineData(110, 60, 1, 1, 99.5, 65)] // and leaving the door's rows in the wall throws back to the old side
    [InlineData(113, 60, -1, 1, 124.5, 65)]
    public void Step_follows_the_specification(float x, float y, float actionX, float actionY, float expectedX, float expectedY)
    {
        var room = new TwoRoom(56);
        room.SetState([x, y]);
        room.Step([actionX, actionY]);
        Assert.Equal([expectedX, expectedY], room.State.ToArray());
    }

    [Fact]
    public void A_goal_is_reached_strictly_below_16_pixels()
    {
        var room = new TwoRoom(56);
        room.SetState([50, 50]);
        Assert.False(room.Reached([66, 50]));
        Assert.True(room.Reached([65.99f, 50]));
        Assert.False(room.Reached([50 + 11.32f, 50 + 11.32f])); // 16.009
        Assert.True(room.Reached([50 + 11.31f, 50 + 11.31f])); // 15.995
    }

    [Theory]
    [InlineData(float.NaN, 50)]
    [InlineData(50, float.PositiveInfinity)]
    [InlineData(-1, 50)]
    [InlineData(50, 224)]
    public void A_state_outside_the_scene_is_refused(float x, float y)
    {
        Assert.Throws<ArgumentException>(() => new TwoRoom().SetState([x, y]));
    }

    [Fact]
    public void A_size_that_does_not_divide_224_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new TwoRoom(50));
    }

    [Fact]
    public void Full_size_frame_shows_border_wall_door_and_agent()
    {
        byte[] frame = Render(224, 50, 150);
        // Far from the blob: margin, border lines, wall columns 107..117, door rows 35..63.
        AssertGrey(frame, 224, 9, 20, 255);
        AssertGrey(frame, 224, 10, 20, 0);
        AssertGrey(frame, 224, 13, 20, 0);
        AssertGrey(frame, 224, 14, 20, 255);
        AssertGrey(frame, 224, 209, 20, 255);
        AssertGrey(frame, 224, 210, 20, 0);
        AssertGrey(frame, 224, 213, 20, 0);
        AssertGrey(frame, 224, 214, 20, 255);
        AssertGrey(frame, 224, 2, 10, 0); // border lines cross the whole frame
        AssertGrey(frame, 224, 2, 213, 0);
        AssertGrey(frame, 224, 106, 100, 255);
        AssertGrey(frame, 224, 107, 100, 0);
        AssertGrey(frame, 224, 117, 100, 0);
        AssertGrey(frame, 224, 118, 100, 255);
        AssertGrey(frame, 224, 112, 34, 0);
        AssertGrey(frame, 224, 112, 35, 255);
        AssertGrey(frame, 224, 112, 63, 255);
        AssertGrey(frame, 224, 112, 64, 0);
        // The agent: peak 1 at its pixel; 7 pixels off, alpha = exp(-1/2) = .60653: 255 (1 - .60653) = 100.33.
        AssertPixel(frame, 224, 50, 150, 255, 0, 0);
        AssertPixel(frame, 224, 57, 150, 255, 100, 100);
        AssertPixel(frame, 224, 50, 143, 255, 100, 100);
        // A diagonal of 7 + 7: alpha = exp(-1) = .36788: 161.19.
        AssertPixel(frame, 224, 57, 157, 255, 161, 161);
    }

    [Fact]
    public void Demo_frame_is_a_box_average_with_a_blob_at_pixel_centres()
    {
        // Pixel 12 has its centre at 4 x 12 + 1.5 = 49.5, pixel 37 at 149.5.
        byte[] frame = Render(56, 49.5f, 149.5f);
        AssertPixel(frame, 56, 12, 37, 255, 0, 0);
        // One pixel is 4 scene pixels: alpha = exp(-16/98) = .84937: 255 (1 - .84937) = 38.41.
        AssertPixel(frame, 56, 13, 37, 255, 38, 38);
        AssertPixel(frame, 56, 12, 36, 255, 38, 38);
        // exp(-32/98) = .72142: 71.04.
        AssertPixel(frame, 56, 11, 38, 255, 71, 71);
        // Box averages: border columns 10..13 cover half of pixel 2 (8..11) and half of pixel 3 (12..15): 127.5.
        AssertGrey(frame, 56, 2, 20, 127);
        AssertGrey(frame, 56, 3, 20, 127);
        // Wall columns 107..117: one of 104..107 (191.25), all of 108..115, two of 116..119.
        AssertGrey(frame, 56, 26, 28, 191);
        AssertGrey(frame, 56, 27, 28, 0);
        AssertGrey(frame, 56, 28, 28, 0);
        AssertGrey(frame, 56, 29, 28, 127);
        // Door rows 35..63: one of 32..35 is open, then all up to row 63.
        AssertGrey(frame, 56, 27, 8, 63);
        AssertGrey(frame, 56, 27, 9, 255);
        AssertGrey(frame, 56, 27, 15, 255);
        AssertGrey(frame, 56, 27, 16, 0);
    }

    [Theory]
    [InlineData(224)]
    [InlineData(112)]
    [InlineData(56)]
    [InlineData(32)]
    public void Blob_peaks_at_pure_red_between_pixel_centres_too(int size)
    {
        // The original divides by the largest sample.
        for (int i = 0; i < 50; i++)
        {
            byte[] frame = Render(size, 60 + i * .173f, 150 + i * .291f);
            Assert.True(frame.Chunk(3).Any(pixel => pixel[0] >= 254 && pixel[1] == 0), $"position {i}");
        }
    }

    [Theory]
    [InlineData(224)]
    [InlineData(56)]
    public void Drawing_only_the_reached_pixels_changes_nothing(int size)
    {
        // The whole image in double precision by the original's formula: exp of the squared distance over its maximum.
        int factor = 224 / size;
        var random = new PhiloxRandom(5);
        for (int repeat = 0; repeat < 8; repeat++)
        {
            float x = random.NextUniform(21, 203), y = random.NextUniform(21, 203);
            byte[] frame = Render(size, x, y), empty = Render(size, x < 112 ? 203 : 21, y < 112 ? 203 : 21);
            double[] alpha = new double[size * size];
            for (int i = 0; i < alpha.Length; i++)
            {
                double dx = factor * (i % size) + (factor - 1) / 2.0 - x, dy = factor * (i / size) + (factor - 1) / 2.0 - y;
                alpha[i] = Math.Exp(-(dx * dx + dy * dy) / 98);
            }
            double peak = alpha.Max();
            for (int i = 0; i < alpha.Length; i++)
            {
                double a = alpha[i] / peak;
                // Pixels that the other frame's blob does not touch give the background.
                if (empty[3 * i] != empty[3 * i + 1])
                    continue;
                double green = empty[3 * i] * (1 - a);
                Assert.InRange(frame[3 * i + 1], Math.Floor(green) - 1, Math.Ceiling(green) + 1);
            }
        }
    }

    [Fact]
    public void Tasks_repeat_alternate_and_keep_their_distance()
    {
        var room = new TwoRoom(56);
        double[] distance = new double[2];
        for (int episode = 0; episode < 400; episode++)
        {
            var task = room.SampleTask(new PhiloxKey(3, 1), episode);
            var again = room.SampleTask(new PhiloxKey(3, 1), episode);
            Assert.Equal(task.Start, again.Start);
            Assert.Equal(task.Goal, again.Goal);
            bool same = TwoRoom.IsLeft(task.Start[0]) == TwoRoom.IsLeft(task.Goal[0]);
            Assert.Equal(episode % 2 == 0, same);
            Assert.Equal(same ? TwoRoom.SameRoom : TwoRoom.ThroughDoor, task.Kind);
            double length = Math.Sqrt(Math.Pow(task.Start[0] - task.Goal[0], 2) + Math.Pow(task.Start[1] - task.Goal[1], 2));
            Assert.True(length >= 32);
            Assert.All(task.Start.Concat(task.Goal), at => Assert.InRange(at, 21, 203));
            Assert.True(task.Start[0] is < 100 or > 124);
            distance[episode % 2] += length / 200;
        }
        // The recipe's 100 tasks: 92 and 126 pixels on average, with a standard error of 5.
        Assert.InRange(distance[0], 77, 97);
        Assert.InRange(distance[1], 116, 136);
    }

    private static byte[] Render(int size, float x, float y)
    {
        var room = new TwoRoom(size);
        room.SetState([x, y]);
        // Every byte has to be written.
        byte[] frame = new byte[size * size * 3];
        frame.AsSpan().Fill(77);
        room.Render(frame);
        return frame;
    }

    private static void AssertGrey(byte[] frame, int size, int x, int y, byte value) => AssertPixel(frame, size, x, y, value, value, value);

    private static void AssertPixel(byte[] frame, int size, int x, int y, byte red, byte green, byte blue)
    {
        byte[] actual = frame[((y * size + x) * 3)..((y * size + x) * 3 + 3)];
        // float32 may put the red of a white pixel just below 255.
        bool equal = Math.Abs(actual[0] - red) <= (red == 255 ? 1 : 0) && actual[1] == green && actual[2] == blue;
        Assert.True(equal, $"pixel ({x}, {y}) is {string.Join(" ", actual)}, not {red} {green} {blue}");
    }
}
