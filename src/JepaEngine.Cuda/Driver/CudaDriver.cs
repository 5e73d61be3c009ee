using System.Runtime.InteropServices;
using JepaEngine.Cuda.Loading;

namespace JepaEngine.Cuda.Driver;

/// <summary>
/// The CUDA driver API as a table of functions, filled by name from a library: libcuda.so.1, nvcuda.dll, or the simulator, which exports the same names. Names are
/// the driver's without <c>cu</c> and version. Written from NVIDIA's public documentation of the driver API, 12.0 to 13.x.
/// </summary>
internal sealed unsafe class CudaDriver
{
    /// <summary>CUDA 12.0: the oldest driver that has all of this and runs what a compiler of 12.x makes.</summary>
    public const int OldestVersion = 12000;

    public readonly delegate* unmanaged<uint, CudaResult> Init;
    public readonly delegate* unmanaged<int*, CudaResult> DriverGetVersion, DeviceGetCount;
    public readonly delegate* unmanaged<int*, int, CudaResult> DeviceGet;
    public readonly delegate* unmanaged<byte*, int, int, CudaResult> DeviceGetName;
    public readonly delegate* unmanaged<int*, DeviceAttribute, int, CudaResult> DeviceGetAttribute;
    public readonly delegate* unmanaged<nuint*, int, CudaResult> DeviceTotalMem;
    public readonly delegate* unmanaged<nint*, int, CudaResult> DevicePrimaryCtxRetain;
    public readonly delegate* unmanaged<int, CudaResult> DevicePrimaryCtxRelease;
    public readonly delegate* unmanaged<nint, CudaResult> CtxSetCurrent;
    public readonly delegate* unmanaged<CudaResult> CtxSynchronize;

    public readonly delegate* unmanaged<nuint*, nuint*, CudaResult> MemGetInfo;
    public readonly delegate* unmanaged<nint*, nuint, CudaResult> MemAlloc;
    public readonly delegate* unmanaged<nint, CudaResult> MemFree;
    public readonly delegate* unmanaged<void**, nuint, CudaResult> MemAllocHost;
    public readonly delegate* unmanaged<void*, CudaResult> MemFreeHost;
    public readonly delegate* unmanaged<nint, void*, nuint, nint, CudaResult> MemcpyHtoDAsync;
    public readonly delegate* unmanaged<void*, nint, nuint, nint, CudaResult> MemcpyDtoHAsync;
    public readonly delegate* unmanaged<nint, nint, nuint, nint, CudaResult> MemcpyDtoDAsync;
    public readonly delegate* unmanaged<nint, byte, nuint, nint, CudaResult> MemsetD8Async;

    public readonly delegate* unmanaged<nint*, uint, CudaResult> StreamCreate, EventCreate;
    public readonly delegate* unmanaged<nint, CudaResult> StreamDestroy, StreamSynchronize, StreamQuery, EventDestroy, EventQuery, EventSynchronize;
    public readonly delegate* unmanaged<nint, nint, uint, CudaResult> StreamWaitEvent;
    public readonly delegate* unmanaged<nint, nint, CudaResult> EventRecord;
    public readonly delegate* unmanaged<float*, nint, nint, CudaResult> EventElapsedTime;

    public readonly delegate* unmanaged<nint*, void*, CudaResult> ModuleLoadData;
    public readonly delegate* unmanaged<nint, CudaResult> ModuleUnload;
    public readonly delegate* unmanaged<nint*, nint, byte*, CudaResult> ModuleGetFunction;
    public readonly delegate* unmanaged<int*, FunctionAttribute, nint, CudaResult> FuncGetAttribute;
    public readonly delegate* unmanaged<nint, FunctionAttribute, int, CudaResult> FuncSetAttribute;
    public readonly delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, CudaResult> LaunchKernel;

    public readonly delegate* unmanaged<nint, int, CudaResult> StreamBeginCapture;
    public readonly delegate* unmanaged<nint, nint*, CudaResult> StreamEndCapture;
    public readonly delegate* unmanaged<nint*, nint, ulong, CudaResult> GraphInstantiate;
    public readonly delegate* unmanaged<nint, nint, CudaResult> GraphLaunch;
    public readonly delegate* unmanaged<nint, CudaResult> GraphExecDestroy, GraphDestroy;
    public readonly delegate* unmanaged<nint, nint*, nuint*, CudaResult> GraphGetNodes;
    public readonly delegate* unmanaged<CudaResult, byte**, CudaResult> GetErrorName, GetErrorString;

    // Null where the driver is older than they are.
    public readonly delegate* unmanaged<int*, CudaResult> CtxGetDevice;
    public readonly delegate* unmanaged<nint*, nuint, nint, CudaResult> MemAllocAsync;
    public readonly delegate* unmanaged<nint, nint, CudaResult> MemFreeAsync;
    public readonly delegate* unmanaged<LaunchConfig*, nint, void**, void**, CudaResult> LaunchKernelEx;
    public readonly delegate* unmanaged<nint, nuint, nuint*, nuint*, CudaResult> FuncGetParamInfo;
    public readonly delegate* unmanaged<TensorMap*, int, uint, nint, ulong*, ulong*, uint*, uint*, int, int, int, int, CudaResult> TensorMapEncodeTiled;

