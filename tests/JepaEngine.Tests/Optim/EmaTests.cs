using JepaEngine.Nn;
using JepaEngine.Optim;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.Optim;

public class EmaTests
{
    public static TheoryData<Device> Devices => TestDevices.All;

    [Theory, MemberData(nameof(Devices))]
    public void Trained_numbers_follow_and_buffers_stay(Device device)
    {
        using var target = new BatchNorm(2);
        using var source = new BatchNorm(2);
        target.Allocate(device);
        source.Allocate(device);
        Set(source, "weight", 5, 9);
        Set(source, "running_mean", 7, 7);
        Ema.Update(target, source, 0.75);
        Assert.Equal([2, 3], Get(target, "weight"));
        Ema.Update(target, source, 0.75);
        Assert.Equal([2.75, 4.5], Get(target, "weight"));
        Assert.Equal([0, 0], Get(target, "running_mean"));
        Ema.Copy(target, source);
        Assert.Equal([5, 9], Get(target, "weight"));
        Assert.Equal([7, 7], Get(target, "running_mean"));
    }

    public static TheoryData<string, Func<Module>, Func<Module>> Unequal => new()
    {
        { "the target's weight [2] has no equal", () => new BatchNorm(2), () => new BatchNorm(3) },
        { "the target's running_mean [2] has no equal", () => new BatchNorm(2), () => new LayerNorm(2, 1e-5) },
        { "the target lacks the source's running_mean", () => new LayerNorm(2, 1e-5), () => new BatchNorm(2) },
    };

    [Theory, MemberData(nameof(Unequal))]
    public void Different_modules_are_refused_by_name(string message, Func<Module> makeTarget, Func<Module> makeSource)
    {
        using Module target = makeTarget(), source = makeSource();
        target.Allocate(Device.Reference);
        source.Allocate(Device.Reference);
        Assert.Contains(message, Assert.Throws<ArgumentException>(() => Ema.Copy(target, source)).Message);
        Assert.Throws<ArgumentException>(() => Ema.Update(target, source, 0.5));
    }

    private static void Set(Module module, string name, params double[] values) =>
        module.Parameters().Single(p => p.Name == name).Parameter.Value.CopyFrom<double>(values);

    private static double[] Get(Module module, string name) => module.Parameters().Single(p => p.Name == name).Parameter.Value.ToArray<double>();
}
