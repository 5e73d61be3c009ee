namespace JepaEngine.Devices;

/// <summary>
/// Owns memory: every tensor is made in a scope and lives until the scope is disposed. The result of an operation lives
/// in the youngest scope among its inputs. There is no finalizer and no ambient scope. One thread at a time may use a
/// scope.
/// </summary>
/// <param name="device">Where its tensors live.</param>
/// <param name="name">What a leak report calls it.</param>
public class TensorScope(Device device, string name = "scope") : MemoryScope(device.Allocator, name)
{
    /// <summary>Where its tensors live.</summary>
    public Device Device { get; } = device;

    /// <summary>
    /// Whether operations may put results here. A scope that holds a model's parameters is closed to them: a result
    /// there would live as long as the model.
    /// </summary>
    public bool AcceptsResults { get; init; } = true;

    /// <inheritdoc/>
    public override string ToString() => $"{Name} on {Device}: {base.ToString()}";
}
