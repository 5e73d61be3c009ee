using System.Buffers.Binary;
using System.Text;

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
/// <param name="Storage">The storage.</param>
/// <param name="Offset">The first element.</param>
/// <param name="Shape">Its dimensions.</param>
/// <param name="Strides">Elements from one to the next in each dimension.</param>
/// <param name="Bit">What makes other numbers of the stored ones ("neg"); null where nothing does.</param>
internal sealed record PickledTensor(
    PickledStorage Storage, long Offset, IReadOnlyList<long> Shape, IReadOnlyList<long> Strides, string? Bit);

/// <summary>A storage: an entry of the zip file.</summary>
internal sealed record PickledStorage(string Key, PickledType Type, long Count);

/// <summary>What a storage's elements are.</summary>
/// <param name="Name">As PyTorch calls the type.</param>
/// <param name="DType">As it is read; null where the engine has no such type.</param>
/// <param name="Size">Bytes of an element; 1 where it is not read.</param>
internal sealed record PickledType(string Name, DType? DType, int Size);

/// <summary>A value that is passed over, such as a dtype.</summary>
internal sealed record PickledOpaque(string Text);

/// <summary>The few functions that a checkpoint's pickle may call, each written here as what it means for data.</summary>
internal static class Pickled
{
    /// <summary>The most dimensions that PyTorch's own operations take.</summary>
    private const int MostDimensions = 64;

    private static readonly Dictionary<string, PickledType> DTypes = new PickledType[]
    {
        new("float64", DType.F64, 8), new("float32", DType.F32, 4), new("float16", DType.F16, 2), new("bfloat16", DType.BF16, 2),
        new("int64", DType.I64, 8), new("int32", DType.I32, 4), new("int16", DType.I32, 2), new("int8", DType.I32, 1),
        new("uint8", DType.U8, 1), new("bool", DType.U8, 1), new("uint16", null, 1), new("uint32", null, 1), new("uint64", null, 1),
        new("float8_e4m3fn", null, 1), new("float8_e5m2", null, 1), new("float8_e4m3fnuz", null, 1), new("float8_e5m2fnuz", null, 1),
        new("float8_e8m0fnu", null, 1), new("float4_e2m1fn_x2", null, 1), new("complex32", null, 1), new("complex64", null, 1),
        new("complex128", null, 1),
    }.ToDictionary(type => "torch." + type.Name);

    private static readonly Dictionary<string, PickledType> Storages = new()
    {
        ["torch.DoubleStorage"] = DTypes["torch.float64"],
        ["torch.FloatStorage"] = DTypes["torch.float32"],
        ["torch.HalfStorage"] = DTypes["torch.float16"],
        ["torch.BFloat16Storage"] = DTypes["torch.bfloat16"],
        ["torch.LongStorage"] = DTypes["torch.int64"],
        ["torch.IntStorage"] = DTypes["torch.int32"],
        ["torch.ShortStorage"] = DTypes["torch.int16"],
        ["torch.CharStorage"] = DTypes["torch.int8"],
        ["torch.ByteStorage"] = DTypes["torch.uint8"],
        ["torch.BoolStorage"] = DTypes["torch.bool"],
        ["torch.ComplexFloatStorage"] = DTypes["torch.complex64"],
        ["torch.ComplexDoubleStorage"] = DTypes["torch.complex128"],
        ["torch.storage.UntypedStorage"] = new("bytes without a type", null, 1),
    };

    private static readonly Dictionary<string, Func<List<object?>, Budget, object?>> Functions = new()
    {
        ["collections.OrderedDict"] = OrderedDict,
        ["argparse.Namespace"] = (_, _) => new PickledDict(IsNamespace: true),
        ["builtins.set"] = (arguments, _) => As<List<object?>>(arguments[0]),
        ["__builtin__.set"] = (arguments, _) => As<List<object?>>(arguments[0]),
        ["torch.Size"] = (arguments, _) => As<List<object?>>(arguments[0]),
        ["torch.device"] = Device,
        ["torch._utils._rebuild_tensor_v2"] = (arguments, budget) =>
            Tensor(arguments, As<PickledStorage>(arguments[0]), 6, budget),
        ["torch._utils._rebuild_tensor_v3"] = (arguments, budget) => Tensor(arguments, Typed(arguments), 7, budget),
        ["torch._utils._rebuild_parameter"] = (arguments, _) => As<PickledTensor>(arguments[0]),
        ["torch._utils._rebuild_parameter_with_state"] = (arguments, _) => As<PickledTensor>(arguments[0]),
        ["numpy.dtype"] = (arguments, _) => new PickledOpaque(As<string>(arguments[0])),
        ["_codecs.encode"] = Encode,
        ["numpy.core.multiarray.scalar"] = Scalar,
        ["numpy._core.multiarray.scalar"] = Scalar,
    };

