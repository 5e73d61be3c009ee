using JepaEngine.Autograd;
using JepaEngine.Devices;
using JepaEngine.Tensors;

namespace JepaEngine.Ops;

public static partial class LargeTable
{
    /// <summary>
    /// A transformer block's forward and backward pass as one recorded graph: a replay leaves the bits that the same
    /// work leaves call by call, and so does a second.
    /// </summary>
    private static IEnumerable<ParityResult> Recording(Device device)
    {
        (int tokens, int width, int heads) = device.Kind == DeviceKind.Simulator ? (37, 48, 2) : (1000, 1024, 16);
        OpInput[] inputs =
        [
            OpTable.Normal("x", [tokens, width]), OpTable.Normal("weight", [width]), OpTable.Normal("bias", [width]),
            OpTable.Normal("qkv", [3 * width, width]), OpTable.Normal("projection", [width, width]),
            OpTable.Normal("weight1", [4 * width, width]), OpTable.Normal("bias1", [4 * width]),
            OpTable.Normal("weight2", [width, 4 * width]), OpTable.Normal("bias2", [width]),
        ];
        using var scope = new TensorScope(device, "recording");
        Tensor[] leaves = [.. inputs.Select((input, i) =>
            input.Place(scope, input.Draw(new PhiloxKey(20251108, (ulong)i), device.Compute)))];
        // What a layer's weights are of, so that nothing grows from layer to layer.
        foreach (Tensor leaf in leaves.Where(leaf => leaf.Shape.Rank == 2).Skip(1))
            leaf.Backend.Affine(leaf.Operand, 1 / Math.Sqrt(leaf.Shape[1]), 0, leaf.Operand);
        Tensor[] results = [scope.Empty([tokens, width]), .. inputs.Select(input => scope.Empty(input.Shape))];

        void Step()
        {
            using var tape = new Tape(device);
            // Copies: their gradients then lie on the tape, as a recording wants it, and are written once.
            Tensor[] own = [.. leaves.Select(leaf => Copy(tape, leaf))];
            Tensor y = Block(own, heads);
            tape.Backward(y.Square().Sum());
            results[0].CopyFrom(y);
            for (int i = 0; i < own.Length; i++)
                results[i + 1].CopyFrom(own[i].Grad!);
        }

        Step();
        List<Parity.Output> eager = Read();
        using var capture = new Capture(device, Step);
        foreach (string replay in new[] { "recorded", "recorded, again" })
        {
            foreach (Tensor result in results)
                result.Backend.Fill(result.Operand, double.NaN);
            capture.Replay();
            yield return Repeats("Capture", $"{tokens}x{width}, {heads} heads", replay, eager, Read());
        }

        List<Parity.Output> Read() => [.. results.Select((tensor, i) => new Parity.Output(
            i == 0 ? "y" : "d" + inputs[i - 1].Name, tensor.Shape, tensor.DType, tensor.ToArray<double>()))];
    }

    private static Tensor Block(Tensor[] w, int heads)
    {
        Tensor x = w[0], normal = x.LayerNorm(w[1], w[2], 1e-6), qkv = normal.Linear(w[3]);
        Tensor attended = qkv.Reshape(1, x.Shape[0], -1).SelfAttention(heads).Reshape(x.Shape[0], -1)
            .Linear(w[4], residual: x);
        return attended.LayerNorm(w[1], w[2], 1e-6).Mlp(w[5], w[6], w[7], w[8], attended);
    }

    private static Tensor Copy(Tape tape, Tensor leaf)
    {
        Tensor copy = tape.Empty(leaf.Shape, leaf.DType);
        copy.CopyFrom(leaf);
        copy.RequiresGrad = true;
        return copy;
    }
}
