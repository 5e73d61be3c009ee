using System.Runtime.InteropServices;
using JepaEngine.Cuda.Driver;

namespace JepaEngine.Cuda.Context;

/// <summary>What a device is.</summary>
/// <param name="Name">As the driver calls it.</param>
/// <param name="ComputeCapability">As (9, 0).</param>
/// <param name="Multiprocessors">How many blocks run at once, at least.</param>
/// <param name="SharedBytesPerBlock">The most shared memory a block can ask for.</param>
/// <param name="L2Bytes">The cache before memory.</param>
/// <param name="MemoryBytes">All of its memory.</param>
/// <param name="DriverVersion">As 12040 for 12.4.</param>
/// <param name="IsSimulated">Whether it is the simulator.</param>
public sealed record CudaDeviceInfo(
    string Name, (int Major, int Minor) ComputeCapability, int Multiprocessors, int SharedBytesPerBlock, int L2Bytes, long MemoryBytes, int DriverVersion, bool IsSimulated)
{
    /// <summary>What kernels are compiled for: <c>sm_80</c>, <c>sm_90a</c> (with what only that one has).</summary>
    public string Architecture => ComputeCapability == (9, 0) ? "sm_90a" : $"sm_{ComputeCapability.Major}{ComputeCapability.Minor}";

    internal static unsafe CudaDeviceInfo Read(CudaDriver driver, int ordinal)
    {
        int handle;
        driver.Check(driver.DeviceGet(&handle, ordinal), "cuDeviceGet");
        int device = handle;
        const int Longest = 256;
        byte* name = stackalloc byte[Longest];
        driver.Check(driver.DeviceGetName(name, Longest, device), "cuDeviceGetName");
        nuint memory;
        driver.Check(driver.DeviceTotalMem(&memory, device), "cuDeviceTotalMem");
        return new(Marshal.PtrToStringUTF8((nint)name)!, (Ask(DeviceAttribute.CapabilityMajor), Ask(DeviceAttribute.CapabilityMinor)), Ask(DeviceAttribute.Multiprocessors),
            Ask(DeviceAttribute.SharedBytesPerBlockOptIn), Ask(DeviceAttribute.L2Bytes), (long)memory, driver.Version, driver.IsSimulated);

        int Ask(DeviceAttribute attribute)
        {
            int value;
            driver.Check(driver.DeviceGetAttribute(&value, attribute, device), "cuDeviceGetAttribute");
            return value;
        }
    }
}
