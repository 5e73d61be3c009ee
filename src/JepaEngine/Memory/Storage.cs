namespace JepaEngine.Memory;

/// <summary>
/// A block of a device's memory. Blocks are rented from an <see cref="Allocator"/> and go back to it, or borrowed from somebody else who owns
/// the memory; <see cref="Version"/> counts the rentals, so that whoever still holds a returned block can tell.
/// </summary>
public sealed unsafe class Storage
{
    internal Storage(nint pointer, long capacity) => (Pointer, Capacity) = (pointer, capacity);

    /// <summary>Address of the first byte, in the device's memory; aligned to 64, a borrowed block's to an element.</summary>
    public nint Pointer { get; }

    /// <summary>Size of the block in bytes, at least what was asked for.</summary>
    public long Capacity { get; }

    /// <summary>How often the block has been rented or returned; even while it is free.</summary>
    public int Version { get; internal set; }

    /// <summary>The scope it was last rented or borrowed by; null for a block without a tensor.</summary>
    internal MemoryScope? Owner { get; set; }

    /// <summary>Who has it while it is free: a recording that uses it, or null for all.</summary>
    internal BlockPool? Pool { get; set; }

    /// <summary>The block as elements.</summary>
    internal T* As<T>() where T : unmanaged => (T*)Pointer;
}

/// <summary>A tensor as a kernel sees it: a block of memory, the elements' dtype and where they lie.</summary>
/// <param name="Storage">The block.</param>
/// <param name="DType">The elements' type.</param>
/// <param name="Layout">Where they lie.</param>
public readonly record struct Operand(Storage Storage, DType DType, Layout Layout)
{
    /// <summary>The lengths.</summary>
    public Shape Shape => Layout.Shape;

    /// <summary>Number of elements.</summary>
    public long Count => Layout.Shape.Count;

    /// <summary>Where the first element lies, in the memory of the operand's device.</summary>
    public nint Address => Storage.Pointer + checked((nint)(Layout.Offset * DType.Size()));

    /// <summary>The first element.</summary>
    internal unsafe T* As<T>() where T : unmanaged => (T*)Storage.Pointer + Layout.Offset;
}
