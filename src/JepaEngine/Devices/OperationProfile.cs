using JepaEngine.Backends;
using JepaEngine.Backends.Profiling;

namespace JepaEngine.Devices;

/// <summary>
/// Counts and times every operation of a device, from its construction to <see cref="Dispose"/>; of another device, or
/// another variant of this one, nothing. Nothing is recorded as a graph meanwhile, and nothing recorded replayed: a
/// <see cref="Capture"/> does its work call by call, so that each shows. A tape calls the backend of when it was
/// recorded: open the profile before it. One thread at a time may use the device meanwhile.
/// </summary>
public sealed class OperationProfile : IDisposable
{
    private readonly Device device;
    private readonly Backend backend;
    private readonly CallLog log;
    private bool isDisposed;

    /// <summary>Begins.</summary>
    /// <exception cref="InvalidOperationException">The device is being profiled already.</exception>
    public OperationProfile(Device device)
    {
        this.device = device;
        backend = device.Backend;
        // The tiers of a GPU share the context that tells of launches.
        if (backend is ProfiledBackend || !device.IsHost && device.Context.Launched is not null)
            throw new InvalidOperationException(
                $"{device} is being profiled already: dispose the first profile before the second");
        log = new CallLog(device.IsHost ? null : device.Context);
        device.Backend = new ProfiledBackend(backend, log);
    }

    /// <summary>
    /// What was called since the beginning or the last <see cref="Clear"/>, most time first. Waits for the device.
    /// </summary>
    public IReadOnlyList<ProfiledOperation> Read() => log.Read();

    /// <summary>Forgets what was called so far.</summary>
    public void Clear() => log.Clear();

    /// <summary>Ends: the device works as before.</summary>
    public void Dispose()
    {
        if (isDisposed)
            return;
        isDisposed = true;
        device.Backend = backend;
        log.Dispose();
    }
}
