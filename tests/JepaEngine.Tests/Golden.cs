using System.Text.Json;
using JepaEngine.IO;
using JepaEngine.Memory;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests;

/// <summary>A file of PyTorch's results; see Fixtures/README.md.</summary>
internal sealed class Golden : IDisposable
{
    public Golden(string name) => File = new SafetensorsFile(Path.Combine(AppContext.BaseDirectory, "Fixtures", name + ".safetensors"));

    public SafetensorsFile File { get; }

    /// <summary>The numbers that were not drawn.</summary>
    public JsonElement Config => JsonElement.Parse(File.Metadata["config"]);

    /// <summary>A tensor's numbers.</summary>
    public double[] this[string key]
    {
        get
        {
            using var scope = new TensorScope(Device.Reference, "golden");
            return File.Read(key, scope).ToArray<double>();
        }
    }

    /// <summary>A tensor's bytes.</summary>
    public byte[] Bytes(string key)
    {
        using var scope = new TensorScope(Device.Cpu, "golden");
        return File.Read(key, scope).ToArray<byte>();
    }

    public bool Has(string key) => File.Entries.ContainsKey(key);

    /// <summary>An input, requiring a gradient.</summary>
    public Tensor Input(string key, TensorScope scope)
    {
        Tensor tensor = File.Read(key, scope);
        tensor.RequiresGrad = true;
        return tensor;
    }

    public void Dispose() => File.Dispose();

    /// <summary>Compares with the largest expected value, or <paramref name="floor"/> if that is larger, as the measure.</summary>
    public static void Close(string what, ReadOnlySpan<double> expected, Tensor? actual, double tolerance, double floor = 0)
    {
        Assert.True(actual is not null, $"{what} is missing");
        double[] values = actual.ToArray<double>();
        Assert.True(expected.Length == values.Length, $"{what} has {values.Length} numbers, not {expected.Length}");
        double largest = floor, error = 0;
        for (int i = 0; i < values.Length; i++)
        {
            largest = Math.Max(largest, Math.Abs(expected[i]));
            // NaN must not slip through a comparison.
            error = double.IsFinite(values[i]) ? Math.Max(error, Math.Abs(values[i] - expected[i])) : double.PositiveInfinity;
        }
        Assert.True(error <= tolerance * largest, $"{what} on {actual.Device} is off by {error / largest:e1} of its largest value; {tolerance:e1} is allowed");
    }
}
