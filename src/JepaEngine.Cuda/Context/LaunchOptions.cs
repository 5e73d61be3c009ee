namespace JepaEngine.Cuda.Context;

/// <summary>What a launch can ask besides its grid.</summary>
/// <param name="Cluster">Blocks along x that run together and reach each other's shared memory (compute capability 9.0 and up); 0 and 1 are none.</param>
/// <param name="Overlaps">Whether it may start while the launch before it ends (programmatic dependent launch): the kernel itself waits for that one's results.</param>
public readonly record struct LaunchOptions(int Cluster = 0, bool Overlaps = false);