    /// <summary>Whether a pickle may name this.</summary>
    public static bool Knows(string name) => Functions.ContainsKey(name) || Storages.ContainsKey(name) || DTypes.ContainsKey(name);

    /// <summary>What a known function returns.</summary>
    /// <exception cref="InvalidCastException">The arguments are others than PyTorch writes.</exception>
    /// <exception cref="ArgumentException">As there, or it is no function.</exception>
    /// <exception cref="BadFileException">The result is beyond the budget.</exception>
    public static object? Call(PickledGlobal function, List<object?> arguments, Budget budget) => Functions.TryGetValue(function.Name, out var call)
        ? call(arguments, budget)
        : throw new ArgumentException($"{function.Name} is no function", nameof(function));

    /// <summary>What torch.save calls a persistent id: ('storage', its class, its key, its device, its number of elements).</summary>
    public static object Storage(IReadOnlyList<object?> id) =>
        id is ["storage", PickledGlobal type, string key, string, long count] && count >= 0 && Storages.TryGetValue(type.Name, out var element)
            ? new PickledStorage(key, element, count)
            : throw new ArgumentException("a persistent id is no storage that is known", nameof(id));

    /// <summary>A value that has to be of a type.</summary>
    public static T As<T>(object? value) => value is T typed ? typed : throw new InvalidCastException($"a {typeof(T).Name} is missing");

    /// <summary>The bits ("conj", "neg") stand in a dictionary behind the other arguments, where any is set.</summary>
    private static PickledTensor Tensor(List<object?> arguments, PickledStorage storage, int bits, Budget budget) =>
        new(storage, As<long>(arguments[1]), Longs(arguments[2], budget), Longs(arguments[3], budget),
            arguments.Count > bits && arguments[bits] is not null
                ? As<PickledDict>(arguments[bits]).Items.Find(bit => bit.Value is not false).Key?.ToString()
                : null);

    /// <summary>Version 3 has bytes without a type, and the type beside them.</summary>
    private static PickledStorage Typed(List<object?> arguments)
    {
        PickledType type = DTypes[As<PickledGlobal>(arguments[6]).Name];
        PickledStorage bytes = As<PickledStorage>(arguments[0]);
        return bytes with { Type = type, Count = bytes.Count / type.Size };
    }

    private static List<long> Longs(object? value, Budget budget)
    {
        List<object?> values = As<List<object?>>(value);
        if (values.Count > MostDimensions)
            throw new ArgumentException($"a tensor of {values.Count} dimensions");
        budget.Charge(64 + sizeof(long) * values.Count);
        return [.. values.Select(As<long>)];
    }

    private static PickledDict OrderedDict(List<object?> arguments, Budget budget)
    {
        var dict = new PickledDict();
        if (arguments.Count == 0)
            return dict;
        List<object?> pairs = As<List<object?>>(arguments[0]);
        budget.Charge(48L * pairs.Count);
        foreach (object? pair in pairs)
            dict.Items.Add((As<List<object?>>(pair)[0], As<List<object?>>(pair)[1]));
        return dict;
    }

    private static string Device(List<object?> arguments, Budget budget)
    {
        string type = As<string>(arguments[0]);
        budget.Charge(4L * type.Length);
        return arguments.Count == 1 ? type : $"{type}:{As<long>(arguments[1])}";
    }

    /// <summary>Latin-1 is what Python writes bytes as in protocol 2.</summary>
    private static byte[] Encode(List<object?> arguments, Budget budget)
    {
        string text = As<string>(arguments[0]);
        budget.Charge(text.Length);
        return Encoding.Latin1.GetBytes(text);
    }

    private static object Scalar(List<object?> arguments, Budget _)
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