    // The simulator's own: findings as text, the order threads run in, a call that shall fail, a cached block's use,
    // how many multiprocessors the device has.
    public readonly delegate* unmanaged<byte*, int, int> SimReport;
    public readonly delegate* unmanaged<int, ulong, void> SimSchedule;
    public readonly delegate* unmanaged<byte*, int, CudaResult, void> SimFail;
    public readonly delegate* unmanaged<nint, nuint, nuint, CudaResult> SimLend;
    public readonly delegate* unmanaged<int, void> SimMultiprocessors;

    public CudaDriver(NativeFile file)
    {
        File = file;
        Init = (delegate* unmanaged<uint, CudaResult>)file.Export("cuInit");
        DriverGetVersion = (delegate* unmanaged<int*, CudaResult>)file.Export("cuDriverGetVersion");
        DeviceGetCount = (delegate* unmanaged<int*, CudaResult>)file.Export("cuDeviceGetCount");
        DeviceGet = (delegate* unmanaged<int*, int, CudaResult>)file.Export("cuDeviceGet");
        DeviceGetName = (delegate* unmanaged<byte*, int, int, CudaResult>)file.Export("cuDeviceGetName");
        DeviceGetAttribute = (delegate* unmanaged<int*, DeviceAttribute, int, CudaResult>)file.Export("cuDeviceGetAttribute");
        DeviceTotalMem = (delegate* unmanaged<nuint*, int, CudaResult>)file.Export("cuDeviceTotalMem_v2");
        DevicePrimaryCtxRetain = (delegate* unmanaged<nint*, int, CudaResult>)file.Export("cuDevicePrimaryCtxRetain");
        DevicePrimaryCtxRelease = (delegate* unmanaged<int, CudaResult>)file.Export("cuDevicePrimaryCtxRelease_v2");
        CtxSetCurrent = (delegate* unmanaged<nint, CudaResult>)file.Export("cuCtxSetCurrent");
        CtxSynchronize = (delegate* unmanaged<CudaResult>)file.Export("cuCtxSynchronize");
        MemGetInfo = (delegate* unmanaged<nuint*, nuint*, CudaResult>)file.Export("cuMemGetInfo_v2");
        MemAlloc = (delegate* unmanaged<nint*, nuint, CudaResult>)file.Export("cuMemAlloc_v2");
        MemFree = (delegate* unmanaged<nint, CudaResult>)file.Export("cuMemFree_v2");
        MemAllocHost = (delegate* unmanaged<void**, nuint, CudaResult>)file.Export("cuMemAllocHost_v2");
        MemFreeHost = (delegate* unmanaged<void*, CudaResult>)file.Export("cuMemFreeHost");
        MemcpyHtoDAsync = (delegate* unmanaged<nint, void*, nuint, nint, CudaResult>)file.Export("cuMemcpyHtoDAsync_v2");
        MemcpyDtoHAsync = (delegate* unmanaged<void*, nint, nuint, nint, CudaResult>)file.Export("cuMemcpyDtoHAsync_v2");
        MemcpyDtoDAsync = (delegate* unmanaged<nint, nint, nuint, nint, CudaResult>)file.Export("cuMemcpyDtoDAsync_v2");
        MemsetD8Async = (delegate* unmanaged<nint, byte, nuint, nint, CudaResult>)file.Export("cuMemsetD8Async");
        StreamCreate = (delegate* unmanaged<nint*, uint, CudaResult>)file.Export("cuStreamCreate");
        StreamDestroy = (delegate* unmanaged<nint, CudaResult>)file.Export("cuStreamDestroy_v2");
        StreamSynchronize = (delegate* unmanaged<nint, CudaResult>)file.Export("cuStreamSynchronize");
        StreamQuery = (delegate* unmanaged<nint, CudaResult>)file.Export("cuStreamQuery");
        StreamWaitEvent = (delegate* unmanaged<nint, nint, uint, CudaResult>)file.Export("cuStreamWaitEvent");
        EventCreate = (delegate* unmanaged<nint*, uint, CudaResult>)file.Export("cuEventCreate");
        EventDestroy = (delegate* unmanaged<nint, CudaResult>)file.Export("cuEventDestroy_v2");
        EventRecord = (delegate* unmanaged<nint, nint, CudaResult>)file.Export("cuEventRecord");
        EventQuery = (delegate* unmanaged<nint, CudaResult>)file.Export("cuEventQuery");
        EventSynchronize = (delegate* unmanaged<nint, CudaResult>)file.Export("cuEventSynchronize");
        EventElapsedTime = (delegate* unmanaged<float*, nint, nint, CudaResult>)file.Export("cuEventElapsedTime");
        ModuleLoadData = (delegate* unmanaged<nint*, void*, CudaResult>)file.Export("cuModuleLoadData");
        ModuleUnload = (delegate* unmanaged<nint, CudaResult>)file.Export("cuModuleUnload");
        ModuleGetFunction = (delegate* unmanaged<nint*, nint, byte*, CudaResult>)file.Export("cuModuleGetFunction");
        FuncGetAttribute = (delegate* unmanaged<int*, FunctionAttribute, nint, CudaResult>)file.Export("cuFuncGetAttribute");
        FuncSetAttribute = (delegate* unmanaged<nint, FunctionAttribute, int, CudaResult>)file.Export("cuFuncSetAttribute");
        LaunchKernel = (delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, CudaResult>)file.Export("cuLaunchKernel");
        StreamBeginCapture = (delegate* unmanaged<nint, int, CudaResult>)file.Export("cuStreamBeginCapture_v2");
        StreamEndCapture = (delegate* unmanaged<nint, nint*, CudaResult>)file.Export("cuStreamEndCapture");
        GraphInstantiate = (delegate* unmanaged<nint*, nint, ulong, CudaResult>)file.Export("cuGraphInstantiateWithFlags");
        GraphLaunch = (delegate* unmanaged<nint, nint, CudaResult>)file.Export("cuGraphLaunch");
        GraphExecDestroy = (delegate* unmanaged<nint, CudaResult>)file.Export("cuGraphExecDestroy");
        GraphDestroy = (delegate* unmanaged<nint, CudaResult>)file.Export("cuGraphDestroy");
        GraphGetNodes = (delegate* unmanaged<nint, nint*, nuint*, CudaResult>)file.Export("cuGraphGetNodes");
        GetErrorName = (delegate* unmanaged<CudaResult, byte**, CudaResult>)file.Export("cuGetErrorName");
        GetErrorString = (delegate* unmanaged<CudaResult, byte**, CudaResult>)file.Export("cuGetErrorString");

        CtxGetDevice = (delegate* unmanaged<int*, CudaResult>)file.TryExport("cuCtxGetDevice");
        MemAllocAsync = (delegate* unmanaged<nint*, nuint, nint, CudaResult>)file.TryExport("cuMemAllocAsync");
        MemFreeAsync = (delegate* unmanaged<nint, nint, CudaResult>)file.TryExport("cuMemFreeAsync");
        LaunchKernelEx = (delegate* unmanaged<LaunchConfig*, nint, void**, void**, CudaResult>)file.TryExport("cuLaunchKernelEx");
        FuncGetParamInfo = (delegate* unmanaged<nint, nuint, nuint*, nuint*, CudaResult>)file.TryExport("cuFuncGetParamInfo");
        TensorMapEncodeTiled =
            (delegate* unmanaged<TensorMap*, int, uint, nint, ulong*, ulong*, uint*, uint*, int, int, int, int, CudaResult>)file.TryExport("cuTensorMapEncodeTiled");

        SimReport = (delegate* unmanaged<byte*, int, int>)file.TryExport("simReport");
        SimSchedule = (delegate* unmanaged<int, ulong, void>)file.TryExport("simSchedule");
        SimFail = (delegate* unmanaged<byte*, int, CudaResult, void>)file.TryExport("simFail");
        SimLend = (delegate* unmanaged<nint, nuint, nuint, CudaResult>)file.TryExport("simLend");
        SimMultiprocessors = (delegate* unmanaged<int, void>)file.TryExport("simMultiprocessors");
    }

