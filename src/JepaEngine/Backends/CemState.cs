namespace JepaEngine.Backends;

/// <summary>
/// What an iteration of the cross-entropy method (Rubinstein 1999) reads and writes beside the model: N candidates of L numbers for each of P problems.
/// All floats are F32, whatever the device computes in.
/// </summary>
/// <param name="Candidates">[P, N, L].</param>
/// <param name="Costs">[P, N]: lower is better.</param>
/// <param name="Mean">[P, L], where the next candidates are drawn around.</param>
/// <param name="Std">[P, L], and how far.</param>
/// <param name="Best">[P]: the lowest cost that any iteration saw.</param>
/// <param name="Plan">[P, L]: whose it was.</param>
/// <param name="Keys">I64 [P, 2]: the <see cref="Primitives.PhiloxKey"/> of each problem.</param>
/// <param name="Iteration">I64 scalar: which iteration this is, from 0; counted on by <see cref="Backend.CemRefit"/>.</param>
public readonly record struct CemState(Operand Candidates, Operand Costs, Operand Mean, Operand Std, Operand Best, Operand Plan,
    Operand Keys, Operand Iteration)
{
    /// <summary>How many of the best candidates the next mean and standard deviation are taken from.</summary>
    public int Elites { get; init; }

    /// <summary>The standard deviation never falls below this.</summary>
    public float MinStd { get; init; }

    /// <summary>Every drawn number is clamped to ± this.</summary>
    public float Bound { get; init; }

    /// <summary>P.</summary>
    internal int Problems => Candidates.Shape[0];

    /// <summary>N.</summary>
    internal int Count => Candidates.Shape[1];

    /// <summary>L.</summary>
    internal int Length => Candidates.Shape[2];
}
