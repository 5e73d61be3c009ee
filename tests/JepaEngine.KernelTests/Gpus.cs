using JepaEngine.Cuda;
using JepaEngine.Primitives;

namespace JepaEngine.KernelTests;

/// <summary>The GPUs that tests run on.</summary>
internal static class Gpus
{
    private static readonly Lazy<string?> NoCompiler = new(() =>
    {
        try
        {
            HostCompiler.Find();
            return null;
        }
        catch (CudaException error)
        {
            return error.Message;
        }
    });

    /// <summary>The device of a name. Skips the test, with the reason, where the simulator has no compiler; one that does not build fails.</summary>
    public static Device Require(string name)
    {
        Assert.True(Device.TryParse(name, out Device device));
        Assert.SkipWhen(device.Kind == DeviceKind.Simulator && NoCompiler.Value is not null, NoCompiler.Value ?? "");
        return device;
    }
}
