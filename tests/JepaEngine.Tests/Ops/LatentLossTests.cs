using JepaEngine.Autograd;
using JepaEngine.Backends;
using JepaEngine.Memory;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.Ops;

public sealed class LatentLossTests
{
    /// <summary>Two masks of three pictures, against the operations it takes the place of.</summary>
    [Theory, MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void Is_the_loss_of_gathered_normalised_targets(Device device)
    {
        using var tape = new Tape(device);
        Tensor fused = tape.RandomNormal([6, 4, 40], new PhiloxKey(1)), composed = tape.RandomNormal([6, 4, 40], new PhiloxKey(1));
        Tensor targets = tape.RandomNormal([3, 9, 40], new PhiloxKey(2), 3, 2);
        fused.RequiresGrad = composed.RequiresGrad = true;
        int[] first = [8, 0, 3, 3, 1, 2, 4, 5, 7, 6, 5, 0], second = [2, 2, 2, 2, 0, 8, 1, 7, 3, 4, 6, 5];
        Tensor loss = fused.LatentLoss(targets, tape.FromRaw<int>([.. first, .. second], [6, 4]), LossKind.SmoothL1, 1e-5);
        Tensor normal = targets.LayerNorm(null, null, 1e-5);
        Tensor gathered = TensorOps.Concat(0, normal.Gather(tape.FromRaw<int>(first, [3, 4])), normal.Gather(tape.FromRaw<int>(second, [3, 4])));
        Tensor expected = composed.SmoothL1Loss(gathered);
        Assert.Equal(expected.Item(), loss.Item(), 1e-6);
        tape.Backward((loss + expected) * 3);
        double[] slopes = fused.Grad!.ToArray<double>(), expectedSlopes = composed.Grad!.ToArray<double>();
        Assert.All(slopes.Zip(expectedSlopes), pair => Assert.Equal(pair.Second, pair.First, 3e-9));
        Assert.True(slopes.Max() > 1e-3);
    }

    [Fact]
    public void An_id_beyond_the_tokens_is_the_exceptions_value()
    {
        using var scope = new TensorScope(Device.Cpu);
        Tensor prediction = scope.Zeros([4, 1, 2]), targets = scope.Zeros([2, 3, 2]), ids = scope.FromRaw<int>([0, 2, 1, 3], [4, 1]);
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => prediction.LatentLoss(targets, ids, LossKind.L1, null));
        Assert.Equal(3L, error.ActualValue);
        Assert.Contains("LatentLoss: id 3 at [3, 0] is not one of the tokens 0 to 2", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new[] { 3, 2, 4 }, new[] { 2, 5, 4 }, new[] { 3, 2 })]
    [InlineData(new[] { 2, 2, 4 }, new[] { 2, 5, 3 }, new[] { 2, 2 })]
    [InlineData(new[] { 2, 2, 4 }, new[] { 2, 5, 4 }, new[] { 2, 3 })]
    [InlineData(new[] { 2, 4 }, new[] { 2, 5, 4 }, new[] { 2, 1 })]
    public void Shapes_that_do_not_fit_are_named(int[] prediction, int[] targets, int[] ids)
    {
        using var scope = new TensorScope(Device.Cpu);
        Tensor tokens = scope.FromRaw<int>(new int[ids[0] * ids[1]], new Shape(ids));
        var error = Assert.Throws<ArgumentException>(() =>
            scope.Zeros(new Shape(prediction)).LatentLoss(scope.Zeros(new Shape(targets)), tokens, LossKind.L1, null));
        Assert.Contains($"prediction {new Shape(prediction)}, targets {new Shape(targets)} and ids {new Shape(ids)}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Targets_that_ask_for_a_gradient_are_refused()
    {
        using var tape = new Tape(Device.Cpu);
        Tensor targets = tape.Zeros([1, 2, 3]), prediction = tape.Zeros([1, 1, 3]), ids = tape.FromRaw<int>([1], [1, 1]);
        targets.RequiresGrad = true;
        var error = Assert.Throws<ArgumentException>(() => prediction.LatentLoss(targets, ids, LossKind.L1, null));
        Assert.Contains("Detach", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, prediction.LatentLoss(targets.Detach(), ids, LossKind.L1, null).Item());
    }
}
