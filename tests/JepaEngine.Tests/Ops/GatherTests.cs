using JepaEngine.Autograd;
using JepaEngine.Memory;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.Ops;

public sealed class GatherTests
{
    [Theory, MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void Takes_each_batch_by_its_own_ids_and_adds_what_flows_back(Device device)
    {
        using var tape = new Tape(device);
        Tensor x = tape.From<int>([1, 2, 3, 4, 5, 6], [2, 3, 1]);
        x.RequiresGrad = true;
        Tensor y = x.Gather(tape.FromRaw<int>([2, 2, 1, 0], [2, 2]));
        Assert.Equal([3, 3, 5, 4], y.ToArray<int>());
        tape.Backward(y, tape.From<int>([1, 10, 100, 1000], y.Shape));
        Assert.Equal([0, 0, 11, 1000, 100, 0], x.Grad!.ToArray<int>());
    }

    [Fact]
    public void An_id_beyond_the_tokens_is_the_exceptions_value()
    {
        using var scope = new TensorScope(Device.Cpu);
        Tensor x = scope.Zeros([2, 3, 1]), ids = scope.FromRaw<long>([0, 1, 2, 1L << 40], [2, 2]);
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => x.Gather(ids));
        Assert.Equal(1L << 40, error.ActualValue);
        Assert.Contains("at [1, 1] is not one of the tokens 0 to 2", error.Message, StringComparison.Ordinal);
    }
}
