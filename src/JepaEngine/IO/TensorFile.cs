using JepaEngine.Devices;
using JepaEngine.Tensors;

namespace JepaEngine.IO;

/// <summary>
/// A file of named tensors, whatever its format. Opening reads what describes them and checks every claim of it against the file's length; a tensor's
/// bytes are read when they are asked for. Many threads may read from one, each into its own scope.
/// </summary>
public abstract class TensorFile : IDisposable
{
    /// <summary>The most tensors a file may have: five times the largest JEPA checkpoint with its optimiser, described in under 64 MB.</summary>
    internal const int MaxTensors = 50_000;

    /// <summary>The most letters of a name.</summary>
    internal const int MaxName = 1024;

    /// <summary>The name of a tensor that is all of a file, without a name.</summary>
    internal const string OnlyTensor = "tensor";

    private readonly Dictionary<string, TensorEntry> entries = [];
    private readonly Dictionary<string, string> metadata = [], skipped = [];

    private readonly FileBytes file;

    private protected TensorFile(FileBytes file) => this.file = file;

    private protected TensorFile(TensorFile other) => file = other.file;

    /// <summary>The file.</summary>
    public string Path => file.Path;

    /// <summary>What kind of file it is, as a person would say it.</summary>
    public abstract string Format { get; }

    /// <summary>The tensors by name; one that is all of the file is called "tensor".</summary>
    public IReadOnlyDictionary<string, TensorEntry> Entries => entries;

    /// <summary>
    /// Tensors that the file has but that are not read, each with the reason, as "holds U16" or "has 7 dimensions".
    /// </summary>
    public IReadOnlyDictionary<string, string> Skipped => skipped;

    /// <summary>What the file holds besides tensors, as text: a header's notes, a checkpoint's epoch.</summary>
    public IReadOnlyDictionary<string, string> Metadata => metadata;

    /// <summary>Opens a file by what is in it; its name does not matter.</summary>
    /// <param name="path">The file; of several shards, the index.</param>
    /// <param name="mapped">
    /// Whether <see cref="Load"/> may map it; files under 16 MiB, and those of network file systems, are copied all the same. After somebody wrote to a
    /// mapped file its next use throws a <see cref="BadFileException"/>; one that is cut short in the middle of a kernel ends the process, as the system
    /// has no other answer. A new file in its place does no harm.
    /// </param>
    /// <exception cref="BadFileException">It is missing, damaged, or of no known format.</exception>
    public static TensorFile Open(string path, bool mapped = true)
    {
        var bytes = new FileBytes(path, mapped);
        try
        {
            return FileKind.Open(bytes);
        }
        catch
        {
            bytes.Dispose();
            throw;
        }
    }

    /// <summary>The same file with other names for its tensors, this one where none changes. Disposing either closes
    /// both.</summary>
    /// <param name="naming">The name of a tensor that has this one; null leaves it out.</param>
    /// <exception cref="BadFileException">Two tensors would have one name.</exception>
    public TensorFile Renamed(Func<string, string?> naming) =>
        entries.Keys.Concat(skipped.Keys).All(name => naming(name) == name) ? this : new RenamedFile(this, naming);

    /// <summary>The refusal of a file that lacks a tensor: why the one of this name is not read, or the nearest
    /// name.</summary>
    public BadFileException Lacks(string name) => new(Path, skipped.TryGetValue(name, out string? reason)
        ? $"'{name}' {reason}, which is not read; save it as F32, with at most {Shape.MaxRank} dimensions"
        : $"it has no tensor '{name}'; nearest is '{Nearest.Of(name, entries.Keys)}'");

    /// <summary>Copies a tensor into a scope, converted to what its device computes in (integers and pixels keep their dtype).</summary>
    /// <exception cref="BadFileException">There is no such tensor, or the file is shorter than it was.</exception>
    public Tensor Read(string name, TensorScope scope)
    {
        TensorEntry entry = Entry(name);
        Tensor tensor = scope.Empty(entry.Shape, entry.DType.IsFloat() ? scope.Device.Compute : entry.DType);
        Fill(entry, tensor);
        return tensor;
    }

