using System.Collections.Concurrent;
using JepaEngine.Cuda.Driver;
using JepaEngine.Cuda.Simulation;
using JepaEngine.Primitives;

namespace JepaEngine;

/// <summary>The GPUs that tests run on; of both test projects.</summary>
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

    // A name parsed anew is a new device with a context of its own: one for all tests is enough.
    private static readonly ConcurrentDictionary<string, Device> Named = new();

    /// <summary>The device of a name, as <see cref="Require(Device)"/>; the same one each time.</summary>
    public static Device Require(string name)
    {
        Device device = Named.GetOrAdd(name, name => Device.TryParse(name, out Device? device)
            ? device
            : throw new ArgumentException($"there is no device '{name}'"));
        Require(device);
        return device;
    }

    /// <summary>Skips the test, with the reason, where its device is simulated and there is no compiler; a simulator that does not build fails.</summary>
    public static void Require(Device device) =>
        Assert.SkipWhen(device.Kind == DeviceKind.Simulator && NoCompiler.Value is not null, NoCompiler.Value ?? "");
}
