namespace JepaEngine.Cuda.Context;

// What the driver does not see: how an allocator above it uses its blocks.
public sealed unsafe partial class CudaContext
{
    /// <summary>
    /// Tells the simulator that the first bytes of an allocation, or of a part of it, begin a new use: they hold nothing yet, and what follows them
    /// belongs to nobody. So kernels that read what a block's former user left, or run past a tensor's end into the rest of its block, are found.
    /// Nothing on a GPU.
    /// </summary>
    /// <param name="pointer">The block.</param>
    /// <param name="bytes">The bytes in use; 0 when the block has come back.</param>
    /// <param name="capacity">The block's size.</param>
    internal void Lend(nint pointer, long bytes, long capacity)
    {
        if (Driver.SimLend != null)
            _ = Driver.SimLend(pointer, (nuint)bytes, (nuint)capacity);  // of a lost device nothing more is found
    }
}
