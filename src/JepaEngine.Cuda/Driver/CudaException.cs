namespace JepaEngine.Cuda.Driver;

/// <summary>Something of CUDA failed or is missing. The message names the call, the error, the kernel if there is one, and the mend.</summary>
public sealed class CudaException : Exception
{
    internal CudaException(string message, CudaResult result = CudaResult.Unknown, string api = "", string kernel = "", Exception? inner = null) : base(message, inner) =>
        (Result, Api, Kernel) = (result, api, kernel);

    /// <summary>The driver's error; <see cref="CudaResult.Unknown"/> where it was not the driver that failed.</summary>
    public CudaResult Result { get; }

    /// <summary>The call that failed, as <c>cuLaunchKernel</c>; empty where none did.</summary>
    public string Api { get; }

    /// <summary>The kernel, as <c>layer_norm_forward (layernorm bf16)</c>; empty where none took part.</summary>
    public string Kernel { get; }
}
