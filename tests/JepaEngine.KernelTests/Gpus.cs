using JepaEngine.Cuda;
using JepaEngine.Memory;
using JepaEngine.Primitives;

namespace JepaEngine.KernelTests;

/// <summary>The GPUs that tests run on: the simulated one, and the first real one where there is one.</summary>
internal static class Gpus
{
    private static readonly Lazy<string?> SimulatorFault = new(() => Fault(Device.Simulator)), CudaFault = new(() => Fault(Device.Cuda()));

    /// <summary>Skips the test, with the reason, where a device cannot be used.</summary>
    public static Device Require(string name)
    {
        Assert.True(Device.TryParse(name, out Device device));
        string? fault = device.Kind == DeviceKind.Simulator ? SimulatorFault.Value : CudaFault.Value;
        Assert.SkipWhen(fault is not null, fault ?? "");
        return device;
    }

    private static string? Fault(Device device)
    {
        try
        {
            CudaDevices.Context(device);
            return null;
        }
        catch (CudaException error)
        {
            return error.Message.Split('\n')[0];
        }
    }
}
