namespace JepaEngine.Benchmarks.Harness;

/// <summary>What a case does: the part of a model it is, its size, and what has to be done for it.</summary>
/// <param name="pass">As in a record: <c>forward</c>, <c>backward</c>, <c>step</c>, <c>plan</c>; <c>call</c> or <c>load</c> for what is no kernel.</param>
/// <param name="size">As <c>2048x1024</c>; empty where a parameter says it, or there is none.</param>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class WorkAttribute(string pass, string size = "") : Attribute
{
    public string Pass => pass;

    public string Size => size;

    /// <summary>Floating-point operations a call; 0 where nobody counts them.</summary>
    public double Flops { get; init; }

    /// <summary>Bytes a call has to move, each input read once and each result written once; 0 where nobody counts them.</summary>
    public double Bytes { get; init; }

    /// <summary>Operations over those of the parameter, as a gradient takes more than its forward pass.</summary>
    public double TimesFlops { get; init; } = 1;

    /// <summary>Likewise bytes.</summary>
    public double TimesBytes { get; init; } = 1;
}

/// <summary>A parameter that is a size: it is the end of the case's name, and knows the work of a call as <see cref="WorkAttribute"/> does.</summary>
internal interface ISized
{
    double Flops { get; }

    double Bytes { get; }
}

/// <summary>Where the cases of a family run, and where their operands lie.</summary>
/// <param name="threads">Of the processor; 0 is one a core.</param>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class RunsAttribute(int threads) : Attribute
{
    public int Threads => threads;

    /// <summary>Whether each call finds its operands in memory instead of in caches.</summary>
    public bool Cold { get; init; }
}
