namespace JepaEngine.Jepa.Benchmarking;

/// <summary>How large a benchmark's operands are.</summary>
/// <param name="Tokens">Rows.</param>
/// <param name="Width">Of a row: that of ViT-L, or what a simulator gets done in seconds.</param>
/// <param name="Parameters">Numbers that an optimiser moves.</param>
internal readonly record struct BenchSize(int Tokens, int Width, int Parameters)
{
    /// <summary>The sizes for a device.</summary>
    public static BenchSize For(Device device, int tokens) =>
        device.Kind == DeviceKind.Simulator ? new BenchSize(tokens, 128, 20_000) : new BenchSize(tokens, 1024, 10_000_000);

    /// <summary>Attention heads, of the published encoders' width.</summary>
    public int Heads => Width / HeadWidth;

    /// <summary>The hidden width of an MLP.</summary>
    public int Hidden => 4 * Width;

    /// <summary>Width of an attention head.</summary>
    public const int HeadWidth = 64;
}

/// <summary>An operation of the table at a size worth measuring.</summary>
/// <param name="Op">Its name in <see cref="OpTable"/>, which knows its work.</param>
/// <param name="Sample">The call; its name is the size as a row of the table shows it.</param>
internal sealed record BenchOp(string Op, Func<BenchSize, OpSample> Sample)
{
    /// <summary>What a row of the table calls the kind of call.</summary>
    public string Pass { get; init; } = "forward";

    /// <summary>Work of the gradients over that of the call; 0 where they are not measured.</summary>
    public double Backward { get; init; }

    /// <summary>Bytes the call has to move, where that is not every input read once and the result written once.</summary>
    public Func<BenchSize, Device, double>? Moves { get; init; }

    /// <summary>Makes the work for a device, a sample and the bytes it moves, where it is more than the sample's call.</summary>
    public Func<Device, OpSample, double, BenchWork> Work { get; init; } = static (device, sample, moves) => new ForwardWork(device, sample, moves);

    /// <summary>Whether its size follows from the tokens.</summary>
    public bool HasTokens { get; init; } = true;

    /// <summary>Whether only a GPU is fast enough for it.</summary>
    public bool OnlyOnGpu { get; init; }

    /// <summary>An operation called as the table's sample of this name does, on inputs of these shapes; ids are below the tokens.</summary>
    public static OpSample Like(string op, string sample, string label, BenchSize size, params ReadOnlySpan<Shape> shapes)
    {
        OpSample known = OpTable.Find(op).Samples.First(s => s.Name == sample);
        var inputs = new OpInput[shapes.Length];
        for (int i = 0; i < inputs.Length; i++)
            inputs[i] = known.Inputs[i] with { Shape = shapes[i], Bound = size.Tokens };
        return known with { Name = label, Inputs = inputs };
    }

    /// <summary>As <see cref="Like"/>, called as the plain sample, which is the first, and named by the first input's shape.</summary>
    public static OpSample Plain(string op, BenchSize size, params ReadOnlySpan<Shape> shapes) =>
        Like(op, OpTable.Find(op).Samples[0].Name, Label(shapes[0]), size, shapes);

    /// <summary>A call that the table has no sample of.</summary>
    public static OpSample Own(string label, Shape[] shapes, Func<TensorScope, Tensor[], Tensor> call) =>
        new(label, [.. shapes.Select((shape, i) => new OpInput($"{i}", shape))], (scope, x) => call(scope, x));

    /// <summary>As 2048x1024.</summary>
    public static string Label(Shape shape) => string.Join('x', shape.ToArray());
}
