namespace JepaEngine.Memory;

/// <summary>Somebody else's memory, until it is disposed; what lends the same memory is equal.</summary>
internal interface ILender : IDisposable
{
    /// <summary>Throws where the memory is no longer what was lent.</summary>
    void Require();
}
