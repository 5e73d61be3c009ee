using JepaEngine.Jepa.Pictures;

namespace JepaEngine.Tests.Pictures;

public sealed class FrameSamplingTests
{
    [Theory]
    [InlineData(100, 8, new[] { 0, 12, 25, 37, 50, 62, 75, 87 })]
    [InlineData(8, 8, new[] { 0, 1, 2, 3, 4, 5, 6, 7 })]
    [InlineData(3, 8, new[] { 0, 1, 2, 2, 2, 2, 2, 2 })]
    [InlineData(1, 4, new[] { 0, 0, 0, 0 })]
    [InlineData(int.MaxValue, 2, new[] { 0, 1073741823 })]
    public void Uniform_frames_are_hugging_faces(int total, int frames, int[] expected) =>
        Assert.Equal(expected, new FrameSampling(frames).Indices(total, 0));

    [Theory]
    [InlineData(100, 4, new[] { 0, 4, 8, 12 })]
    [InlineData(10, 4, new[] { 0, 4, 8, 9 })]
    [InlineData(3, 1, new[] { 0, 1, 2, 2 })]
    [InlineData(1, 9, new[] { 0, 0, 0, 0 })]
    [InlineData(5, int.MaxValue, new[] { 0, 4, 4, 4 })]
    public void Steps_repeat_the_last_frame(int total, int every, int[] expected) =>
        Assert.Equal(expected, new FrameSampling(4) { Every = every }.Indices(total, 0));

    // V-JEPA's loader: ceil(rate) // fps.
    [Theory]
    [InlineData(30, 4, 7)]
    [InlineData(29.97, 4, 7)]
    [InlineData(25, 4, 6)]
    [InlineData(24, 4, 6)]
    [InlineData(4, 30, 1)]
    [InlineData(60, 0.5, 120)]
    public void Rates_become_steps(double rate, double fps, int step) =>
        Assert.Equal([0, step, 2 * step], new FrameSampling(3) { Fps = fps }.Indices(1000, rate));

    [Fact]
    public void What_is_no_clip_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new FrameSampling(4).Indices(0, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new FrameSampling(0).Indices(4, 0));
        Assert.Contains("not both", Assert.Throws<ArgumentException>(() => new FrameSampling(4) { Every = 1, Fps = 1 }.Indices(4, 30)).Message);
        Assert.Contains("positive", Assert.Throws<ArgumentException>(() => new FrameSampling(4) { Every = 0 }.Indices(4, 30)).Message);
        Assert.Contains("positive", Assert.Throws<ArgumentException>(() => new FrameSampling(4) { Fps = double.NaN }.Indices(4, 30)).Message);
        Assert.Contains("the video has 4 frames, too few for 5",
            Assert.Throws<ArgumentException>(() => new FrameSampling(5) { RepeatsLast = false }.Indices(4, 30)).Message);
        Assert.Equal(3, new FrameSampling(4) { RepeatsLast = false }.Indices(4, 30)[3]);
        Assert.Contains("a step of frames", Assert.Throws<ArgumentException>(() => new FrameSampling(4) { Fps = 4 }.Indices(4, 0)).Message);
    }
}
