using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using JepaEngine.Backends;
using JepaEngine.Backends.Cpu;
using JepaEngine.Backends.Cuda;
using JepaEngine.Backends.Reference;
using JepaEngine.Cuda.Context;
using JepaEngine.Cuda.Driver;

namespace JepaEngine.Devices;

/// <summary>
/// Where tensors live and kernels run: one object that owns its memory, its backend and, on a GPU, its CUDA context.
/// Each is opened at first use, and a failure is not remembered, so that a driver that comes later is found. Two
/// objects are two devices, even on one processor: neither sees the other's tensors, memory or profile. Nothing chooses
/// a device silently. Many threads may use one.
/// </summary>
public sealed class Device : IDisposable
{
    // Variants of a device have its memory and its context: they lie in the first of them.
    private readonly Device first;
    private readonly Dictionary<(DType, CpuIsa, int), Device> variants;
    private readonly Lock gate;
    private bool isShared, isAdopted, isDisposed;
    private Allocator? allocator;
    private CudaContext? context;
    private Backend? backend;

    /// <summary>A device of its own. It opens nothing yet.</summary>
    /// <param name="kind">The kind of processor.</param>
    /// <param name="compute">The dtype it computes in.</param>
    /// <param name="isa">On the CPU: the vector instructions.</param>
    /// <param name="threads">
    /// On the CPU: worker threads; 0 is one a core, or what <c>JEPA_CPU_THREADS</c> says. Results do not depend on it.
    /// </param>
    /// <param name="index">On a GPU: its number, from 0.</param>
    public Device(DeviceKind kind, DType compute, CpuIsa isa = CpuIsa.Auto, int threads = 0, int index = 0)
        : this(kind, compute, isa, threads, index, null)
    {
    }

