using System.Buffers.Binary;

namespace JepaEngine.IO;

/// <summary>A dictionary of a pickle, in its order.</summary>
/// <param name="IsNamespace">Whether it is an argparse.Namespace, whose content arrives as attributes.</param>
internal sealed record PickledDict(bool IsNamespace = false)
{
    public List<(object? Key, object? Value)> Items { get; } = [];
}

/// <summary>A function or class that a pickle names.</summary>
/// <param name="Name">One of those that <see cref="Pickled"/> knows.</param>
internal sealed record PickledGlobal(string Name);

/// <summary>Elements of a tensor: a view of a storage, both counted in elements.</summary>
internal sealed record PickledTensor(PickledStorage Storage, long Offset, IReadOnlyList<long> Shape, IReadOnlyList<long> Strides);

/// <summary>A storage: an entry of the zip file.</summary>
internal sealed record PickledStorage(string Key, DType DType, int ElementSize, long Count);

/// <summary>A value that is passed over, such as a dtype.</summary>
internal sealed record PickledOpaque(string Text);

/// <summary>The few functions that a checkpoint's pickle may call, each written here as what it means for data.</summary>
internal static class Pickled
{
    private static readonly Dictionary<string, (DType DType, int Size)> Storages = new()
    {
        ["torch.DoubleStorage"] = (DType.F64, 8),
        ["torch.FloatStorage"] = (DType.F32, 4),
        ["torch.HalfStorage"] = (DType.F16, 2),
        ["torch.BFloat16Storage"] = (DType.BF16, 2),
        ["torch.LongStorage"] = (DType.I64, 8),
        ["torch.IntStorage"] = (DType.I32, 4),
        ["torch.ShortStorage"] = (DType.I32, 2),
        ["torch.CharStorage"] = (DType.I32, 1),
        ["torch.ByteStorage"] = (DType.U8, 1),
        ["torch.BoolStorage"] = (DType.U8, 1),
    };

    private static readonly Dictionary<string, Func<List<object?>, object?>> Functions = new()
    {
        ["collections.OrderedDict"] = OrderedDict,
        ["argparse.Namespace"] = _ => new PickledDict(IsNamespace: true),
        ["builtins.set"] = arguments => As<List<object?>>(arguments[0]),
        ["__builtin__.set"] = arguments => As<List<object?>>(arguments[0]),
        ["torch.Size"] = arguments => As<List<object?>>(arguments[0]),
        ["torch.device"] = arguments => string.Join(':', arguments),
        ["torch._utils._rebuild_tensor_v2"] = arguments =>
            new PickledTensor(As<PickledStorage>(arguments[0]), As<long>(arguments[1]), Longs(arguments[2]), Longs(arguments[3])),
        ["torch._utils._rebuild_parameter"] = arguments => As<PickledTensor>(arguments[0]),
        ["torch._utils._rebuild_parameter_with_state"] = arguments => As<PickledTensor>(arguments[0]),
        ["numpy.dtype"] = arguments => new PickledOpaque(As<string>(arguments[0])),
        ["_codecs.encode"] = arguments => As<string>(arguments[0]).Select(letter => (byte)letter).ToArray(),
        ["numpy.core.multiarray.scalar"] = Scalar,
        ["numpy._core.multiarray.scalar"] = Scalar,
    };

    private static readonly HashSet<string> DTypes =
        [.. new[] { "float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool" }.Select(name => "torch." + name)];

    /// <summary>Whether a pickle may name this.</summary>
    public static bool Knows(string name) => Functions.ContainsKey(name) || Storages.ContainsKey(name) || DTypes.Contains(name);

    /// <summary>What a known function returns.</summary>
    /// <exception cref="InvalidCastException">The arguments are others than PyTorch writes.</exception>
    /// <exception cref="ArgumentException">As there, or it is no function.</exception>
    public static object? Call(PickledGlobal function, List<object?> arguments) => Functions.TryGetValue(function.Name, out Func<List<object?>, object?>? call)
        ? call(arguments)
        : throw new ArgumentException($"{function.Name} is no function", nameof(function));

    /// <summary>What torch.save calls a persistent id: ('storage', its class, its key, its device, its number of elements).</summary>
    public static object Storage(IReadOnlyList<object?> id) =>
        id is ["storage", PickledGlobal type, string key, string, long count] && count >= 0 && Storages.TryGetValue(type.Name, out var element)
            ? new PickledStorage(key, element.DType, element.Size, count)
            : throw new ArgumentException("a persistent id is no storage that is known", nameof(id));

    /// <summary>A value that has to be of a type.</summary>
    public static T As<T>(object? value) => value is T typed ? typed : throw new InvalidCastException($"a {typeof(T).Name} is missing");

    private static List<long> Longs(object? value) => [.. As<List<object?>>(value).Select(As<long>)];

    private static PickledDict OrderedDict(List<object?> arguments)
    {
        var dict = new PickledDict();
        if (arguments.Count > 0)
            foreach (object? pair in As<List<object?>>(arguments[0]))
                dict.Items.Add((As<List<object?>>(pair)[0], As<List<object?>>(pair)[1]));
        return dict;
    }

    private static object Scalar(List<object?> arguments)
    {
        byte[] bytes = As<byte[]>(arguments[1]);
        return As<PickledOpaque>(arguments[0]).Text switch
        {
            "f8" => BinaryPrimitives.ReadDoubleLittleEndian(bytes),
            "f4" => (double)BinaryPrimitives.ReadSingleLittleEndian(bytes),
            "i8" => BinaryPrimitives.ReadInt64LittleEndian(bytes),
            "i4" => (long)BinaryPrimitives.ReadInt32LittleEndian(bytes),
            "b1" => bytes[0] != 0,
            var other => new PickledOpaque(other),
        };
    }
}
