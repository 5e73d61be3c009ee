using JepaEngine.Backends.Cpu;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.Ops;

/// <summary>Every operation of the table on every instruction set of this processor against the double-precision oracle.</summary>
public sealed class ParityTests
{
    public static TheoryData<string, CpuIsa> OperationsAndIsas()
    {
        var rows = new TheoryData<string, CpuIsa>();
        foreach (OpCase op in OpTable.All)
            for (CpuIsa isa = CpuIsa.Scalar; isa <= CpuIsas.Best; isa++)
                rows.Add(op.Name, isa);
        return rows;
    }

    [Theory]
    [MemberData(nameof(OperationsAndIsas))]
    public void Agrees_with_the_oracle(string operation, CpuIsa isa)
    {
        IReadOnlyList<ParityResult> results =
            Parity.Check(OpTable.Find(operation), Device.Cpu.With(isa: isa, threads: 1));
        Assert.NotEmpty(results);
        string[] failed = [.. results.Where(result => !result.Passed).Select(result => result.ToString())];
        Assert.True(failed.Length == 0, string.Join('\n', failed));
    }

    /// <summary>A weight mapped from a file lies at any multiple of its element's size.</summary>
    [Theory]
    [MemberData(nameof(OperationsAndIsas))]
    public void Agrees_with_the_oracle_on_operands_aligned_to_an_element_only(string operation, CpuIsa isa)
    {
        OpCase op = OpTable.Find(operation);
        OpSample plain = op.Samples[0], shifted = plain with { Inputs = [.. plain.Inputs.Select(input => input with { Layout = OpInputLayout.Shifted })] };
        IReadOnlyList<ParityResult> results = Parity.Check(op, shifted, Device.Cpu.With(isa: isa, threads: 1));
        Assert.All(results, result => Assert.True(result.Passed, result.ToString()));
    }

    [Theory]
    [MemberData(nameof(OperationsAndIsas))]
    public void Has_the_same_bits_for_any_number_of_threads(string operation, CpuIsa isa)
    {
        foreach (OpSample sample in OpTable.Find(operation).Samples)
        {
            List<Parity.Output> one = Parity.Run(sample, Device.Cpu.With(isa: isa, threads: 1));
            List<Parity.Output> three = Parity.Run(sample, Device.Cpu.With(isa: isa, threads: 3));
            for (int i = 0; i < one.Count; i++)
                Assert.True(one[i].Values.AsSpan().SequenceEqual(three[i].Values),
                    $"{operation} ({sample.Name}) {one[i].Name} depends on the number of threads");
        }
    }

    [Fact]
    public void A_wrong_number_is_found_and_named()
    {
        var wrong = new OpSample("wrong on f32", [new OpInput("x", [4])], (scope, x) =>
            scope.Device.Compute == DType.F64 || scope.Device.Kind == DeviceKind.Cpu ? x[0] * 1 : x[0] * 1.001);
        var op = new OpCase("Wrong", _ => 0, [wrong]);
        // The straightforward implementation errs by 0.001, so that 0.002 are allowed; the processor is exact.
        Assert.All(Parity.Check(op, Device.Cpu), result => Assert.True(result.Passed));
        var bad = new OpSample("wrong on the processor", [new OpInput("x", [4])], (scope, x) =>
        {
            Tensor factor = scope.From<double>([1, 1, scope.Device.Kind == DeviceKind.Cpu ? 1.01 : 1, 1], [4]);
            return x[0] * factor;
        });
        ParityResult[] failed = [.. Parity.Check(op with { Samples = [bad] }, Device.Cpu).Where(result => !result.Passed)];
        Assert.Equal(["y", "dx"], failed.Select(result => result.Output));
        Assert.All(failed, result => Assert.Equal(2, result.BadIndex));
    }
}
