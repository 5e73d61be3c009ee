namespace JepaEngine.IO;

/// <summary>A record that files hold. Whoever reads one asks it at once whether it can be.</summary>
public interface IValidated
{
    /// <summary>Refuses what cannot be, naming the first thing that is wrong.</summary>
    /// <exception cref="ArgumentException">Something is wrong.</exception>
    void Validate();
}
