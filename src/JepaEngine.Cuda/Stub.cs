#pragma warning disable
namespace JepaEngine.Cuda;
public sealed record CudaDeviceInfo(string Name, (int Major, int Minor) ComputeCapability, int Multiprocessors, long MemoryBytes, bool IsSimulated, int Index);
public sealed class CudaFunction { }
public sealed unsafe class CudaContext : IDisposable {
  public static CudaContext Open(int device = 0) => throw new NotSupportedException("not yet on a GPU");
  public static CudaContext OpenSimulator() => throw new NotSupportedException("not yet on a GPU");
  public CudaDeviceInfo Info => throw new NotSupportedException("not yet on a GPU");
  public nint Allocate(long bytes) => 0; public void Free(nint p) {}
  public long FreeMemory() => 0;
  public void Upload(nint d, ReadOnlySpan<byte> s) {} public void Download(nint s, Span<byte> d) {}
  public void Copy(nint d, nint s, long b) {} public void Fill(nint d, byte v, long b) {}
  public CudaFunction Kernel(KernelSource s, string e) => throw new NotSupportedException("not yet on a GPU");
  public void Launch(CudaFunction f, int x, int y, int z, int t, int s, void* a, int n) {}
  public long Launches => 0;
  public void Synchronize() {}
  public void Dispose() {}
}
