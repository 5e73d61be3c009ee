using JepaEngine.Cuda;
using JepaEngine.Primitives;

namespace JepaEngine.Tests;

/// <summary>Which GPUs can be used here: the simulated one needs a C++ compiler.</summary>
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

    /// <summary>Skips the test, with the reason, where its device is simulated and there is no compiler; a simulator that does not build fails.</summary>
    public static void Require(Device device) =>
        Assert.SkipWhen(device.Kind == DeviceKind.Simulator && NoCompiler.Value is not null, NoCompiler.Value ?? "");
}
