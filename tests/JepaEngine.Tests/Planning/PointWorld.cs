using JepaEngine.Jepa.Data;
using JepaEngine.Jepa.Planning;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.Planning;

/// <summary>
/// A world model that no release has: a point in the plane, seen in a picture of one pixel as (red, green), that each
/// action moves. Its actions are the environment's less 0.5, doubled.
/// </summary>
internal class PointWorld(Device device) : IWorldModel
{
    public Device Device => device;

    public Shape Observation => [1, 1, 3];

    public int ActionWidth => 2;

    public ActionScale ActionScale { get; } = new([0.5f, 0.5f], [0.5f, 0.5f]);

    /// <summary>Pixels 0..255 to −1..1; the latent is [2, 1], since a latent need not be a vector.</summary>
    public Tensor Encode(Tensor observations)
    {
        IEnumerable<byte> seen = observations.ToArray<byte>().Chunk(3).SelectMany(rgb => rgb[..2]);
        float[] places = [.. seen.Select(x => x / 127.5f - 1)];
        return observations.Scope.From<float>(places, [places.Length / 2, 2, 1]);
    }

    public Tensor Imagine(Tensor starts, Tensor actions)
    {
        var path = new Tensor[actions.Shape[1]];
        Tensor at = starts.Reshape(-1, 1, 2);
        for (int t = 0; t < path.Length; t++)
            path[t] = at += actions.Slice(1, t, 1) * 0.5;
        return TensorOps.Concat(1, path).Reshape(-1, path.Length, 2, 1);
    }

    public IWorldModel Copy(Device other) => new PointWorld(other);

    public void Dispose()
    {
    }
}

/// <summary>
/// The same point, priced by a read-out: how far the sum of its coordinates ends from a wanted sum [P, 1].
/// </summary>
internal sealed class SumWorld(Device device) : PointWorld(device), IWorldModel
{
    public void Distance(Tensor imagined, Tensor goals, PathCost cost, Tensor costs)
    {
        Tensor sums = imagined.Select(1, -1).Sum([1, 2]).Reshape(costs.Shape[0], costs.Shape[1]);
        costs.CopyFrom((sums - goals).Square());
    }
}
