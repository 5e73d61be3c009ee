using JepaEngine.Cuda.Context;
using JepaEngine.Cuda.Driver;
using JepaEngine.Cuda.Loading;

namespace JepaEngine.Cuda.Vendor;

/// <summary>
/// cuBLASLt, where it is installed: the vendor's matrix product, which benchmarks print the ratio to. Written from NVIDIA's public documentation of cuBLAS, 12 and 13.
/// Not thread-safe.
/// </summary>
public sealed unsafe class CublasLt : IDisposable
{
    private const int WorkspaceBytes = 32 << 20; // what NVIDIA recommends for compute capability 9.0

    private readonly CudaContext context;
    private readonly CublasLtLibrary library;
    private readonly Dictionary<Problem, Plan> plans = [];
    private readonly nint handle, workspace;

    private CublasLt(CudaContext context, CublasLtLibrary library)
    {
        this.context = context;
        this.library = library;
        context.EnterOrThrow();
        nint made;
        library.Check(library.Create(&made), "cublasLtCreate");
        handle = made;
        workspace = context.Allocate(WorkspaceBytes);
    }

    /// <summary>As 120400 for 12.4.0.</summary>
    public long Version => (long)library.GetVersion();

    /// <summary>Opens the library on a device; null where it is not installed, lacks a function, or the device is simulated.</summary>
    public static CublasLt? TryOpen(CudaContext context)
    {
        if (context.Info.IsSimulated)
            return null;
        var found = new CublasLtLibrary(CudaLibraries.CublasLt());
        return found.IsComplete ? new(context, found) : null;
    }

    /// <summary>c [m, n] = op(a) [m, k] op(b) [k, n], all row by row, with f32 sums, in the context's stream. The first call of a shape asks the library for its best kernel.</summary>
    /// <param name="a">[m, k], or [k, m] if transposed.</param>
    /// <param name="transposeA">Whether a lies transposed.</param>
    /// <param name="b">[k, n], or [n, k] if transposed.</param>
    /// <param name="transposeB">Whether b lies transposed.</param>
    /// <param name="c">[m, n].</param>
    /// <param name="m">Rows of c.</param>
    /// <param name="n">Columns of c.</param>
    /// <param name="k">Length of the sums.</param>
    /// <param name="bf16">Whether all three are bf16; otherwise f32, multiplied as f32 and not as TF32.</param>
    /// <exception cref="CudaException">The library refuses.</exception>
    public void Multiply(nint a, bool transposeA, nint b, bool transposeB, nint c, int m, int n, int k, bool bf16)
    {
        context.EnterOrThrow();
        var problem = new Problem(transposeA, transposeB, m, n, k, bf16);
        if (!plans.TryGetValue(problem, out Plan? plan))
            plans[problem] = plan = new(library, handle, problem, WorkspaceBytes);
        plan.Run(handle, a, b, c, workspace, WorkspaceBytes, context.Stream.Handle);
    }

    /// <summary>Gives back its memory and handle.</summary>
    public void Dispose()
    {
        foreach (Plan plan in plans.Values)
            plan.Dispose();
        plans.Clear();
        context.Free(workspace);
        if (context.Enter())
            _ = library.Destroy(handle);
    }

    private readonly record struct Problem(bool TransposeA, bool TransposeB, int M, int N, int K, bool Bf16);

    // A product's description and the kernel chosen for it. The library thinks in columns: row by row, c is its transpose, so c^T = op(b)^T op(a)^T.
    private sealed class Plan : IDisposable
    {
        private const int Compute32F = 68, Real32F = 0, RealBf16 = 14, TransposeFirst = 3, TransposeSecond = 4, MaxWorkspace = 1, HeuristicWords = 12;
        private readonly CublasLtLibrary library;
        private readonly nint operation, first, second, result;
        private readonly ulong[] algorithm = new ulong[HeuristicWords]; // of cublasLtMatmulHeuristicResult_t, which begins with the algorithm

        public Plan(CublasLtLibrary library, nint handle, Problem p, int workspaceBytes)
        {
            this.library = library;
            int type = p.Bf16 ? RealBf16 : Real32F;
            nint made;
            library.Check(library.MatmulDescCreate(&made, Compute32F, Real32F), "cublasLtMatmulDescCreate");
            operation = made;
            Transpose(TransposeFirst, p.TransposeB);
            Transpose(TransposeSecond, p.TransposeA);
            first = p.TransposeB ? Layout(type, p.K, p.N) : Layout(type, p.N, p.K);
            second = p.TransposeA ? Layout(type, p.M, p.K) : Layout(type, p.K, p.M);
            result = Layout(type, p.N, p.M);
            nint preference;
            library.Check(library.PreferenceCreate(&preference), "cublasLtMatmulPreferenceCreate");
            ulong bytes = (ulong)workspaceBytes;
            library.Check(library.PreferenceSetAttribute(preference, MaxWorkspace, &bytes, sizeof(ulong)), "cublasLtMatmulPreferenceSetAttribute");
            int found = 0;
            fixed (ulong* chosen = algorithm)
                library.Check(library.AlgoGetHeuristic(handle, operation, first, second, result, result, preference, 1, chosen, &found), "cublasLtMatmulAlgoGetHeuristic");
            _ = library.PreferenceDestroy(preference);
            if (found == 0)
                throw new CudaException($"cuBLASLt has no kernel for {p}", api: "cublasLtMatmulAlgoGetHeuristic");
        }

        public void Run(nint handle, nint a, nint b, nint c, nint workspace, int workspaceBytes, nint stream)
        {
            float one = 1, zero = 0;
            fixed (ulong* chosen = algorithm)
                library.Check(library.Matmul(handle, operation, &one, b, first, a, second, &zero, c, result, c, result, chosen, workspace, (nuint)workspaceBytes, stream), "cublasLtMatmul");
        }

        public void Dispose()
        {
            foreach (nint layout in new[] { first, second, result })
                _ = library.LayoutDestroy(layout);
            _ = library.MatmulDescDestroy(operation);
        }

        private void Transpose(int attribute, bool value)
        {
            int flag = value ? 1 : 0;
            library.Check(library.MatmulDescSetAttribute(operation, attribute, &flag, sizeof(int)), "cublasLtMatmulDescSetAttribute");
        }

        private nint Layout(int type, int rows, int columns)
        {
            nint made;
            library.Check(library.LayoutCreate(&made, type, (ulong)rows, (ulong)columns, rows), "cublasLtMatrixLayoutCreate");
            return made;
        }
    }
}
