using System.Collections.Concurrent;
using JepaEngine.Cuda.Compile;
using JepaEngine.Cuda.Driver;

namespace JepaEngine.Cuda.Context;

// Kernels: compiled and loaded at first use, then found in a dictionary and launched.
public sealed unsafe partial class CudaContext
{
    private readonly KernelCache compiler;
    private readonly ConcurrentDictionary<(KernelSource Source, string Entry), CudaFunction> functions = new();
    private readonly Dictionary<KernelSource, (nint Handle, string Hash)> modules = [];
    private readonly List<nint> replaced = [];
    private readonly Lock loading = new();
    private long launches, recorded;

    /// <summary>What compiles the kernels, as <c>NVRTC 12.4</c>.</summary>
    public string Compiler => compiler.Name;

    /// <summary>Where the kernels' sources come from.</summary>
    public KernelFiles Files { get; private set; }

    /// <summary>A kernel, compiled if no cache holds it and loaded at its first use.</summary>
    /// <param name="source">Which file, compiled how.</param>
    /// <param name="entry">The kernel's name there.</param>
    /// <exception cref="CudaException">The file does not compile, or holds no such kernel.</exception>
    public CudaFunction Kernel(KernelSource source, string entry)
    {
        if (functions.TryGetValue((source, entry), out CudaFunction? known))
            return known;
        lock (loading)
        {
            if (functions.TryGetValue((source, entry), out known))
                return known;
            EnterOrThrow();
            if (!modules.TryGetValue(source, out (nint Handle, string Hash) module))
                modules[source] = module = Load(source, Files);
            (nint kernel, int bytes) = Find(module.Handle, source, entry);
            return functions[(source, entry)] = new(source, entry, kernel, bytes);
        }
    }

    /// <summary>Launches a kernel in the stream.</summary>
    /// <param name="function">The kernel.</param>
    /// <param name="gridX">Blocks along x.</param>
    /// <param name="gridY">Blocks along y.</param>
    /// <param name="gridZ">Blocks along z.</param>
    /// <param name="threads">Threads a block, what the kernel was compiled for.</param>
    /// <param name="sharedBytes">Dynamic shared memory a block.</param>
    /// <param name="args">The kernel's struct; read before this returns.</param>
    /// <param name="argsBytes">Its size.</param>
    /// <param name="options">How blocks and launches hang together.</param>
    /// <exception cref="CudaException">The launch was refused, or an earlier kernel failed.</exception>
    public void Launch(CudaFunction function, int gridX, int gridY, int gridZ, int threads, int sharedBytes, void* args, int argsBytes, LaunchOptions options = default)
    {
        EnterOrThrow();
        if (function.ArgumentBytes != 0 && function.ArgumentBytes != argsBytes)
            throw new CudaException($"{function} takes a struct of {function.ArgumentBytes} bytes, not {argsBytes}: the launcher's struct and the kernel's differ", CudaResult.InvalidValue, "cuLaunchKernel", function.ToString());
        function.AllowShared(this, sharedBytes);
        void* parameter = args;
        CudaResult result = options == default
            ? Driver.LaunchKernel(function.Handle, (uint)gridX, (uint)gridY, (uint)gridZ, (uint)threads, 1, 1, (uint)sharedBytes, Stream.Handle, &parameter, null)
            : LaunchExtended(function, new() { GridX = (uint)gridX, GridY = (uint)gridY, GridZ = (uint)gridZ, BlockX = (uint)threads, BlockY = 1, BlockZ = 1, SharedBytes = (uint)sharedBytes },
                &parameter, options);
        if (result != CudaResult.Success)
            throw Failed(result, "cuLaunchKernel", function.ToString(), $", a grid of {gridX} x {gridY} x {gridZ} blocks of {threads} threads and {sharedBytes:N0} bytes of shared memory");
        youngest = function;
        Launched?.Invoke(function, sharedBytes);
        if (IsCapturing)
            recorded++;
        else
            CountLaunch();
    }

    /// <summary>Is told of each kernel that is launched, and of the dynamic shared memory of its blocks.</summary>
    internal Action<CudaFunction, int>? Launched { get; set; }

    internal void CountLaunch() => Interlocked.Increment(ref launches);

    /// <summary>What was compiled and loaded so far, and <see cref="HashOf"/> of it.</summary>
    internal IReadOnlyList<(KernelSource Source, string Hash)> LoadedSources
    {
        get
        {
            lock (loading)
                return [.. modules.Select(module => (module.Key, module.Value.Hash))];
        }
    }

