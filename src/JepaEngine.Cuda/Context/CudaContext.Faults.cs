using System.Text;
using JepaEngine.Cuda.Compile;
using JepaEngine.Cuda.Driver;

namespace JepaEngine.Cuda.Context;

// What an error of the driver becomes: an exception that names the call, the error, the kernel and the mend.
public sealed unsafe partial class CudaContext
{
    private CudaFunction? youngest;

    /// <summary>Throws if the answer of a call is an error.</summary>
    /// <exception cref="CudaException">As <see cref="CudaException"/> says.</exception>
    internal void Call(CudaResult result, string api, string kernel = "", string detail = "")
    {
        if (result != CudaResult.Success)
            throw Failed(result, api, kernel, detail);
    }

    private CudaException Failed(CudaResult result, string api, string kernel, string detail)
    {
        string what = $"{api} failed with {Driver.Describe(result)}{(kernel.Length == 0 ? "" : $" in {kernel}")}{detail}{Findings()}";
        if (BreaksContext(result) && Driver.CtxSynchronize() == result)
            lost = $"{Info?.Name} is lost since {what}{Suspect(kernel)}; {CudaAdvice.Of(result)}; dispose of every "
                + $"CudaContext of the device and open it anew, or start the process again";
        return new(lost ?? $"{what}; {Mend(result)}", result, api, kernel);
    }

    // An error after which the driver may refuse all further work in the context; whether it does, it is asked.
    private static bool BreaksContext(CudaResult result) => result is CudaResult.UncorrectableMemory or CudaResult.NvlinkUncorrectable or CudaResult.Contained
        or CudaResult.IllegalAddress or CudaResult.LaunchTimeout or CudaResult.Assert or (>= CudaResult.HardwareStack and <= CudaResult.LaunchFailed)
        or CudaResult.TensorMemoryLeak or CudaResult.MpsClientTerminated;

    private string Suspect(string kernel) =>
        kernel.Length == 0 && youngest is { } last ? $" (the youngest kernel is {last}; CUDA_LAUNCH_BLOCKING=1 in the environment names the one that failed)" : "";

    private string Mend(CudaResult result) => result switch
    {
        CudaResult.OutOfMemory => $"{Memory()}; trim the allocator, use a smaller batch, or end other processes on the device",
        CudaResult.NoBinaryForDevice => $"the kernels were compiled for another device than {Info.Architecture}; delete the folder {KernelCache.DefaultFolder()}",
        CudaResult.InvalidImage => $"the driver ({CudaDriver.VersionText(Info.DriverVersion)}) does not take what the compiler made ({compiler.Identity}); use a driver at least as new as it",
        CudaResult.LaunchOutOfResources => $"the launch asks for more than a multiprocessor of {Info.Name} has: fewer threads, registers or bytes of shared memory ({Info.SharedBytesPerBlock} at most)",
        _ => CudaAdvice.Of(result),
    };

    private string Memory()
    {
        nuint free = 0, total = 0;
        return Driver.MemGetInfo(&free, &total) == CudaResult.Success ? $"{free:N0} of {total:N0} bytes are free" : "how much is free the driver does not say";
    }

    // What the simulator found in the kernels that have run.
    private string Findings()
    {
        if (!Driver.IsSimulated)
            return "";
        byte[] text = new byte[16 << 10];
        fixed (byte* p = text)
            if (Driver.SimReport(p, text.Length) == 0)
                return "";
        return "\n" + Encoding.UTF8.GetString(text).TrimEnd('\0').TrimEnd();
    }
}
