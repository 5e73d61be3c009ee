using JepaEngine.IO;
using JepaEngine.Memory;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.PackageTests;

/// <summary>The small published checkpoints of tests/JepaEngine.Tests/Fixtures/models, and files that tests make of them.</summary>
internal static class ModelFixture
{
    /// <summary>What shapes do not tell of the training checkpoints.</summary>
    public static string[] Heads { get; } = ["--heads", "2", "--predictor-heads", "2"];

    public static string At(string name) => Path.Combine(Repository.Root, "tests", "JepaEngine.Tests", "Fixtures", "models", name);

    /// <summary>Writes a fixture's inputs under the names that <c>jepa run</c> takes.</summary>
    public static void WriteInputs(string path, string fixture, params (string Ours, string Theirs)[] names)
    {
        using TensorFile file = TensorFile.Open(At(fixture + ".io.safetensors"));
        using var scope = new TensorScope(Device.Cpu, "inputs");
        Safetensors.Write(path, [.. names.Select(name => (name.Ours, file.Read(name.Theirs, scope)))]);
    }

    /// <summary>A tensor's numbers.</summary>
    public static double[] Numbers(string path, string name)
    {
        using TensorFile file = TensorFile.Open(path);
        using var scope = new TensorScope(Device.Cpu, "numbers");
        return file.Read(name, scope).ToArray<double>();
    }

    /// <summary>Compares a tensor with a fixture's, with the largest expected value as the measure.</summary>
    public static void Close(string fixture, string expectedName, string path, string name, double tolerance = 2e-5)
    {
        double[] expected = Numbers(At(fixture + ".io.safetensors"), expectedName), actual = Numbers(path, name);
        Assert.Equal(expected.Length, actual.Length);
        double error = expected.Zip(actual).Max(pair => double.IsFinite(pair.Second) ? Math.Abs(pair.First - pair.Second) : double.PositiveInfinity);
        Assert.True(error <= tolerance * expected.Max(Math.Abs), $"{name} of {fixture} is off by {error / expected.Max(Math.Abs):e1}");
    }

    /// <summary>A copy of a folder of Hugging Face's with a tensor changed.</summary>
    public static string Changed(string folder, string fixture, string key, Action<List<(string Name, Tensor Tensor)>, TensorScope> change)
    {
        string copy = Path.Combine(folder, fixture + "-changed");
        Directory.CreateDirectory(copy);
        File.Copy(Path.Combine(At(fixture), "config.json"), Path.Combine(copy, "config.json"));
        using TensorFile file = TensorFile.Open(Path.Combine(At(fixture), "model.safetensors"));
        using var scope = new TensorScope(Device.Cpu, "changed");
        List<(string Name, Tensor Tensor)> tensors = [.. file.Entries.Keys.Where(name => name != key).Select(name => (name, file.Read(name, scope)))];
        change(tensors, scope);
        Safetensors.Write(Path.Combine(copy, "model.safetensors"), tensors);
        return copy;
    }

    /// <summary>A picture without two equal patches, [height, width, 3].</summary>
    public static Picture Drawn(int width, int height) =>
        new(width, height, [.. Enumerable.Range(0, 3 * width * height).Select(i => (byte)((i % 3 * 40 + i / 3 % width * 3 + i / 3 / width * 7) % 256))]);

    /// <summary>Writes it as PNG.</summary>
    public static string WritePicture(string folder, int width = 60, int height = 44)
    {
        string path = Path.Combine(folder, "picture.png");
        File.WriteAllBytes(path, Png.Encode(Drawn(width, height).Rgb, width, height));
        return path;
    }
}
