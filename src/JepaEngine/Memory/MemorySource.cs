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

/// <summary>The processor's memory. On Linux large blocks ask for pages of 2 MiB instead of 4 KiB: a matrix then needs a few translations, not thousands.</summary>
internal sealed unsafe partial class HostMemory : MemorySource
{
    private const int LargePage = 2 << 20, AdviseLarge = 14;

    /// <inheritdoc/>
    public override bool TryAllocate(long bytes, out nint pointer)
    {
        try
        {
            bool isLarge = bytes >= LargePage && OperatingSystem.IsLinux();
            pointer = (nint)NativeMemory.AlignedAlloc((nuint)bytes, (nuint)(isLarge ? LargePage : Allocator.Alignment));
            // Advice: where the system has no such pages, or does not give them, usual ones serve.
            if (isLarge)
                _ = Advise(pointer, (nuint)bytes, AdviseLarge);
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

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint address, nuint bytes, int advice);
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