    /// <summary>Overwrites a tensor with the file's numbers.</summary>
    /// <exception cref="BadFileException">There is no such tensor, it has another shape, or integers where floats are needed, or the reverse.</exception>
    public void ReadInto(string name, Tensor destination)
    {
        TensorEntry entry = Entry(name);
        if (entry.Shape != destination.Shape)
            throw new BadFileException(Path, $"'{name}' is {entry.Shape}, but {destination.Shape} is needed; the file belongs to a model of another size");
        if (entry.DType.IsFloat() ? !destination.DType.IsFloat() : destination.DType != entry.DType)
            throw new BadFileException(Path, $"'{name}' holds {entry.DType}, but {destination.DType} is needed");
        Fill(entry, destination);
    }

    /// <summary>
    /// As <see cref="Read"/>, but without a copy where the file is mapped and holds the tensor as the device needs it: its memory is then the mapped
    /// file, until the scope is disposed. What is written to it stays in memory, is seen by later loads from this object, and never reaches the file.
    /// </summary>
    /// <exception cref="BadFileException">There is no such tensor, or the file is shorter than it was.</exception>
    public Tensor Load(string name, TensorScope scope)
    {
        TensorEntry entry = Entry(name);
        if (Lend(entry, scope.Device, out nint start) is not { } lender)
            return Read(name, scope);
        return new Tensor(scope, scope.Borrow(start, entry.Shape.Count * entry.DType.Size(), lender), entry.DType, new Layout(entry.Shape));
    }

    /// <summary>Whether <see cref="Load"/> for a device leaves a tensor in the mapped file.</summary>
    /// <exception cref="BadFileException">There is no such tensor, or the file has changed since it was
    /// opened.</exception>
    public bool Stays(string name, Device device)
    {
        using ILender? lender = Lend(Entry(name), device, out _);
        return lender is not null;
    }

    /// <summary>The names of the float tensors that hold a NaN or an infinity; reads the whole file.</summary>
    /// <exception cref="BadFileException">The file is shorter than it was.</exception>
    public unsafe IReadOnlyList<string> NonFinite()
    {
        List<string> found = [];
        // Views of one storage are looked at where they lie: they may repeat its elements.
        foreach (IGrouping<object, TensorEntry> side in entries.Values
            .Where(entry => entry.DType.IsFloat() && entry.Shape.Count > 0)
            .GroupBy(entry => entry.Place.Layout.IsContiguous ? (object)entry : entry.Place.Source))
        {
            long start = side.Min(entry => entry.Place.First);
            long end = side.Max(entry => entry.Place.First + entry.Place.Span * entry.Place.ElementSize);
            using var scope = new TensorScope(Device.Cpu, "scan");
            byte* bytes = (byte*)new Operand(scope.Rent(end - start), DType.U8, new Layout([])).Address;
            ReadBytes(side.First().Place.Source, start, bytes, end - start);
            foreach (TensorEntry entry in side)
                if (!Finite.All(bytes + (entry.Place.First - start), entry.Place.Layout, entry.DType))
                    found.Add(entry.Name);
        }
        return found;
    }

    /// <summary>Closes the file; tensors that were loaded stay.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Closes the file.</summary>
    protected virtual void Dispose(bool disposing) => file.Dispose();

    /// <summary>Enters a tensor whose place has been checked.</summary>
    private protected void Add(TensorEntry entry)
    {
        CheckName(entry.Name);
        entries.Add(entry.Name, entry);
    }

    /// <summary>Enters a tensor that is not read, with the reason.</summary>
    private protected void Skip(string name, string reason)
    {
        CheckName(name);
        skipped.Add(name, reason);
    }

    private void CheckName(string name)
    {
        if (name.Length > MaxName)
            throw new BadFileException(Path, $"the name '{name[..40]}...' has {name.Length} letters; at "
                + $"most {MaxName} are read");
        if (entries.Count + skipped.Count == MaxTensors)
            throw new BadFileException(Path, $"it has more than {MaxTensors} tensors, the most that are read");
        if (entries.ContainsKey(name) || skipped.ContainsKey(name))
            throw new BadFileException(Path, $"'{name}' stands there twice");
    }

    /// <summary>Enters a text.</summary>
    private protected void AddMetadata(string key, string value)
    {
        if (metadata.Count == MaxTensors)
            throw new BadFileException(Path, $"it has more than {MaxTensors} numbers and texts, the most that are read");
        if (!metadata.TryAdd(key, value))
            throw new BadFileException(Path, $"'{key}' stands there twice");
    }

