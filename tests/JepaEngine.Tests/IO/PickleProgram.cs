namespace JepaEngine.Tests.IO;

/// <summary>
/// A random pickle of operations that are valid one by one, with values that hold themselves, calls of what is remembered,
/// and some of it a thousand times over. The seed decides it.
/// </summary>
internal sealed class PickleProgram(int seed)
{
    private const string Text = "text", Number = "number", List = "list", Pairs = "pairs", Dict = "dict", Namespace = "namespace", Other = "other";

    private readonly Random random = new(seed);
    private readonly PickleBytes code = new();
    private readonly List<string> stack = [];
    private readonly Dictionary<byte, string> memo = [];

    /// <summary>All of it, a tuple of what is left.</summary>
    public PickleBytes Build()
    {
        code.Op("(");
        for (int left = random.Next(5, 60); left > 0; left--)
            Step();
        return code.Op("t");
    }

    private string Top(int below = 0) => stack.Count > below ? stack[^(below + 1)] : "";

    private int Often() => random.Next(8) switch { 0 => 50_000, 1 => 2000, < 5 => 40, _ => 2 };

    private void Step()
    {
        switch (random.Next(16))
        {
            case 0 or 1: Push(Text, code.Text(new string((char)random.Next('a', 'z'), random.Next(12) == 0 ? 200_000 : random.Next(20)))); break;
            case 2: Push(Number, random.Next(4) == 0 ? code.Op(0x8A, 32).Op(new byte[32]) : code.Number(random.NextInt64())); break;
            case 3: Push(List, code.Op("]")); break;
            case 4: Push(Dict, code.Op("}")); break;
            case 5: Push(Namespace, code.Global("argparse", "Namespace").Op(")R")); break;
            case 6: Push(Pairs, code.Op("](").Text("a").Op("N").Op(0x86).Op("e")); break;
            case 7 when stack.Count > 0:
                byte place = (byte)random.Next(8);
                code.Op("q").Op(place);
                memo[place] = Top();
                break;
            case 8 or 9 when memo.Count > 0: Remembered(memo.ElementAt(random.Next(memo.Count))); break;
            case 10 when Top(1) is List or Pairs: code.Op("a"); Pop(); break;
            case 11 when Top(2) is Dict or Namespace && Top(1) == Text: code.Op("s"); Pop(); Pop(); break;
            case 12 when Top(1) == Namespace && Top() is Dict or Namespace: code.Op("b"); Pop(); break;
            case 13 when stack.Count > 2:
                int count = random.Next(1, 4);
                code.Op((byte)(0x84 + count));
                for (int i = 0; i < count; i++)
                    Pop();
                stack.Add(List);
                break;
            case 14: Tensor(); break;
            case 15 when memo.Count > 0: Burst(memo.ElementAt(random.Next(memo.Count))); break;
        }
    }

    private void Push(string kind, PickleBytes _) => stack.Add(kind);

    private void Pop() => stack.RemoveAt(stack.Count - 1);

    private void Remembered(KeyValuePair<byte, string> value)
    {
        code.Op("h").Op(value.Key);
        stack.Add(value.Value);
    }

    private void Tensor()
    {
        long[] extremes = [0, 1, 2, 6, 7, -1, int.MaxValue, long.MaxValue, 1L << 31];
        long[] shape = [.. Enumerable.Range(0, random.Next(4) == 0 ? random.Next(100) : random.Next(4)).Select(_ => extremes[random.Next(random.Next(2) == 0 ? 3 : 9)])];
        long[] strides = [.. shape.Select(_ => extremes[random.Next(random.Next(2) == 0 ? 2 : 9)])];
        Push(Other, code.Tensor(random.Next(3) == 0 ? extremes[random.Next(9)] : 6, random.Next(3) == 0 ? extremes[random.Next(9)] : 0, shape, strides));
    }

    /// <summary>The same call, or the same list in itself, again and again; the results are dropped or kept.</summary>
    private void Burst(KeyValuePair<byte, string> value)
    {
        (string before, string after) = value.Value switch
        {
            Text => ("c_codecs\nencode\n", "U\u0006latin1\u0086R"),
            Pairs => ("ccollections\nOrderedDict\n", "\u0085R"),
            Namespace or Dict => ($"h{(char)value.Key}", "b"),
            List => ("ctorch\nSize\n", "\u0085R"),
            _ => ("", ""),
        };
        bool isKept = random.Next(2) == 0, isSelf = value.Value is List or Pairs && random.Next(2) == 0;
        byte[] once = System.Text.Encoding.Latin1.GetBytes(
            isSelf ? $"h{(char)value.Key}h{(char)value.Key}a0" : $"{before}h{(char)value.Key}{after}{(isKept ? "" : "0")}");
        for (int left = Often(); left > 0; left--)
        {
            code.Op(once);
            if (isKept && !isSelf)
                stack.Add(Other);
        }
    }
}
