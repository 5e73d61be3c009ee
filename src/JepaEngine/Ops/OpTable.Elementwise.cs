using JepaEngine.Tensors;

namespace JepaEngine.Ops;

public static partial class OpTable
{
    private static IEnumerable<OpCase> Elementwise()
    {
        yield return Binary("Add", "op_Addition", Normal, (a, b) => a + b);
        yield return Binary("Subtract", "op_Subtraction", Normal, (a, b) => a - b);
        yield return Binary("Multiply", "op_Multiply", Normal, (a, b) => a * b);
        yield return Binary("Divide", "op_Division", Positive, (a, b) => a / b);

        yield return new OpCase("Affine", PerElement(2),
        [
            Sample("plain", [Normal("x", [7, 33])], x => x[0].Affine(-0.7, 1.3)),
            Sample("transposed", [Normal("x", [7, 33]).Transposed()], x => x[0].Affine(-0.7, 1.3)),
            Sample("no elements", [Normal("x", [3, 0])], x => x[0].Affine(2, 1)),
            Sample("large", [Normal("x", [130, 777])], x => x[0].Affine(-0.7, 1.3)),
            Sample("operators", [Normal("x", [7, 33])], x => -(2 * (x[0] + 1 - 0.25) * 3 / 7)),
        ])
        {
            Members = ["Affine", "op_UnaryNegation"],
        };

        yield return Unary("Gelu", 4, Normal, x => x.Gelu());
        yield return Unary("Silu", 4, Normal, x => x.Silu());
        yield return Unary("Relu", 1, Normal, x => x.Relu());
        yield return Unary("Square", 1, Normal, x => x.Square());
        yield return Unary("Sqrt", 1, Positive, x => x.Sqrt());
        yield return Unary("Abs", 1, Normal, x => x.Abs());
        yield return Unary("Exp", 1, Normal, x => x.Exp());

        yield return new OpCase("GatedAdd", PerElement(2),
        [
            Sample("plain", [Normal("residual", [5, 33]), Normal("gate", [5, 33]), Normal("x", [5, 33])], x => x[0].GatedAdd(x[1], x[2])),
            Sample("large", [Normal("residual", [2, 130, 400]), Normal("gate", [2, 130, 400]), Normal("x", [2, 130, 400])],
                x => x[0].GatedAdd(x[1], x[2])),
            Sample("gapped", [Normal("residual", [5, 33]).Gapped(), Normal("gate", [5, 33]).Gapped(), Normal("x", [5, 33]).Gapped()],
                x => x[0].GatedAdd(x[1], x[2])),
            Sample("one gate for all rows", [Normal("residual", [5, 33]), Normal("gate", [33]), Normal("x", [5, 33])],
                x => x[0].GatedAdd(x[1].Broadcast([5, 33]), x[2])),
            Sample("no rows", [Normal("residual", [0, 8]), Normal("gate", [0, 8]), Normal("x", [0, 8])], x => x[0].GatedAdd(x[1], x[2])),
        ]);

        yield return new OpCase("Dropout", PerElement(1),
        [
            Sample("plain", [Normal("x", [7, 33])], x => x[0].Dropout(0.3, new PhiloxKey(5, 1))),
            Sample("large", [Normal("x", [130, 777])], x => x[0].Dropout(0.1, new PhiloxKey(5, 2))),
            Sample("rate 0", [Normal("x", [5, 3])], x => x[0].Dropout(0, new PhiloxKey(5, 3))),
            Sample("gapped", [Normal("x", [7, 33]).Gapped()], x => x[0].Dropout(0.5, new PhiloxKey(5, 4))),
        ]);
    }

    private static OpCase Unary(string name, double flops, Func<string, Shape, OpInput> draw, Func<Tensor, Tensor> op) =>
        new(name, PerElement(flops),
        [
            Sample("plain", [draw("x", [7, 33])], x => op(x[0])),
            Sample("one element", [draw("x", [])], x => op(x[0])),
            Sample("no elements", [draw("x", [0])], x => op(x[0])),
            Sample("large", [draw("x", [130, 777])], x => op(x[0])),
            Sample("gapped", [draw("x", [7, 33]).Gapped()], x => op(x[0])),
            Sample("ten times as large", [draw("x", [3, 41])], x => op(x[0] * 10)),
        ]);

    private static OpCase Binary(string name, string symbol, Func<string, Shape, OpInput> draw, Func<Tensor, Tensor, Tensor> op) =>
        new(name, PerElement(1),
        [
            Sample("plain", [Normal("a", [7, 33]), draw("b", [7, 33])], x => op(x[0], x[1])),
            Sample("large", [Normal("a", [130, 777]), draw("b", [130, 777])], x => op(x[0], x[1])),
            Sample("a row", [Normal("a", [7, 33]), draw("b", [33])], x => op(x[0], x[1])),
            Sample("a column", [Normal("a", [7, 33]), draw("b", [7, 1])], x => op(x[0], x[1])),
            Sample("a row on the left", [Normal("a", [33]), draw("b", [7, 33])], x => op(x[0], x[1])),
            Sample("both stretched", [Normal("a", [4, 1, 9]), draw("b", [5, 1])], x => op(x[0], x[1])),
            Sample("a wide row", [Normal("a", [5, 64]), draw("b", [64])], x => op(x[0], x[1])),
            Sample("a column beside wide rows", [Normal("a", [5, 64]), draw("b", [5, 1])], x => op(x[0], x[1])),
            Sample("a scalar", [Normal("a", [2, 3, 5]), draw("b", [])], x => op(x[0], x[1])),
            Sample("no elements", [Normal("a", [0, 4]), draw("b", [4])], x => op(x[0], x[1])),
            Sample("transposed", [Normal("a", [7, 33]).Transposed(), draw("b", [7, 33])], x => op(x[0], x[1])),
            Sample("gapped", [Normal("a", [7, 33]).Gapped(), draw("b", [7, 33]).Gapped()], x => op(x[0], x[1])),
            Sample("with itself", [draw("a", [5, 9])], x => op(x[0], x[0])),
        ])
        {
            Members = [symbol],
        };
}
