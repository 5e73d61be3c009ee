namespace JepaEngine.Tests;

/// <summary>Tests that look at the process's memory: no other test runs beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public static class Alone
{
    public const string Name = "alone";
}
