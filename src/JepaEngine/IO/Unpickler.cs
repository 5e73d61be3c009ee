using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace JepaEngine.IO;

/// <summary>
/// Reads a Python pickle (protocols 2 to 5) as data: numbers, texts, lists (also for tuples and sets), dictionaries, and what
/// <see cref="Pickled"/> makes of the few functions it knows. Nothing is looked up, imported or run; any other name is refused where it stands.
/// </summary>
internal sealed class Unpickler(string path, byte[] data, Budget budget)
{
    /// <summary>The longest whole number; conversion of longer ones to text takes quadratic time.</summary>
    private const int MaxIntegerBytes = 32;

    /// <summary>Bytes of a place on the stack, of a number, an empty list and a remembered value; tables grow by
    /// doubling.</summary>
    private const int Place = 16, Number = 24, Empty = 32, Remembered = 80;

    private readonly List<object?> stack = [];
    private readonly Stack<int> marks = [];
    private readonly Dictionary<uint, object?> memo = [];
    private int position;

    /// <summary>The pickled value.</summary>
    /// <exception cref="BadFileException">The pickle is damaged, names something else than data, or uses what no checkpoint does.</exception>
    public object? Read()
    {
        try
        {
            while (position < data.Length)
            {
                int at = position;
                byte code = data[position++];
                if (code == '.')
                    return Pop();
                Step(code, at);
            }
        }
        catch (Exception error) when (error is ArgumentException or InvalidOperationException or InvalidCastException or KeyNotFoundException
            or IndexOutOfRangeException or OverflowException)
        {
            throw new BadFileException(path, $"its pickle is damaged before byte {position}: {error.Message.ReplaceLineEndings(" ")}", error);
        }
        throw new BadFileException(path, "its pickle has no end; was the copy cut short?");
    }

