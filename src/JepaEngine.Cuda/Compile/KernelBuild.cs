using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using JepaEngine.Cuda.Driver;

namespace JepaEngine.Cuda.Compile;

/// <summary>What became of one compilation.</summary>
/// <param name="Source">What was compiled.</param>
/// <param name="Architecture">For what, as <c>sm_90a</c>.</param>
/// <param name="Made">The cubin and the compiler's log; null where it has errors or was not compiled.</param>
/// <param name="Fault">The compiler's errors; null where it had none.</param>
/// <param name="IsCached">Whether the cache held it.</param>
internal sealed record KernelBuild(
    KernelSource Source, string Architecture, CompiledKernel? Made, string? Fault, bool IsCached)
{
    /// <summary>What each kernel takes of a multiprocessor.</summary>
    public IReadOnlyList<KernelResources> Kernels { get; } = Made is null ? [] : KernelResources.Parse(Made.Log);

    /// <summary>
    /// The log's lines with a warning, and those with a code C75xx: there the assembler gave up overlapping matrix
    /// instructions, which can cost half the speed and is said nowhere else.
    /// </summary>
    public IEnumerable<string> Warnings => Made is null ? [] : Made.Log.Split('\n')
        .Where(line => line.Contains("warning", StringComparison.OrdinalIgnoreCase)
            || line.Contains("(C75", StringComparison.Ordinal))
        .Select(line => line.Trim());

    /// <summary>As <c>gemm bf16 sm_90a</c>.</summary>
    public override string ToString() => $"{Source} {Architecture}";

    /// <summary>Finds in the cache, or compiles, what the engine can ask for.</summary>
    /// <param name="library">The compiler.</param>
    /// <param name="files">The kernels.</param>
    /// <param name="sources">What of them: of <see cref="KernelCatalog.Sources"/>.</param>
    /// <param name="architectures">As <c>sm_80</c>.</param>
    /// <param name="folder">The cache's folder; null keeps nothing.</param>
    /// <param name="jobs">Compilations at a time; 0 compiles nothing and takes what the cache holds.</param>
    /// <param name="notice">Is told what is wrong with the cache.</param>
    /// <param name="done">Is told of each as it is there, by one thread at a time.</param>
    /// <returns>In the order of the architectures, then of the sources.</returns>
    public static IReadOnlyList<KernelBuild> All(
        NvrtcLibrary library, KernelFiles files, IReadOnlyList<KernelSource> sources,
        IReadOnlyList<string> architectures, string? folder, int jobs, Action<string> notice, Action<KernelBuild> done)
    {
        KernelCache[] caches = [.. architectures.Select(architecture =>
            new KernelCache(new NvrtcCompiler(library, architecture), folder, notice))];
        var builds = new KernelBuild[architectures.Count * sources.Count];
        var telling = new Lock();
        // Attention takes ten times as long as most and comes first: else one job is still at it when all others have
        // ended.
        int[] order = [.. Enumerable.Range(0, builds.Length).OrderByDescending(i => sources[i % sources.Count].Width)];
        var options = new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, jobs) };
        try
        {
            Parallel.ForEach(Partitioner.Create(order, EnumerablePartitionerOptions.NoBuffering), options, Build);
        }
        catch (AggregateException error)
        {
            ExceptionDispatchInfo.Throw(error.InnerExceptions[0]);
        }
        return builds;

        void Build(int i)
        {
            int architecture = i / sources.Count;
            builds[i] = One(
                sources[i % sources.Count], architectures[architecture], caches[architecture], files, jobs > 0);
            lock (telling)
                done(builds[i]);
        }
    }

    private static KernelBuild One(
        KernelSource source, string architecture, KernelCache cache, KernelFiles files, bool mayCompile)
    {
        bool isCached = cache.Holds(source, files);
        if (!isCached && !mayCompile)
            return new(source, architecture, null, null, false);
        try
        {
            return new(source, architecture, cache.Compile(source, files), null, isCached);
        }
        catch (CudaException fault)
        {
            return new(source, architecture, null, fault.Message, false);
        }
    }
}
