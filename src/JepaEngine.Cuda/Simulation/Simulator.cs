namespace JepaEngine.Cuda;

/// <summary>The simulator as the bindings see it: a library that exports the driver's functions, and a compiler for the kernels it runs.</summary>
internal static class Simulator
{
    /// <summary>The path of <c>libjepa_simulator.so</c>, built at first need from the embedded sources.</summary>
    /// <exception cref="CudaException">There is no C++ compiler; the message says what to install.</exception>
    public static string Library() => throw new CudaException("the simulator is not built into this version");

    /// <summary>Makes a shared library of a kernel file.</summary>
    public static IKernelCompiler Compiler() => throw new CudaException("the simulator is not built into this version");
}