    private Device(DeviceKind kind, DType compute, CpuIsa isa, int threads, int index, Device? first)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(threads, CpuIsas.MostThreads);
        (Kind, Compute, Isa, Threads, Index) = (kind, compute, isa, threads, index);
        this.first = first ?? this;
        gate = first?.gate ?? new Lock();
        variants = first?.variants ?? new() { [(compute, isa, threads)] = this };
    }

    /// <summary>The kind of processor.</summary>
    public DeviceKind Kind { get; }

    /// <summary>The dtype it computes in.</summary>
    public DType Compute { get; }

    /// <summary>On the CPU: the vector instructions.</summary>
    public CpuIsa Isa { get; }

    /// <summary>On the CPU: worker threads, or 0 for one a core.</summary>
    public int Threads { get; }

    /// <summary>On a GPU: its number, from 0.</summary>
    public int Index { get; }

    /// <summary>The processor's SIMD kernels on all cores; shared, and as such alive as long as the process.</summary>
    public static Device Cpu { get; } = new(DeviceKind.Cpu, DType.F32) { isShared = true };

    /// <summary>The double-precision oracle, shared.</summary>
    public static Device Reference { get; } = new(DeviceKind.Reference, DType.F64) { isShared = true };

    /// <summary>As <see cref="Reference"/> but in f32.</summary>
    public static Device ReferenceF32 { get; } = Reference.With(DType.F32);

    /// <summary>
    /// The simulated GPU in the f32 tier, shared: the same launches and kernels as <see cref="Cuda"/>, on the
    /// processor, checked and slow.
    /// </summary>
    public static Device Simulator { get; } = new(DeviceKind.Simulator, DType.F32) { isShared = true };

    /// <summary>A GPU in the f32 tier: true f32, no TF32. A new object a call.</summary>
    public static Device Cuda(int index = 0) => new(DeviceKind.Cuda, DType.F32, index: index);

    /// <summary>
    /// A host's own context and stream as a device in the f32 tier. The context stays the host's, who disposes it after
    /// the device.
    /// </summary>
    public static Device Adopt(CudaContext context) =>
        new(DeviceKind.Cuda, DType.F32, index: context.Ordinal) { context = context, isAdopted = true };

    /// <summary>
    /// A variant of this device: in another tier, with other vectors or threads. It has a backend of its own, and
    /// shares memory and context; it is the same object whenever it is asked for.
    /// </summary>
    public Device With(DType? compute = null, CpuIsa? isa = null, int? threads = null)
    {
        (DType Compute, CpuIsa Isa, int Threads) key = (compute ?? Compute, isa ?? Isa, threads ?? Threads);
        lock (gate)
        {
            if (!variants.TryGetValue(key, out Device? variant))
                variants.Add(key, variant = new Device(Kind, key.Compute, key.Isa, key.Threads, Index, first));
            return variant;
        }
    }

    /// <summary>
    /// On a GPU, and as its straightforward implementation: the bf16 tier. Tensors are bf16, sums f32; statistics,
    /// losses and the optimiser's numbers stay f32.
    /// </summary>
    public Device InBFloat16 => With(DType.BF16);

    /// <summary>
    /// What statistics, losses and the optimiser's numbers are kept in: the compute dtype, but never less than f32.
    /// </summary>
    public DType Statistics => Compute == DType.BF16 ? DType.F32 : Compute;

    /// <summary>Whether its memory is the processor's own, which pointers of the host reach.</summary>
    public bool IsHost => Kind is DeviceKind.Cpu or DeviceKind.Reference;

    /// <summary>
    /// The straightforward implementation for what this device computes in: plain loops, whose rounding error parity is
    /// measured by. It is shared.
    /// </summary>
    public Device Straightforward => Reference.With(Compute);

    /// <summary>Its memory.</summary>
    /// <exception cref="CudaException">There is no such GPU; the message lists what was looked for.</exception>
    /// <exception cref="ObjectDisposedException">The device is disposed.</exception>
    public Allocator Allocator => first.allocator ?? first.OpenMemory();

    /// <summary>The operations.</summary>
    /// <exception cref="CudaException">There is no such GPU; the message lists what was looked for.</exception>
    /// <exception cref="NotSupportedException">A device of this kind does not compute in its dtype.</exception>
    /// <exception cref="ObjectDisposedException">The device is disposed.</exception>
    public Backend Backend
    {
        get => backend ?? OpenBackend();
        internal set => backend = value;
    }

    /// <summary>The driver's side of a GPU or of the simulator.</summary>
    /// <exception cref="CudaException">
    /// There is no such GPU, or no compiler for the simulator; the message lists what was looked for.
    /// </exception>
    /// <exception cref="NotSupportedException">The device is the processor.</exception>
    /// <exception cref="ObjectDisposedException">The device is disposed.</exception>
    public CudaContext Context => first.context ?? first.OpenContext();

    /// <summary>
    /// Ends the worker threads and gives cached memory and the CUDA context back, its own and its variants'. Dispose
    /// what works on it before; a scope that is still open gives its memory back when it is disposed, and the last of
    /// them the context. Does nothing to a shared device.
    /// </summary>
    public void Dispose()
    {
        lock (gate)
        {
            if (first.isShared || first.isDisposed)
                return;
            first.isDisposed = true;
            foreach (Device variant in variants.Values)
            {
                (variant.backend?.Inner as IDisposable)?.Dispose();
                variant.backend = null;
            }
            Action close = first.isAdopted || first.context is not { } opened ? () => { } : opened.Dispose;
            if (first.allocator is { } memory)
                memory.Close(close);
            else
                close();
            (first.allocator, first.context) = (null, null);
        }
    }

    /// <summary>As <c>cpu</c>, <c>reference (F64)</c>, <c>cuda:0</c> or <c>cuda:0:bf16</c>.</summary>
    public override string ToString() => Kind switch
    {
        DeviceKind.Cpu => "cpu" + (Isa == CpuIsa.Auto ? "" : $":{Isa}") + (Threads == 0 ? "" : $":{Threads}"),
        DeviceKind.Cuda => $"cuda:{Index}{Tier}",
        DeviceKind.Simulator => $"sim{Tier}",
        _ => $"reference ({Compute})",
    };

    /// <summary>What a refusal of the pair adds where their names would not tell them apart.</summary>
    internal static string OfOneName(Device a, Device b) =>
        a != b && a.ToString() == b.ToString() ? " (two devices of one name)" : "";

    private string Tier => Compute == DType.BF16 ? ":bf16" : "";

    /// <summary>
    /// The device of a name: <c>cpu</c>, <c>sim</c>, which are the shared ones, <c>cuda</c> or <c>cuda:N</c>; with
    /// <c>:bf16</c> a GPU's bf16 tier.
    /// </summary>
    /// <returns>False where no device is called so.</returns>
    public static bool TryParse(string text, [NotNullWhen(true)] out Device? device)
    {
        string name = text.ToLowerInvariant();
        string plain = name.EndsWith(":bf16", StringComparison.Ordinal) ? name[..^5] : name;
        device = plain switch
        {
            "cpu" when plain == name => Cpu,
            "sim" => Simulator,
            "cuda" => Cuda(),
            _ when plain.StartsWith("cuda:", StringComparison.Ordinal)
                && int.TryParse(plain.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out int index) =>
                Cuda(index),
            _ => null,
        };
        if (plain != name)
            device = device?.InBFloat16;
        return device is not null;
    }

    private Backend OpenBackend()
    {
        lock (gate)
        {
            return backend ??= (Kind, Compute) switch
            {
                (DeviceKind.Cpu, DType.F32) => new CpuBackend(Isa, Threads, Allocator),
                (DeviceKind.Reference, DType.F64) => new ReferenceBackend<double>(Allocator),
                (DeviceKind.Reference, DType.F32) => new ReferenceBackend<float>(Allocator),
                (DeviceKind.Reference, DType.BF16) => new RoundedBackend(Isa == CpuIsa.Auto
                    ? new ReferenceBackend<float>(Allocator)
                    : new CpuBackend(Isa, Threads, Allocator)),
                (DeviceKind.Cuda or DeviceKind.Simulator, DType.F32 or DType.BF16) =>
                    new CudaBackend(Context, Allocator),
                _ => throw new NotSupportedException($"there is no backend for {this} computing in {Compute}"),
            };
        }
    }

    private Allocator OpenMemory()
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            return allocator ??= new Allocator(IsHost ? new HostMemory() : new CudaMemory(Context));
        }
    }

    private CudaContext OpenContext()
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            return context ??= Kind switch
            {
                DeviceKind.Cuda => CudaContext.Open(Index),
                DeviceKind.Simulator => CudaContext.OpenSimulator(),
                _ => throw new NotSupportedException($"{this} has no CUDA context; a GPU and the simulator have one"),
            };
        }
    }
}
