using System.Runtime.InteropServices;

namespace JepaEngine.Cuda.Driver;

/// <summary>What a device can be asked, numbered as the driver does (CUdevice_attribute).</summary>
internal enum DeviceAttribute
{
    Multiprocessors = 16,
    MemoryKilohertz = 36,
    MemoryBusBits = 37,
    L2Bytes = 38,
    CapabilityMajor = 75,
    CapabilityMinor = 76,
    SharedBytesPerBlockOptIn = 97,
    MemoryPools = 115,
}

/// <summary>What a kernel can be asked and told (CUfunction_attribute).</summary>
internal enum FunctionAttribute
{
    MaxThreadsPerBlock = 0,
    StaticSharedBytes = 1,
    LocalBytes = 3,
    Registers = 4,
    MaxDynamicSharedBytes = 8,
    NonPortableCluster = 14,
}

/// <summary>How blocks of a launch hang together (CUlaunchAttributeID).</summary>
internal enum LaunchAttributeId
{
    ClusterDimension = 4,
    ProgrammaticStreamSerialization = 6,
}

/// <summary>CUlaunchAttribute: a number, 4 bytes of padding, and a value of 64 bytes, of which ours use three words at most.</summary>
[StructLayout(LayoutKind.Explicit, Size = 72)]
internal struct LaunchAttribute
{
    [FieldOffset(0)] public LaunchAttributeId Id;
    [FieldOffset(8)] public uint X;
    [FieldOffset(12)] public uint Y;
    [FieldOffset(16)] public uint Z;
}

/// <summary>CUlaunchConfig.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct LaunchConfig
{
    public uint GridX, GridY, GridZ, BlockX, BlockY, BlockZ, SharedBytes;
    public nint Stream;
    public LaunchAttribute* Attributes;
    public uint AttributeCount;
}
