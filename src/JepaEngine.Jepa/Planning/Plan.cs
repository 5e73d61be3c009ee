namespace JepaEngine.Jepa.Planning;

/// <summary>How one plan is made.</summary>
public sealed record PlanOptions
{
    /// <summary>Decides the search's draws: the same seed gives the same plan.</summary>
    public ulong Seed { get; init; }

    /// <summary>Whether the plan holds the latents it is thought to lead to.</summary>
    public bool KeepLatents { get; init; }
}

/// <summary>A plan that can be carried out.</summary>
/// <param name="Blocks">
/// [H][A]: block by block, the actions of the environment's steps one after another, in the environment's units.
/// </param>
/// <param name="Cost">What the model expects it to cost: of two plans to a goal the lower is better.</param>
/// <param name="Candidates">Action sequences that were imagined to find it.</param>
/// <param name="Latents">[H, ..]: the latent after each block, one after another; empty unless asked for.</param>
public sealed record Plan(float[][] Blocks, float Cost, int Candidates, float[] Latents);
