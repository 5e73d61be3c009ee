using JepaEngine.Ops;
using JepaEngine.Primitives;

namespace JepaEngine.KernelTests.Ops;

/// <summary>Every operation of the table, forward and backward, in both tiers of the simulated GPU against the double-precision oracle.</summary>
public sealed class CudaParityTests
{
    public static TheoryData<string, string> OperationsAndDevices => new(
        OpTable.All.SelectMany(op => new[] { "sim", "sim:bf16" }.Select(device => (op.Name, device))));

    [Theory]
    [MemberData(nameof(OperationsAndDevices))]
    public void Agrees_with_the_oracle(string operation, string device) => Check(OpTable.Find(operation), Gpus.Require(device));

    /// <summary>A weight mapped from a file, or a slice, lies at any multiple of its element's size.</summary>
    [Theory]
    [MemberData(nameof(OperationsAndDevices))]
    public void Agrees_with_the_oracle_on_operands_aligned_to_an_element_only(string operation, string device)
    {
        OpCase op = OpTable.Find(operation);
        OpSample plain = op.Samples[0], shifted = plain with { Inputs = [.. plain.Inputs.Select(input => input with { Layout = OpInputLayout.Shifted })] };
        Check(op with { Samples = [shifted] }, Gpus.Require(device));
    }

    [Theory]
    [MemberData(nameof(OperationsAndDevices))]
    public void Gives_the_same_bits_twice(string operation, string device)
    {
        Device gpu = Gpus.Require(device);
        OpSample sample = OpTable.Find(operation).Samples[^1];
        List<Parity.Output> once = Parity.Run(sample, gpu, gpu.Compute), again = Parity.Run(sample, gpu, gpu.Compute);
        for (int i = 0; i < once.Count; i++)
            Assert.True(once[i].Values.AsSpan().SequenceEqual(again[i].Values), $"{operation} ({sample.Name}) {once[i].Name} differs from run to run");
    }

    private static void Check(OpCase op, Device device)
    {
        IReadOnlyList<ParityResult> results = Parity.Check(op, device);
        string[] failed = [.. results.Where(result => !result.Passed).Select(result => result.ToString())];
        Assert.True(failed.Length == 0, string.Join('\n', failed));
    }
}
