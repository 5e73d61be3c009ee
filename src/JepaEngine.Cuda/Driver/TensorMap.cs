using System.Runtime.InteropServices;

namespace JepaEngine.Cuda.Driver;

/// <summary>How a box lies in shared memory, so that columns of it are read without two rows meeting in one bank.</summary>
internal enum TensorSwizzle
{
    None = 0,
    Bytes32 = 1,
    Bytes64 = 2,
    Bytes128 = 3,
}

/// <summary>What a tensor's elements are.</summary>
internal enum TensorElement
{
    Byte = 0,
    Float32 = 7,
    BFloat16 = 9,
}

/// <summary>CUtensorMap: a tensor in device memory as the copy engine of compute capability 9.0 takes it. 128 bytes that only driver and hardware read.</summary>
[StructLayout(LayoutKind.Sequential, Size = Bytes)]
internal unsafe struct TensorMap
{
    private const int Bytes = 128, Alignment = 64;

    private long first;

    /// <summary>Describes a tensor and the box that one copy brings. What of a box lies outside the tensor is zeros.</summary>
    /// <param name="driver">Which encodes it.</param>
    /// <param name="address">Of the first element, a multiple of 16.</param>
    /// <param name="element">What elements are.</param>
    /// <param name="shape">Elements along each of 1 to 5 axes, the one without stride first.</param>
    /// <param name="strides">Bytes from one to the next along the axes after the first, multiples of 16.</param>
    /// <param name="box">Elements along each axis of one copy, up to 256.</param>
    /// <param name="swizzle">How the box lies in shared memory.</param>
    /// <exception cref="CudaException">The driver is older than 12.0, or refuses a number.</exception>
    public static TensorMap Encode(
        CudaDriver driver, nint address, TensorElement element, ReadOnlySpan<ulong> shape, ReadOnlySpan<ulong> strides, ReadOnlySpan<uint> box, TensorSwizzle swizzle)
    {
        if (driver.TensorMapEncodeTiled == null)
            throw new CudaException($"{driver.File.Path} has no cuTensorMapEncodeTiled; tensor maps need a driver of CUDA 12.0 and a device of compute capability 9.0");
        const int L2Promotion = 2; // whole lines of 128 bytes
        uint* elementStrides = stackalloc uint[] { 1, 1, 1, 1, 1 };
        byte* memory = stackalloc byte[Bytes + Alignment];
        var map = (TensorMap*)(((nint)memory + Alignment - 1) & -Alignment); // the driver wants it aligned, which a local is not
        fixed (ulong* lengths = shape, steps = strides)
        fixed (uint* edges = box)
            driver.Check(driver.TensorMapEncodeTiled(map, (int)element, (uint)shape.Length, address, lengths, steps, edges, elementStrides, 0, (int)swizzle, L2Promotion, 0), "cuTensorMapEncodeTiled");
        return *map;
    }
}
