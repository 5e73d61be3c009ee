using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using JepaEngine.Backends;
using JepaEngine.Devices;

namespace JepaEngine.Tensors;

/// <summary>
/// An array of numbers on a device: a shape over memory that a <see cref="TensorScope"/> owns, and a slot for its gradient. Operations are
/// extension members in <c>JepaEngine.Ops</c>. A tensor is not thread-safe; many threads may read one at the same time.
/// </summary>
public sealed class Tensor
{
    private readonly Storage storage;
    private readonly int version;
    private readonly Layout layout;

    internal Tensor(TensorScope scope, Storage storage, DType dtype, in Layout layout)
    {
        Scope = scope;
        DType = dtype;
        this.storage = storage;
        version = storage.Version;
        this.layout = layout;
    }

    /// <summary>The scope that made the tensor; a view names the scope in which it was made.</summary>
    public TensorScope Scope { get; }

    /// <summary>Where it lives.</summary>
    public Device Device => Scope.Device;

    /// <summary>Type of an element.</summary>
    public DType DType { get; }

    /// <summary>The lengths.</summary>
    public Shape Shape => layout.Shape;

    /// <summary>Where the elements lie in memory.</summary>
    public Layout Layout => layout;

    /// <summary>Whether a tape records what is computed from this tensor. Set on parameters; results inherit it.</summary>
    public bool RequiresGrad { get; set; }

    /// <summary>The gradient, after <c>Tape.Backward</c>; null where nothing reached the tensor.</summary>
    public Tensor? Grad { get; internal set; }

    /// <summary>Where a parameter's gradient is to lie, so that an optimiser finds all of them side by side.</summary>
    internal Tensor? GradBuffer { get; set; }

    /// <summary>Whether the memory has gone back.</summary>
    public bool IsDisposed => storage.Version != version;

    /// <summary>The tensor as kernels take it.</summary>
    /// <exception cref="ObjectDisposedException">The scope that owned its memory is disposed.</exception>
    public Operand Operand
    {
        get
        {
            if (IsDisposed)
                ThrowDisposed();
            return new Operand(storage, DType, layout);
        }
    }

    /// <summary>The backend of its device.</summary>
    internal Backend Backend => Device.Backend;

    /// <summary>Keeps its memory where it is while another scope lives.</summary>
    internal void HoldIn(TensorScope scope) => scope.Hold(storage);

    /// <summary>
    /// Keeps its memory where it is until the result is disposed, while a kernel reads or writes it for no scope.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The scope that owned its memory is disposed.</exception>
    internal Stay InUse()
    {
        if (IsDisposed || !storage.Owner!.TryEnter())
            ThrowDisposed();
        return new Stay(storage.Owner!);
    }

    /// <summary>Another layout over the same memory, made in <paramref name="scope"/>.</summary>
    internal Tensor View(TensorScope scope, in Layout view)
    {
        HoldIn(scope);
        if (IsDisposed)
            ThrowDisposed();
        return new Tensor(scope, storage, DType, view);
    }

    /// <summary>Gives the memory back before its scope ends; for gradients and scratch whose last reader is known.</summary>
    internal void Release()
    {
        if (!IsDisposed)
            Scope.Return(storage);
    }

    /// <summary>All elements in row-major order, converted to <typeparamref name="T"/>.</summary>
    public T[] ToArray<T>() where T : unmanaged
    {
        T[] result = new T[Shape.Count];
        CopyTo(result.AsSpan());
        return result;
    }

    /// <summary>Copies all elements in row-major order, converted to <typeparamref name="T"/>.</summary>
    /// <exception cref="ArgumentException"><paramref name="destination"/> has another length.</exception>
    public void CopyTo<T>(Span<T> destination) where T : unmanaged
    {
        if (destination.Length != Shape.Count)
            throw new ArgumentException($"{this} has {Shape.Count} elements, the destination {destination.Length}", nameof(destination));
        using Stay stay = InUse();
        DType dtype = DTypes.Of<T>();
        if (dtype == DType && layout.IsContiguous)
        {
            Backend.Download(Operand, destination);
            return;
        }
        using var staging = new TensorScope(Device, "read-back");
        Storage buffer = staging.Rent(Shape.Count * dtype.Size());
        var staged = new Operand(buffer, dtype, new Layout(Shape));
        Backend.Copy(Operand, staged);
        Backend.Download(staged, destination);
    }

    /// <summary>Whether no element is NaN or infinite; what lies on a GPU is fetched for it.</summary>
    public bool IsFinite()
    {
        if (!DType.IsFloat())
            return true;
        if (Device.IsHost && layout.IsContiguous)
            return Finite.All(Operand);
        return Array.TrueForAll(ToArray<float>(), float.IsFinite);
    }

    /// <summary>Overwrites all elements in row-major order, converting from <typeparamref name="T"/>.</summary>
    /// <exception cref="ArgumentException"><paramref name="source"/> has another length.</exception>
    public void CopyFrom<T>(ReadOnlySpan<T> source) where T : unmanaged
    {
        if (source.Length != Shape.Count)
            throw new ArgumentException($"{this} has {Shape.Count} elements, the source {source.Length}", nameof(source));
        using Stay stay = InUse();
        DType dtype = DTypes.Of<T>();
        if (dtype == DType && layout.IsContiguous)
        {
            Backend.Upload(source, Operand);
            return;
        }
        using var staging = new TensorScope(Device, "upload");
        Storage buffer = staging.Rent(Shape.Count * dtype.Size());
        var staged = new Operand(buffer, dtype, new Layout(Shape));
        Backend.Upload(source, staged);
        Backend.Copy(staged, Operand);
    }

    /// <summary>Overwrites all elements with another tensor's of the same shape and device. Nothing is recorded.</summary>
    /// <exception cref="ArgumentException">Shapes or devices differ.</exception>
    public void CopyFrom(Tensor source)
    {
        if (source.Shape != Shape || source.Device != Device)
            throw new ArgumentException(
                $"CopyFrom: {source} does not fit {this}{Device.OfOneName(source.Device, Device)}", nameof(source));
        using Stay here = InUse(), there = source.InUse();
        Backend.Copy(source.Operand, Operand);
    }

    /// <summary>The only element.</summary>
    /// <exception cref="InvalidOperationException">There is not exactly one.</exception>
    public double Item()
    {
        if (Shape.Count != 1)
            throw new InvalidOperationException($"Item: {this} has {Shape.Count} elements, not one");
        double value = 0;
        CopyTo(new Span<double>(ref value));
        return value;
    }

    /// <summary>As <c>F32 [2, 3] on cpu</c>.</summary>
    public override string ToString() => $"{DType} {Shape} on {Device}";

    /// <summary>The time in which a scope's memory stays where it is.</summary>
    internal readonly ref struct Stay(MemoryScope scope)
    {
        /// <summary>Ends it.</summary>
        public void Dispose() => scope.Leave();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    [DoesNotReturn]
    private void ThrowDisposed() => throw new ObjectDisposedException(
        nameof(Tensor), $"{this} was made in '{Scope.Name}', whose memory has gone back; use the tensor before its scope ends, or copy it out");
}
