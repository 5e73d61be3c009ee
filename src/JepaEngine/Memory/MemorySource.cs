using System.Runtime.InteropServices;
using JepaEngine.Cuda;

namespace JepaEngine.Memory;

/// <summary>Where an <see cref="Allocator"/> gets its blocks.</summary>
internal abstract class MemorySource
{
    /// <summary>A block aligned to <see cref="Allocator.Alignment"/> bytes, or false where there is none.</summary>
    public abstract bool TryAllocate(long bytes, out nint pointer);

    /// <summary>Gives a block back.</summary>
    public abstract void Free(nint pointer);

    /// <summary>Is told that the first bytes of a block are used anew, or, with 0 bytes, that the block is kept for later.</summary>
    public virtual void Lend(Storage storage, long bytes)
    {
    }

    /// <summary>What a refusal adds, beginning with a comma: as ", 12 of 139 GiB free on the device".</summary>
    public virtual string Describe() => "";
}

/// <summary>The processor's memory.</summary>
internal sealed unsafe class HostMemory : MemorySource
{
    /// <inheritdoc/>
    public override bool TryAllocate(long bytes, out nint pointer)
    {
        try
        {
            pointer = (nint)NativeMemory.AlignedAlloc((nuint)bytes, Allocator.Alignment);
            return true;
        }
        catch (OutOfMemoryException)
        {
            pointer = 0;
            return false;
        }
    }

    /// <inheritdoc/>
    public override void Free(nint pointer) => NativeMemory.AlignedFree((void*)pointer);
}

/// <summary>A GPU's memory, given and taken in the order of its stream.</summary>
internal sealed class CudaMemory(CudaContext context) : MemorySource
{
    /// <inheritdoc/>
    public override bool TryAllocate(long bytes, out nint pointer)
    {
        try
        {
            pointer = context.Allocate(bytes);
            return true;
        }
        catch (CudaException error) when (error.Result == CudaResult.OutOfMemory)
        {
            pointer = 0;
            return false;
        }
    }

    /// <inheritdoc/>
    public override void Free(nint pointer) => context.Free(pointer);

    /// <inheritdoc/>
    public override void Lend(Storage storage, long bytes) => context.Lend(storage.Pointer, bytes, storage.Capacity);

    /// <inheritdoc/>
    public override string Describe() => $", {context.MemoryInfo.Free >> 20} of {context.MemoryInfo.Total >> 20} MiB free on {context.Info.Name}";
}