    /// <summary>The library behind the table.</summary>
    public NativeFile File { get; }

    /// <summary>Whether every function the engine cannot do without is there.</summary>
    public bool IsComplete => File.Path is not null && File.Missing.Count == 0;

    /// <summary>Whether the library is the simulator.</summary>
    public bool IsSimulated => SimReport != null;

    /// <summary>As 12040 for 12.4.</summary>
    public int Version
    {
        get
        {
            int version;
            Check(DriverGetVersion(&version), "cuDriverGetVersion");
            return version;
        }
    }

    /// <summary>As <c>12.4</c>.</summary>
    public static string VersionText(int version) => $"{version / 1000}.{version % 1000 / 10}";

    /// <exception cref="CudaException">The answer is an error.</exception>
    public void Check(CudaResult result, string api)
    {
        if (result != CudaResult.Success)
            throw new CudaException($"{api} failed with {Describe(result)}; {CudaAdvice.Of(result)}", result, api);
    }

    /// <summary>As <c>CUDA_ERROR_OUT_OF_MEMORY (out of memory)</c>, in the driver's words; the toolkit's stub has
    /// none.</summary>
    public string Describe(CudaResult result)
    {
        byte* name = null, text = null;
        return GetErrorName(result, &name) == CudaResult.Success && name != null
            ? GetErrorString(result, &text) == CudaResult.Success && text != null ? $"{Text(name)} ({Text(text)})" : Text(name)
            : $"error {(int)result}{(Enum.IsDefined(result) ? $" ({result})" : "")}";
    }

    private static string Text(byte* text) => Marshal.PtrToStringUTF8((nint)text) ?? "";
}
