using JepaEngine.Optim;

namespace JepaEngine.Tests.Optim;

public class ScheduleTests
{
    [Fact]
    public void Warmup_and_cosine_are_PyTorchs()
    {
        using var golden = new Golden("adamw");
        double[] expected = golden["schedule"];
        double Number(string name) => golden.Config.GetProperty("schedule_" + name).GetDouble();
        for (int step = 0; step < expected.Length; step++)
        {
            double rate = Schedule.WarmupCosine(step, (long)Number("warmup"), (long)Number("total"), Number("peak"), Number("start"), Number("end"));
            Assert.Equal(expected[step], rate, 1e-15);
        }
    }

    [Theory]
    [InlineData(0, 0, 0, 3.0)]  // no steps at all
    [InlineData(10, 0, 10, 1.0)]
    [InlineData(99, 0, 10, 1.0)] // beyond the end
    [InlineData(5, 0, 10, 2.0)]
    [InlineData(5, 10, 10, 1.5)] // warm-up to the end, from 0
    public void Ends_and_edges(long step, long warmup, long total, double expected) =>
        Assert.Equal(expected, Schedule.WarmupCosine(step, warmup, total, peak: 3, end: 1), 1e-15);

    [Theory]
    [InlineData(0, 0.996)]
    [InlineData(50, 0.998)]
    [InlineData(100, 1.0)]
    [InlineData(1000, 1.0)]
    public void Linear(long step, double expected) => Assert.Equal(expected, Schedule.Linear(step, 100, 0.996, 1), 1e-15);
}
