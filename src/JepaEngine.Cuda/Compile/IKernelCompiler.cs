using JepaEngine.Cuda.Driver;

namespace JepaEngine.Cuda.Compile;

/// <summary>A loadable image, and what the compiler said while it made it.</summary>
/// <param name="Image">A cubin, or the simulator's shared library.</param>
/// <param name="Log">The compiler's whole output.</param>
public sealed record CompiledKernel(byte[] Image, string Log);

/// <summary>Makes images of kernel files. Thread-safe.</summary>
public interface IKernelCompiler
{
    /// <summary>Which compiler, as <c>NVRTC 12.4</c>.</summary>
    string Name { get; }

    /// <summary>All that decides the image besides the sources: compiler, version, options, architecture.</summary>
    string Identity { get; }

    /// <summary>The folders below <c>kernels/</c> in which the file's includes lie.</summary>
    IReadOnlyList<string> IncludeFolders { get; }

    /// <summary>Compiles one file.</summary>
    /// <exception cref="CudaException">The file does not compile; the message holds the compiler's errors.</exception>
    CompiledKernel Compile(KernelSource source, KernelFiles files);
}
