using JepaEngine.Cuda;
using JepaEngine.Memory;
using JepaEngine.Primitives;

namespace JepaEngine.Tests;

/// <summary>Which GPUs can be used here: the simulated one needs a C++ compiler.</summary>
internal static class Gpus
{
    private static readonly Lazy<string?> SimulatorFault = new(() =>
    {
        try
        {
            CudaDevices.Context(Device.Simulator);
            return null;
        }
        catch (CudaException error)
        {
            return error.Message.Split('\n')[0];
        }
    });

    /// <summary>Skips the test, with the reason, where its device is a GPU that cannot be used.</summary>
    public static void Require(Device device)
    {
        if (!device.IsHost)
            Assert.SkipWhen(SimulatorFault.Value is not null, SimulatorFault.Value ?? "");
    }
}
