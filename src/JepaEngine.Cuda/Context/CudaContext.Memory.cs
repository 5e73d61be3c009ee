using JepaEngine.Cuda.Driver;

namespace JepaEngine.Cuda.Context;

// Memory of the device. Addresses are CUdeviceptr.
public sealed unsafe partial class CudaContext
{
    private readonly StagingRing staging;

    /// <summary>Bytes of the device's memory that are free, and all there are.</summary>
    public (long Free, long Total) MemoryInfo
    {
        get
        {
            EnterOrThrow();
            nuint free, total;
            Call(Driver.MemGetInfo(&free, &total), "cuMemGetInfo");
            return ((long)free, (long)total);
        }
    }

    /// <summary>Takes memory, aligned to 256 bytes, which what is in the stream from now on may use. Where the device has no memory pools, this waits for it.</summary>
    /// <param name="bytes">More than 0.</param>
    /// <exception cref="CudaException">There is not enough; the message says how much there is.</exception>
    public nint Allocate(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        EnterOrThrow();
        if (IsCapturing)
            throw new CudaException($"Allocate of {bytes:N0} bytes failed with CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED; {Mend(CudaResult.CaptureUnsupported)}", CudaResult.CaptureUnsupported, "cuMemAlloc");
        nint pointer;
        if (hasPools)
            Call(Driver.MemAllocAsync(&pointer, (nuint)bytes, Stream.Handle), "cuMemAllocAsync", detail: $" for {bytes:N0} bytes");
        else
            Call(Driver.MemAlloc(&pointer, (nuint)bytes), "cuMemAlloc", detail: $" for {bytes:N0} bytes");
        return pointer;
    }

    /// <summary>Gives memory back once what is in the stream has run. Does nothing on a lost device, whose memory is gone.</summary>
    public void Free(nint pointer)
    {
        if (pointer == 0 || lost is not null || !Enter())
            return;
        if (hasPools)
            Call(Driver.MemFreeAsync(pointer, Stream.Handle), "cuMemFreeAsync");
        else
            Call(Driver.MemFree(pointer), "cuMemFree");
    }

    private RecordedUploads recordedUploads;
    private long uploadedBytes;

    /// <summary>Pinned memory that a graph under recording keeps its uploads in: where the next goes, and how much is left.</summary>
    private readonly record struct RecordedUploads(nint Next, long Left);

    /// <summary>Bytes copied to the device so far.</summary>
    public long UploadedBytes => Interlocked.Read(ref uploadedBytes);

    /// <summary>Copies to the device. The source may be reused on return; the copy runs in the stream. While recording, the graph keeps the bytes.</summary>
    /// <exception cref="CudaException">While recording: more than was announced.</exception>
    public void Upload(nint destination, ReadOnlySpan<byte> source)
    {
        EnterOrThrow();
        if (IsCapturing)
        {
            RecordUpload(destination, source);
            return;
        }
        Interlocked.Add(ref uploadedBytes, source.Length);
        staging.Upload(destination, source);
    }

    private void RecordUpload(nint destination, ReadOnlySpan<byte> source)
    {
        (nint next, long left) = recordedUploads;
        if (source.Length > left)
            throw new CudaException($"the work that is being recorded uploads more than when it ran before: {source.Length:N0} bytes, {left:N0} are left; record it anew where its shapes change",
                CudaResult.CaptureUnsupported, "Upload");
        source.CopyTo(new Span<byte>((void*)next, source.Length));
        Call(Driver.MemcpyHtoDAsync(destination, (void*)next, (nuint)source.Length, Stream.Handle), "cuMemcpyHtoDAsync");
        recordedUploads = new RecordedUploads(next + source.Length, left - source.Length);
    }

    /// <summary>Waits for all that is in the stream, then copies from the device.</summary>
    public void Download(nint source, Span<byte> destination)
    {
        EnterOrThrow();
        RefuseWhileCapturing("Download");
        staging.Download(source, destination);
    }

    /// <summary>Copies within the device, in the stream.</summary>
    public void Copy(nint destination, nint source, long bytes)
    {
        EnterOrThrow();
        if (bytes != 0)
            Call(Driver.MemcpyDtoDAsync(destination, source, (nuint)bytes, Stream.Handle), "cuMemcpyDtoDAsync", detail: $" for {bytes:N0} bytes");
    }

    /// <summary>Sets every byte, in the stream.</summary>
    public void Fill(nint destination, byte value, long bytes)
    {
        EnterOrThrow();
        if (bytes != 0)
            Call(Driver.MemsetD8Async(destination, value, (nuint)bytes, Stream.Handle), "cuMemsetD8Async", detail: $" for {bytes:N0} bytes");
    }

    private void RefuseWhileCapturing(string what)
    {
        if (IsCapturing)
            throw new CudaException($"{what} failed with CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED; {Mend(CudaResult.CaptureUnsupported)}", CudaResult.CaptureUnsupported, what);
    }
}
