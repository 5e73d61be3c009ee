using System.Globalization;

namespace JepaEngine.IO;

/// <summary>
/// Reads what <c>torch.save</c> writes since PyTorch 1.6: a zip file of one pickle, which describes everything, and one entry for each storage. The
/// pickle is read as data (<see cref="Unpickler"/>). A tensor's name is the way to it, joined with dots; numbers and texts on other ways are metadata.
/// </summary>
internal sealed class PickleFile : TensorFile
{
    private const int MaxPickle = 32 << 20;

    /// <summary>Memory that every file may take for its description, and how many times its size; 50 000 tensors take
    /// 75 MB.</summary>
    private const long Always = 40 << 20, Times = 3;

    /// <summary>Checkpoints nest 4 or 5 deep; a list that holds itself is deeper than any limit.</summary>
    private const int MaxDepth = 32;

    /// <summary>Bytes of a value and of a tensor beside the name.</summary>
    private const int Value = 96, Tensor = 400;

    private readonly ZipDirectory zip;
    private readonly string folder;
    private readonly Budget budget;

    /// <summary>Reads the description.</summary>
    /// <exception cref="BadFileException">It is damaged, or holds anything but data.</exception>
    public PickleFile(FileBytes file, ZipDirectory zip, string pickle) : base(file)
    {
        this.zip = zip;
        folder = pickle[..^"data.pkl".Length];
        budget = new Budget(Path, Always + Times * Math.Min(file.Length, MaxPickle));
        if (zip.Entries.ContainsKey(folder + "constants.pkl") || zip.Entries.Keys.Any(name => name.StartsWith(folder + "code/", StringComparison.Ordinal)))
            throw new BadFileException(Path, "it is a TorchScript program; in Python: torch.save(torch.jit.load(path).state_dict(), new_path)");
        if (zip.Entries.TryGetValue(folder + "byteorder", out ByteSource? order) && !Bytes(order, 16).AsSpan().SequenceEqual("little"u8))
            throw new BadFileException(Path, "it was written on a big-endian machine; load and save it again on a little-endian one");
        Visit("", new Unpickler(Path, Bytes(zip.Entries[pickle], MaxPickle), budget).Read(), 0);
        CheckExpansion();
    }

    public override string Format => "PyTorch zip";

    private byte[] Bytes(ByteSource entry, int most)
    {
        if (entry.Length > most)
            throw new BadFileException(Path, $"what describes it has {entry.Length} bytes; at most {most} are read");
        budget.Charge(entry.Length);
        byte[] bytes = new byte[entry.Length];
        entry.Read(0, bytes);
        return bytes;
    }

    private void Visit(string name, object? value, int depth)
    {
        if (depth > MaxDepth)
            throw new BadFileException(Path, $"'{name}' lies more than {MaxDepth} deep; nothing that is saved for others does");
        if (name.Length > MaxName)
            throw new BadFileException(Path, $"it has names too long, at '{name[..Math.Min(name.Length, 80)]}'");
        budget.Charge(Value + 4 * name.Length);
        switch (value)
        {
            case PickledTensor tensor:
                budget.Charge(Tensor);
                Add(name.Length == 0 ? OnlyTensor : name, tensor);
                break;
            case PickledDict dict:
                foreach ((object? key, object? item) in dict.Items)
                    Visit(Join(name, Text(key) ?? throw new BadFileException(Path, $"'{name}' has a key that is no text or number")), item, depth + 1);
                break;
            case List<object?> list:
                for (int i = 0; i < list.Count; i++)
                    Visit(Join(name, Text((long)i)!), list[i], depth + 1);
                break;
            default:
                if (Text(value) is { } text)
                    AddMetadata(name, text);
                break;
        }
    }

    private string Join(string name, string key)
    {
        budget.Charge(2 * (name.Length + key.Length));
        return name.Length == 0 ? key : $"{name}.{key}";
    }

    private static string? Text(object? value) => value switch
    {
        string text => text,
        long number => number.ToString(CultureInfo.InvariantCulture),
        double number => number.ToString("R", CultureInfo.InvariantCulture),
        bool truth => truth ? "true" : "false",
        _ => null,
    };

    private void Add(string name, PickledTensor tensor)
    {
        PickledStorage storage = tensor.Storage;
        if (storage.Type.DType is not { } dtype)
        {
            Skip(name, $"holds {storage.Type.Name}");
            return;
        }
        if (tensor.Bit is { } bit)
        {
            Skip(name, $"has PyTorch's bit '{bit}' (tensor.resolve_{bit}() takes it off)");
            return;
        }
        if (tensor.Shape.Count > Primitives.Shape.MaxRank)
        {
            Skip(name, $"has {tensor.Shape.Count} dimensions");
            return;
        }
        Shape shape = Dimensions.Check(Path, $"'{name}'", tensor.Shape);
        if (!zip.Entries.TryGetValue($"{folder}data/{storage.Key}", out ByteSource? bytes))
            throw new BadFileException(Path, $"'{name}' lies in storage {storage.Key}, which the file does not have; was the copy cut short?");
        if (storage.Count > bytes.Length / storage.Type.Size)
            throw new BadFileException(Path, $"'{name}' lies in a storage of {storage.Count} elements, but the file has {bytes.Length} bytes of it");
        if (tensor.Strides.Count != shape.Rank || tensor.Offset < 0 || tensor.Strides.Any(stride => stride < 0))
            throw new BadFileException(Path, $"'{name}' {shape} has strides or an offset that cannot be; the file is damaged");
        var place = new Place(bytes, 0, new Layout(shape, [.. tensor.Strides], tensor.Offset), storage.Type.Size);
        if (place.Span > storage.Count - tensor.Offset)
            throw new BadFileException(Path, $"'{name}' {shape} leaves its storage of {storage.Count} elements; the file is damaged");
        Add(new TensorEntry(name, dtype, shape, place));
    }
}
