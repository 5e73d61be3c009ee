using JepaEngine.Memory;
using JepaEngine.Ops;
using JepaEngine.Primitives;

namespace JepaEngine.KernelTests.Ops;

/// <summary>Threads and copies that run in any order leave the same bits: what counts on an order that nothing holds shows here.</summary>
[Collection(Alone.Name)]
public sealed unsafe class ScheduleTests
{
    private const int InOrder = 0, Random = 1, LazyCopies = 2;

    public static TheoryData<string, string> OperationsAndDevices => CudaParityTests.OperationsAndDevices;

    [Theory]
    [MemberData(nameof(OperationsAndDevices))]
    public void Gives_the_same_bits_in_any_order(string operation, string device)
    {
        Device gpu = Gpus.Require(device);
        OpCase op = OpTable.Find(operation);
        foreach (OpSample sample in new[] { op.Samples[0], op.Samples[^1] })
        {
            List<Parity.Output> expected = Parity.Run(sample, gpu, gpu.Compute);
            Assert.All([Random, LazyCopies], mode =>
            {
                var schedule = gpu.Context.Driver.SimSchedule;
                schedule(mode, 20251108);
                try
                {
                    List<Parity.Output> actual = Parity.Run(sample, gpu, gpu.Compute);
                    for (int i = 0; i < expected.Count; i++)
                        Assert.True(expected[i].Values.AsSpan().SequenceEqual(actual[i].Values), $"{operation} ({sample.Name}) {expected[i].Name} differs in schedule {mode}");
                }
                finally
                {
                    schedule(InOrder, 0);
                }
            });
        }
    }
}
