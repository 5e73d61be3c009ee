namespace JepaEngine.Ops;

public static partial class OpTable
{
    private static IEnumerable<OpCase> Views()
    {
        yield return new OpCase("Use", NoFlops, [Sample("plain", [Normal("x", [3, 5])], (scope, x) => scope.Use(x[0]))]);

        yield return new OpCase("Reshape", NoFlops,
        [
            Sample("plain", [Normal("x", [4, 6])], x => x[0].Reshape(3, -1)),
            Sample("gapped", [Normal("x", [4, 6]).Gapped()], x => x[0].Reshape(2, 2, 3, 2)),
            Sample("needs a copy", [Normal("x", [4, 6]).Transposed()], x => x[0].Reshape(24)),
        ]);

        yield return new OpCase("Transpose", NoFlops,
        [
            Sample("plain", [Normal("x", [3, 5])], x => x[0].Transpose(0, 1)),
            Sample("of four dimensions", [Normal("x", [2, 3, 4, 5])], x => x[0].Transpose(1, -1)),
        ]);

        yield return new OpCase("Permute", NoFlops, [Sample("plain", [Normal("x", [2, 3, 4])], x => x[0].Permute(2, 0, 1))]);

        yield return new OpCase("Slice", NoFlops,
        [
            Sample("rows", [Normal("x", [7, 5])], x => x[0].Slice(0, 2, 3)),
            Sample("columns", [Normal("x", [7, 5])], x => x[0].Slice(-1, 1, 2)),
            Sample("two that overlap", [Normal("x", [7, 5])], x => x[0].Slice(0, 0, 4) * x[0].Slice(0, 3, 4)),
            Sample("nothing", [Normal("x", [7, 5])], x => x[0].Slice(0, 7, 0)),
        ]);

        yield return new OpCase("Select", NoFlops,
        [
            Sample("first", [Normal("x", [3, 4, 5])], x => x[0].Select(0, 0)),
            Sample("last of the middle", [Normal("x", [3, 4, 5])], x => x[0].Select(1, -1)),
        ]);

        yield return new OpCase("Broadcast", NoFlops,
        [
            Sample("plain", [Normal("x", [3, 1])], x => x[0].Broadcast([3, 4])),
            Sample("more dimensions", [Normal("x", [3, 1])], x => x[0].Broadcast([2, 3, 4])),
            Sample("a scalar", [Normal("x", [])], x => x[0].Broadcast([2, 3])),
        ]);

        yield return new OpCase("Contiguous", NoFlops,
        [
            Sample("plain", [Normal("x", [3, 5])], x => x[0].Contiguous()),
            Sample("transposed", [Normal("x", [37, 65]).Transposed()], x => x[0].Contiguous()),
            Sample("gapped", [Normal("x", [37, 65]).Gapped()], x => x[0].Contiguous()),
            Sample("permuted", [Normal("x", [2, 3, 4, 5])], x => x[0].Permute(0, 2, 1, 3).Contiguous()),
            Sample("heads outside", [Normal("x", [2, 5, 3, 24])], x => x[0].Transpose(1, 2).Contiguous()),
            Sample("matrices transposed", [Normal("x", [2, 40, 3, 35])], x => x[0].Permute(0, 2, 3, 1).Contiguous()),
            Sample("bytes", [new OpInput("x", [37, 65], OpInputKind.Pixels)], x => x[0].Transpose(0, 1).Contiguous()),
            Sample("ids", [Ids("x", [37, 65], 1000)], x => x[0].To(DType.I64).Transpose(0, 1).Contiguous()),
            Sample("repeated", [Normal("x", [3, 1])], x => x[0].Broadcast([3, 40]).Contiguous()),
            Sample("large", [Normal("x", [301, 370]).Transposed()], x => x[0].Contiguous()),
        ]);

        yield return new OpCase("Concat", NoFlops,
        [
            Sample("rows", [Normal("a", [2, 5]), Normal("b", [3, 5])], x => TensorOps.Concat(0, x)),
            Sample("columns", [Normal("a", [4, 2]), Normal("b", [4, 1]), Normal("c", [4, 3])], x => TensorOps.Concat(-1, x)),
            Sample("the middle", [Normal("a", [2, 3, 5]).Gapped(), Normal("b", [2, 4, 5])], x => TensorOps.Concat(1, x)),
            Sample("with itself", [Normal("a", [2, 5])], x => TensorOps.Concat(0, x[0], x[0])),
            Sample("with nothing", [Normal("a", [2, 5]), Normal("b", [0, 5])], x => TensorOps.Concat(0, x)),
        ]);

        yield return new OpCase("Detach", NoFlops, [Sample("plain", [Normal("x", [3, 5]).Constant()], x => x[0].Detach())]);

        yield return new OpCase("To", NoFlops,
        [
            .. new[] { DType.F32, DType.F64, DType.BF16, DType.F16, DType.I64, DType.I32 }.Select(dtype =>
                Sample($"{dtype}", [Normal("x", [7, 33]).Constant()], x => (x[0] * 3).To(dtype))),
            .. new[] { DType.F16, DType.I32, DType.U8 }.Select(dtype =>
                Sample($"{dtype} beyond its range", [Normal("x", [7, 33]).Constant()],
                    x => (x[0] * (dtype == DType.U8 ? 300 : 1e10)).To(dtype))),
            Sample("U8", [Positive("x", [7, 33]).Constant()], x => x[0].To(DType.U8)),
            Sample("large", [Normal("x", [130, 777]).Constant()], x => x[0].To(DType.BF16)),
            Sample("gapped", [Normal("x", [7, 33]).Gapped().Constant()], x => x[0].To(DType.BF16)),
            Sample("a part of wide rows", [Normal("x", [5, 64]).Constant()], x => x[0].Slice(1, 16, 32).To(DType.F16)),
            Sample("from bytes", [new OpInput("x", [7, 33], OpInputKind.Pixels)], x => x[0].To(x[0].Device.Compute)),
            Sample("from ids", [Ids("x", [7, 33], 1000)], x => x[0].To(x[0].Device.Compute)),
        ]);
    }
}