    /// <summary>SHA-256 of all that a kernel file is compiled from.</summary>
    internal string HashOf(KernelSource source, KernelFiles files) => files.Hash(source.Path, compiler.IncludeFolders);

    /// <summary>Compiles a file, or finds it in the cache.</summary>
    internal CompiledKernel Compile(KernelSource source) => compiler.Compile(source, Files);

    /// <summary>A second context on the same device that shares nothing with this one and takes its kernels from elsewhere: where edited ones are tried.</summary>
    internal CudaContext WithFiles(KernelFiles files) => new(Driver, Ordinal, null, 0, files, _ => compiler);

    /// <summary>Takes kernels from elsewhere from now on, and puts what is compiled from there in the place of certain loaded ones: all of them or, if one fails, none.</summary>
    /// <exception cref="CudaException">One does not compile, or no longer holds a kernel in use.</exception>
    internal void Replace(KernelFiles files, IReadOnlyList<KernelSource> sources)
    {
        lock (loading)
        {
            EnterOrThrow();
            var made = new Dictionary<KernelSource, (nint Handle, string Hash)>();
            var found = new List<(CudaFunction Function, nint Handle, int Bytes)>();
            try
            {
                foreach (KernelSource source in sources)
                    made[source] = Load(source, files);
                foreach (CudaFunction function in functions.Values.Where(function => made.ContainsKey(function.Source)))
                {
                    (nint kernel, int bytes) = Find(made[function.Source].Handle, function.Source, function.Entry);
                    found.Add((function, kernel, bytes));
                }
            }
            catch
            {
                foreach ((nint module, _) in made.Values)
                    _ = Driver.ModuleUnload(module);
                throw;
            }
            foreach ((KernelSource source, (nint Handle, string Hash) module) in made)
            {
                replaced.Add(modules[source].Handle); // launches of it may be under way: unloaded at the end
                modules[source] = module;
            }
            foreach ((CudaFunction function, nint kernel, int bytes) in found)
                function.Replace(kernel, bytes);
            Files = files;
        }
    }

    private (nint Handle, string Hash) Load(KernelSource source, KernelFiles files)
    {
        string hash = HashOf(source, files);
        nint module;
        fixed (byte* image = compiler.Compile(source, files).Image)
            Call(Driver.ModuleLoadData(&module, image), "cuModuleLoadData", source.ToString());
        return (module, hash);
    }

    private (nint Kernel, int ArgumentBytes) Find(nint module, KernelSource source, string entry)
    {
        nint kernel;
        fixed (byte* name = System.Text.Encoding.UTF8.GetBytes(entry + '\0'))
            Call(Driver.ModuleGetFunction(&kernel, module, name), "cuModuleGetFunction", $"{entry} ({source})");
        nuint offset, bytes = 0;
        if (Driver.FuncGetParamInfo != null)
            Call(Driver.FuncGetParamInfo(kernel, 0, &offset, &bytes), "cuFuncGetParamInfo", $"{entry} ({source})");
        return (kernel, (int)bytes);
    }

    private CudaResult LaunchExtended(CudaFunction function, LaunchConfig config, void** parameters, LaunchOptions options)
    {
        if (Driver.LaunchKernelEx == null)
            throw new CudaException($"the driver ({Driver.File.Path}) has no cuLaunchKernelEx, which clusters and dependent launches need: install a newer one", CudaResult.NotFound, "cuLaunchKernelEx", function.ToString());
        LaunchAttribute* attributes = stackalloc LaunchAttribute[2];
        if (options.Cluster > 1)
            attributes[config.AttributeCount++] = new() { Id = LaunchAttributeId.ClusterDimension, X = (uint)options.Cluster, Y = 1, Z = 1 };
        if (options.Overlaps)
            attributes[config.AttributeCount++] = new() { Id = LaunchAttributeId.ProgrammaticStreamSerialization, X = 1 };
        config.Attributes = attributes;
        config.Stream = Stream.Handle;
        return Driver.LaunchKernelEx(&config, function.Handle, parameters, null);
    }

    private void UnloadKernels()
    {
        foreach (nint module in replaced.Concat(modules.Values.Select(module => module.Handle)))
            _ = Driver.ModuleUnload(module);
        modules.Clear();
        functions.Clear();
    }
}
