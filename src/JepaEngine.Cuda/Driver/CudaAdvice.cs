namespace JepaEngine.Cuda.Driver;

/// <summary>What to do next about an answer of the driver, whoever called it.</summary>
internal static class CudaAdvice
{
    private const string Restart = "dispose of every CudaContext of the device and open it anew, or "
        + "start the process again";

    /// <summary>One sentence, for every number that the driver may give.</summary>
    public static string Of(CudaResult result) => result switch
    {
        CudaResult.OutOfMemory => "use a smaller batch, or end other processes on the device (nvidia-smi lists them)",
        CudaResult.NotInitialized or CudaResult.Deinitialized => "the driver is not running in this process: it was "
            + "forked, or it ends; open the device in the process that uses it",
        >= CudaResult.ProfilerDisabled and <= (CudaResult)8 => "a profiler is attached: start without it, "
            + "or let it alone collect",
        CudaResult.StubLibrary => "it is the toolkit's stub, which is for linking only: take its folder (stubs) off "
            + "LD_LIBRARY_PATH, or name the driver's own library in JEPA_CUDA",
        CudaResult.InsufficientDriver or CudaResult.NewerDriverNeeded or CudaResult.UnsupportedPtxVersion =>
            "the driver is older than the library that calls it: update NVIDIA's driver, or name an "
                + "older NVRTC in JEPA_NVRTC",
        CudaResult.DeviceUnavailable => "another process has the device for itself: end it, or set the compute "
            + "mode with nvidia-smi -c 0",
        CudaResult.NoDevice => "is one built in, passed into this container (--gpus all), and not hidden "
            + "by CUDA_VISIBLE_DEVICES?",
        CudaResult.InvalidDevice => "jepa doctor lists the devices; CUDA_VISIBLE_DEVICES may hide some",
        CudaResult.NotLicensed => "a virtual GPU needs a licence: ask who runs the machine",
        CudaResult.InvalidImage or CudaResult.NoBinaryForDevice or CudaResult.InvalidPtx or CudaResult.InvalidSource =>
            "what was compiled does not fit this device or driver: delete the kernel cache (jepa doctor names it), "
                + "and use a driver at least as new as NVRTC",
        CudaResult.UncorrectableMemory or CudaResult.NvlinkUncorrectable or CudaResult.Contained =>
            $"the hardware reported a fault (nvidia-smi -q and the system's log have it): {Restart}; where it comes "
                + $"again, take the device out of use",
        CudaResult.JitCompilerNotFound or CudaResult.SymbolNotFound or CudaResult.LibraryInitFailed =>
            "the driver's installation is not whole: install NVIDIA's driver again, in one version",
        CudaResult.OperatingSystem => "the system refused the driver a call: see its log (dmesg), the limits (ulimit "
            + "-a), and whether /dev/nvidia* may be opened",
        CudaResult.NotReady => "the work is still under way: wait, and ask again",
        CudaResult.IllegalAddress or CudaResult.Assert or (>= CudaResult.HardwareStack and <= CudaResult.LaunchFailed) or CudaResult.TensorMemoryLeak =>
            "the same work on --device sim says which access is wrong",
        CudaResult.LaunchOutOfResources or CudaResult.CooperativeLaunchTooLarge or CudaResult.InvalidClusterSize =>
            "the launch asks for more than a multiprocessor has: fewer threads, registers or bytes of shared memory",
        CudaResult.LaunchTimeout => "a display's watchdog ended the kernel: use a smaller batch, or a "
            + "device without a display",
        CudaResult.ContextDestroyed or CudaResult.InvalidContext or CudaResult.InvalidHandle =>
            "the context is gone, or is another library's: open the device after whatever resets it, and dispose "
                + "of nothing that is in use",
        CudaResult.NotPermitted => "this user or container may not do it: ask who runs the machine, "
            + "or run with more rights",
        CudaResult.NotSupported or CudaResult.UnsupportedLimit or CudaResult.PeerAccessUnsupported =>
            "the device or this kind of driver (WSL, vGPU, MIG) does not have it: update the "
                + "driver, or use another device",
        CudaResult.SystemNotReady => "the machine's fabric is not up: start nvidia-fabricmanager, and wait until "
            + "nvidia-smi shows the device",
        CudaResult.DriverMismatch => "the driver was updated while the system ran: restart it",
        CudaResult.CompatNotSupported => "the compatibility library does not go with this device: take it "
            + "(cuda-compat) off LD_LIBRARY_PATH, or update the driver",
        >= CudaResult.MpsConnectionFailed and <= CudaResult.MpsClientTerminated => "the MPS server does not serve "
            + "this process: start nvidia-cuda-mps-control anew, or unset CUDA_MPS_PIPE_DIRECTORY",
        >= CudaResult.CaptureUnsupported and <= (CudaResult)908 =>
            "a capture records launches, copies and fills only: run the same work once before, so that all memory is "
                + "there, and wait after it",
        CudaResult.InvalidValue or CudaResult.NotFound => "the engine asked for what this driver does not know: "
            + "report it with what jepa doctor --verbose says",
        _ => $"{Restart}; where it comes again, report it with what jepa doctor --verbose and nvidia-smi say",
    };
}
