using System.Text.Json.Serialization;

namespace JepaEngine.Jepa.Benchmarking;

/// <summary>What keeps a piece of work from being faster.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<RooflineBound>))]
public enum RooflineBound
{
    /// <summary>It cannot be told: nothing is counted, or no limit was measured.</summary>
    Unknown,
    /// <summary>Arithmetic.</summary>
    Compute,
    /// <summary>Memory's bandwidth.</summary>
    Memory,
    /// <summary>Neither of them: launches, latency, or work that is not counted.</summary>
    Latency,
    /// <summary>The host, between two operations.</summary>
    Host,
}
