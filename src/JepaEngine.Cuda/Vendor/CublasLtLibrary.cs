using System.Runtime.InteropServices;
using JepaEngine.Cuda.Driver;
using JepaEngine.Cuda.Loading;

namespace JepaEngine.Cuda.Vendor;

/// <summary>The functions of cuBLASLt that one matrix product takes, by their names without <c>cublasLt</c>.</summary>
internal sealed unsafe class CublasLtLibrary
{
    public readonly delegate* unmanaged<nuint> GetVersion;
    public readonly delegate* unmanaged<nint*, int> Create, PreferenceCreate;
    public readonly delegate* unmanaged<nint, int> Destroy, PreferenceDestroy, LayoutDestroy, MatmulDescDestroy;
    public readonly delegate* unmanaged<nint*, int, int, int> MatmulDescCreate;
    public readonly delegate* unmanaged<nint, int, void*, nuint, int> MatmulDescSetAttribute, PreferenceSetAttribute;
    public readonly delegate* unmanaged<nint*, int, ulong, ulong, long, int> LayoutCreate;
    public readonly delegate* unmanaged<nint, nint, nint, nint, nint, nint, nint, int, void*, int*, int> AlgoGetHeuristic;
    public readonly delegate* unmanaged<nint, nint, float*, nint, nint, nint, nint, float*, nint, nint, nint, nint, void*, nint, nuint, nint, int> Matmul;
    private readonly delegate* unmanaged<int, byte*> getStatusString;
    private readonly NativeFile file;

    public CublasLtLibrary(NativeFile file)
    {
        this.file = file;
        GetVersion = (delegate* unmanaged<nuint>)file.Export("cublasLtGetVersion");
        Create = (delegate* unmanaged<nint*, int>)file.Export("cublasLtCreate");
        Destroy = (delegate* unmanaged<nint, int>)file.Export("cublasLtDestroy");
        MatmulDescCreate = (delegate* unmanaged<nint*, int, int, int>)file.Export("cublasLtMatmulDescCreate");
        MatmulDescDestroy = (delegate* unmanaged<nint, int>)file.Export("cublasLtMatmulDescDestroy");
        MatmulDescSetAttribute = (delegate* unmanaged<nint, int, void*, nuint, int>)file.Export("cublasLtMatmulDescSetAttribute");
        LayoutCreate = (delegate* unmanaged<nint*, int, ulong, ulong, long, int>)file.Export("cublasLtMatrixLayoutCreate");
        LayoutDestroy = (delegate* unmanaged<nint, int>)file.Export("cublasLtMatrixLayoutDestroy");
        PreferenceCreate = (delegate* unmanaged<nint*, int>)file.Export("cublasLtMatmulPreferenceCreate");
        PreferenceDestroy = (delegate* unmanaged<nint, int>)file.Export("cublasLtMatmulPreferenceDestroy");
        PreferenceSetAttribute = (delegate* unmanaged<nint, int, void*, nuint, int>)file.Export("cublasLtMatmulPreferenceSetAttribute");
        AlgoGetHeuristic = (delegate* unmanaged<nint, nint, nint, nint, nint, nint, nint, int, void*, int*, int>)file.Export("cublasLtMatmulAlgoGetHeuristic");
        Matmul = (delegate* unmanaged<nint, nint, float*, nint, nint, nint, nint, float*, nint, nint, nint, nint, void*, nint, nuint, nint, int>)file.Export("cublasLtMatmul");
        getStatusString = (delegate* unmanaged<int, byte*>)file.Export("cublasLtGetStatusString");
    }

    public bool IsComplete => file.Path is not null && file.Missing.Count == 0;

    /// <exception cref="CudaException">The answer is an error.</exception>
    public void Check(int status, string api)
    {
        if (status != 0)
            throw new CudaException($"{api} of {file.Path} failed with {Marshal.PtrToStringUTF8((nint)getStatusString(status))}", api: api);
    }
}