    private void Step(byte code, int at)
    {
        switch (code)
        {
            case 0x80: // PROTO
                if (Take(1)[0] is < 2 or > 5)
                    throw new BadFileException(path, $"its pickle has protocol {data[position - 1]}; 2 to 5 are read");
                break;
            case 0x95: Take(8); break; // FRAME
            case (byte)'(':
                budget.Charge(Place);
                marks.Push(stack.Count);
                break;
            case (byte)'0': Pop(); break;
            case (byte)'N': Push(null); break;
            case 0x88: Push(true); break;
            case 0x89: Push(false); break;
            case (byte)'J': Push((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4)), Number); break;
            case (byte)'K': Push((long)Take(1)[0], Number); break;
            case (byte)'M': Push((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2)), Number); break;
            case 0x8A: Push(Integer(Take(Take(1)[0])), 10 * Number); break;
            case 0x8B: Push(Integer(Take(Length4())), 10 * Number); break;
            case (byte)'G': Push(BinaryPrimitives.ReadDoubleBigEndian(Take(8)), Number); break;
            case (byte)'X': Push(Text(Length4())); break;
            case 0x8C: Push(Text(Take(1)[0])); break;
            case 0x8D: Push(Text(Length8())); break;
            case (byte)'U' or (byte)'C': Push(Bytes(Take(1)[0])); break;
            case (byte)'T' or (byte)'B': Push(Bytes(Length4())); break;
            case 0x8E or 0x96: Push(Bytes(Length8())); break;
            case (byte)')' or (byte)']' or 0x8F: Push(new List<object?>(), Empty); break;
            case (byte)'t' or 0x91: Push(SinceMark()); break;
            case 0x85 or 0x86 or 0x87: Push(Last(code - 0x84)); break;
            case (byte)'a': Extend(Last(1)); break;
            case (byte)'e' or 0x90: Extend(SinceMark()); break;
            case (byte)'}': Push(new PickledDict(), 2 * Empty); break;
            case (byte)'s': Set(Last(2)); break;
            case (byte)'u': Set(SinceMark()); break;
            case (byte)'h': Push(memo[Take(1)[0]]); break;
            case (byte)'j': Push(memo[BinaryPrimitives.ReadUInt32LittleEndian(Take(4))]); break;
            case (byte)'q': Remember(Take(1)[0]); break;
            case (byte)'r': Remember(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))); break;
            case 0x94: Remember((uint)memo.Count); break;
            case (byte)'c': Push(Global(Line(), Line())); break;
            case 0x93:
                List<object?> names = Last(2);
                Push(Global(Pickled.As<string>(names[0]), Pickled.As<string>(names[1])));
                break;
            case (byte)'R' or 0x81: // REDUCE, NEWOBJ: a known function of its arguments
                List<object?> call = Last(2);
                Push(Pickled.Call(Pickled.As<PickledGlobal>(call[0]), Pickled.As<List<object?>>(call[1]), budget), 2 * Empty);
                break;
            case (byte)'b': Build(Pop()); break;
            case (byte)'Q': Push(Pickled.Storage(Pickled.As<List<object?>>(Pop())), 2 * Empty); break;
            default:
                throw new BadFileException(path, $"its pickle has the operation 0x{code:X2} at byte {at}, which no checkpoint of PyTorch needs");
        }
    }

    private PickledGlobal Global(string module, string name)
    {
        budget.Charge(2 * (module.Length + name.Length) + 2 * Empty);
        string full = $"{module}.{name}";
        return Pickled.Knows(full)
            ? new PickledGlobal(full)
            : throw new BadFileException(path,
                $"it names {full[..Math.Min(full.Length, 200)]}, which is no tensor data; nothing of it was run. "
                    + $"Save only a state_dict()");
    }

    private static object Integer(ReadOnlySpan<byte> bytes) => bytes.Length <= MaxIntegerBytes
        ? new BigInteger(bytes) is var value && value >= long.MinValue && value <= long.MaxValue ? (long)value : value.ToString()
        : throw new OverflowException($"a whole number of {bytes.Length} bytes");

    private void Extend(List<object?> items)
    {
        budget.Charge(2L * Place * items.Count);
        Pickled.As<List<object?>>(stack[^1]).AddRange(items);
    }

    private void Set(List<object?> pairs)
    {
        List<(object?, object?)> items = Pickled.As<PickledDict>(stack[^1]).Items;
        budget.Charge(2L * Place * pairs.Count);
        for (int i = 0; i < pairs.Count; i += 2)
            items.Add((pairs[i], pairs[i + 1]));
    }

    /// <summary>The attributes of an object: those of a Namespace are its content, others (a state dict's versions) say nothing about tensors.</summary>
    private void Build(object? state)
    {
        if (stack[^1] is not PickledDict { IsNamespace: true } attributes)
            return;
        List<(object?, object?)> items = Pickled.As<PickledDict>(state).Items;
        budget.Charge(4L * Place * items.Count);
        attributes.Items.AddRange(items);
    }

    private void Remember(uint place)
    {
        budget.Charge(Remembered);
        memo[place] = stack[^1];
    }

    private string Text(int count)
    {
        ReadOnlySpan<byte> bytes = Take(count);
        budget.Charge(Empty + 2L * count);
        return Encoding.UTF8.GetString(bytes);
    }

    private byte[] Bytes(int count)
    {
        ReadOnlySpan<byte> bytes = Take(count);
        budget.Charge(Empty + count);
        return bytes.ToArray();
    }

    private void Push(object? value, int bytes = 0)
    {
        budget.Charge(Place + bytes);
        stack.Add(value);
    }

    private object? Pop()
    {
        object? top = stack[^1];
        stack.RemoveAt(stack.Count - 1);
        return top;
    }

    private List<object?> Last(int count)
    {
        budget.Charge(Empty + (long)Place * Math.Max(0, count));
        List<object?> items = stack.GetRange(stack.Count - count, count);
        stack.RemoveRange(stack.Count - count, count);
        return items;
    }

    private List<object?> SinceMark() => Last(stack.Count - marks.Pop());

    private int Length4() => checked((int)BinaryPrimitives.ReadUInt32LittleEndian(Take(4)));

    private int Length8() => checked((int)BinaryPrimitives.ReadUInt64LittleEndian(Take(8)));

    private string Line()
    {
        int length = data.AsSpan(position).IndexOf((byte)'\n');
        string line = Text(length);
        position++;
        return line;
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        ReadOnlySpan<byte> bytes = data.AsSpan(position, count);
        position += count;
        return bytes;
    }
}
