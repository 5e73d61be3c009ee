namespace JepaEngine.KernelTests;

/// <summary>Tests that record or plan faults: the simulator is one device for the whole process, so no other test runs beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public static class Alone
{
    public const string Name = "alone";
}
