using JepaEngine.Jepa.Data;

namespace JepaEngine.Jepa.Planning;

/// <summary>How an imagined path is priced by its latents' squared distances d_1 … d_H from the goal's.</summary>
public enum PathCost
{
    /// <summary>d_H: where it ends (LeWorldModel's published cost).</summary>
    Last,
    /// <summary>
    /// min d + 0.03 · mean d: that it gets there, and a little how soon. d_H alone puts off what it replans.
    /// </summary>
    Nearest,
}

/// <summary>
/// What a planner needs of a model: to encode what is seen, to imagine what actions lead to, and to say how far that
/// is from a goal. On a GPU a planner records <see cref="Imagine"/> and <see cref="Distance"/> once and replays them,
/// so they do the same work each time and read nothing back.
/// </summary>
public interface IWorldModel : IDisposable
{
    /// <summary>Where it computes.</summary>
    Device Device { get; }

    /// <summary>
    /// What is seen at a time, without the batch: [H, W, 3] of a picture in U8, [S] of sensors in floats.
    /// </summary>
    Shape Observation { get; }

    /// <summary>A: numbers of an action block, which leads from one latent to the next.</summary>
    int ActionWidth { get; }

    /// <summary>What the environment's actions are scaled by; nothing where the model takes them as they are.</summary>
    ActionScale ActionScale => ActionScale.None;

    /// <summary>Observations [B, ..] to latents [B, ..].</summary>
    Tensor Encode(Tensor observations);

    /// <summary>
    /// From latents [S, ..] by action blocks [S, T, A], scaled, to the latents [S, T, ..] after each.
    /// </summary>
    Tensor Imagine(Tensor starts, Tensor actions);

    /// <summary>
    /// Prices imagined latents [P N, T, ..] of N candidates for each of P goals [P, ..] into F32 [P, N]; lower is
    /// better. Here by their squared distances; another cost, by what a read-out says of a latent, may take goals of
    /// another kind.
    /// </summary>
    void Distance(Tensor imagined, Tensor goals, PathCost cost, Tensor costs)
    {
        const double MeanWeight = 0.03;
        imagined = imagined.Shape.Rank == 3 ? imagined : imagined.Reshape(imagined.Shape[0], imagined.Shape[1], -1);
        goals = goals.Shape.Rank == 2 ? goals : goals.Reshape(goals.Shape[0], -1);
        double? meanWeight = cost == PathCost.Nearest ? MeanWeight : null;
        Device.Backend.CemScore(imagined.Operand, goals.Operand, meanWeight, costs.Operand);
    }

    /// <summary>The first of its parameters that is not finite; null where all are, or nobody looks.</summary>
    string? NotFinite() => null;

    /// <summary>The same model on another device, or with other threads; whoever asks disposes it.</summary>
    IWorldModel Copy(Device device);
}