    /// <summary>
    /// Refuses a file whose tensors would need far more bytes than it has: views may repeat elements, tensors share a storage, and deflated bytes be
    /// next to nothing. A genuine file may hold a few megabytes of zeros.
    /// </summary>
    private protected void CheckExpansion()
    {
        const long always = 16 << 20, times = 100;
        double needed = entries.Values.Sum(e => Math.Max((double)e.Shape.Count * e.DType.Size(), e.Place.Source is ZipEntryBytes { IsDeflated: true } packed ? packed.Length : 0));
        if (needed > Math.Max(always, (double)times * file.Length))
            throw new BadFileException(Path,
                $"its tensors need {needed:F0} bytes once read, over {times} times the file; save it without compression and repetition");
    }

    private TensorEntry Entry(string name) => entries.TryGetValue(name, out TensorEntry? entry) ? entry : throw Lacks(name);

    /// <summary>A tensor's first byte where the mapped file has it as the device needs it; null where it does
    /// not.</summary>
    private static ILender? Lend(TensorEntry entry, Device device, out nint start)
    {
        (start, Place place, int size) = (0, entry.Place, entry.DType.Size());
        if (!device.IsHost || size != place.ElementSize || !place.Layout.IsContiguous || (entry.DType.IsFloat() && entry.DType != device.Compute))
            return null;
        ILender? lender = place.Source.Lend(out start);
        start += (nint)place.First;
        if (lender is null || start % size == 0)
            return lender;
        lender.Dispose();
        return null;
    }

    private void Fill(TensorEntry entry, Tensor destination)
    {
        Place place = entry.Place;
        if (entry.Shape.Count == 0)
            return;
        if (entry.DType == destination.DType && place.ElementSize == entry.DType.Size() && place.Layout.IsContiguous && destination.Layout.IsContiguous)
        {
            ReadElements(entry, entry.Shape.Count, destination.Operand, destination.Device);
            return;
        }
        using var staging = new TensorScope(destination.Device, "read");
        long elements = place.Span;
        Storage storage = staging.Rent(elements * entry.DType.Size());
        ReadElements(entry, elements, new Operand(storage, entry.DType, new Layout([])), destination.Device);
        Span<long> strides = stackalloc long[entry.Shape.Rank];
        for (int i = 0; i < strides.Length; i++)
            strides[i] = place.Layout.Stride(i);
        var stored = new Tensor(staging, storage, entry.DType, new Layout(entry.Shape, strides, 0));
        destination.Backend.Copy(stored.Operand, destination.Operand);
        if (Narrowed.Is(entry.DType, destination.DType) && !destination.IsFinite() && Narrowed.Fault(entry.Name, stored, destination.DType) is { } fault)
            throw new BadFileException(Path, fault);
    }

    /// <summary>The first elements of a place, side by side into a device's memory from the operand's first element on.</summary>
    private static unsafe void ReadElements(TensorEntry entry, long elements, in Operand destination, Device device)
    {
        Place place = entry.Place;
        if (!device.IsHost)
        {
            using var host = new TensorScope(Device.Cpu, "on the way to a GPU");
            var staged = new Operand(host.Rent(elements * entry.DType.Size()), entry.DType, new Layout([]));
            ReadElements(entry, elements, staged, Device.Cpu);
            device.Backend.Upload(staged.Address, elements * entry.DType.Size(), destination);
            return;
        }
        ReadBytes(place.Source, place.First, (byte*)destination.Address, elements * place.ElementSize);
        if (place.ElementSize < entry.DType.Size())
            Widen((byte*)destination.Address, elements, place.ElementSize);
    }

    /// <summary>Spans have 31-bit lengths, tensors do not.</summary>
    private static unsafe void ReadBytes(ByteSource source, long offset, byte* destination, long count)
    {
        const int piece = 1 << 30;
        for (long done = 0; done < count; done += piece)
            source.Read(offset + done, new Span<byte>(destination + done, (int)Math.Min(piece, count - done)));
    }

    /// <summary>8 or 16-bit signed integers to 32 bits, in place and therefore from the last on.</summary>
    private static unsafe void Widen(byte* data, long count, int size)
    {
        for (long i = count - 1; i >= 0; i--)
            ((int*)data)[i] = size == 1 ? ((sbyte*)data)[i] : ((short*)data)[i];
    }
}
