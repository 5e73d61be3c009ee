using BenchmarkDotNet.Attributes;
using JepaEngine.Benchmarks.Harness;
using JepaEngine.IO;
using JepaEngine.Jepa.Benchmarking;
using JepaEngine.Jepa.Data;
using JepaEngine.Memory;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Benchmarks;

/// <summary>Files that the system holds in memory already: what the way from there to tensors costs.</summary>
[Runs(threads: 1)]
public class Loaders : Family
{
    private const int Tensors = 64, Rows = 256, Columns = 1024, Page = 1024, Side = 512, Windows = 64, Frames = 4, Skip = 5, ImageSize = 56;
    private const double Mapped = 4.0 * Tensors * Rows * Columns, Copied = 3.0 * Windows * Frames * ImageSize * ImageSize;

    private readonly byte[] frames = new byte[(int)Copied];
    private string folder = "", weights = "", picture = "";
    private EpisodeFile episodes = null!;
    private WindowSampler sampler = null!;
    private float[] actions = [];
    private ulong batch;

    protected override void Prepare()
    {
        folder = Directory.CreateTempSubdirectory("jepa-benchmark").FullName;
        weights = Path.Combine(folder, "weights.safetensors");
        Safetensors.Write(weights, [.. Enumerable.Range(0, Tensors)
            .Select(i => ($"blocks.{i}.weight", Memory.RandomUniform([Rows, Columns], new PhiloxKey((ulong)i))))]);
        picture = Path.Combine(folder, "picture.png");
        File.WriteAllBytes(picture, Png.Encode(Gradients(), Side, Side));
        string noise = Path.Combine(folder, "noise.jepa");
        TrainWork.WriteNoise(noise, ImageSize);
        episodes = EpisodeFile.Open(noise);
        sampler = new WindowSampler(episodes, null, Frames, Skip);
        actions = new float[Windows * (Frames - 1) * Skip * episodes.Format.ActionSize];
    }

    protected override void Release()
    {
        episodes.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>Opens a mapped file and reads a number of every page.</summary>
    [Benchmark, Work("load", "64x256x1024", Bytes = Mapped)]
    public unsafe float SafetensorsFile()
    {
        using TensorFile file = TensorFile.Open(weights);
        using var scope = new TensorScope(Device, "load");
        float sum = 0;
        foreach (string name in file.Entries.Keys)
        {
            float* values = file.Load(name, scope).Operand.As<float>();
            for (int i = 0; i < Rows * Columns; i += Page)
                sum += values[i];
        }
        return sum;
    }

    /// <summary>Opens a zip of PyTorch's, reads its pickle, and copies every tensor: a V-JEPA 2 of 2 blocks in Meta's layout.</summary>
    [Benchmark, Work("load", "vjepa2.pt")]
    public long PickleFile()
    {
        using TensorFile file = TensorFile.Open(Path.Combine(AppContext.BaseDirectory, "Files", "vjepa2.pt"));
        using var scope = new TensorScope(Device, "load");
        return file.Entries.Keys.Sum(name => file.Read(name, scope).Shape.Count);
    }

    /// <summary>Reads and unpacks a picture of smooth colours with some noise.</summary>
    [Benchmark, Work("load", "512x512", Bytes = 3.0 * Side * Side)]
    public Picture PngFile() => Png.Read(picture);

    /// <summary>A batch of the demo's windows, whose frames the file holds.</summary>
    [Benchmark, Work("load", "64x4x56x56", Bytes = 2 * Copied)]
    public byte EpisodeWindows()
    {
        sampler.Sample(new PhiloxKey(1, batch++), Windows, frames, actions);
        return frames[0];
    }

    private static byte[] Gradients()
    {
        byte[] rgb = new byte[3 * Side * Side];
        var random = new Random(1);
        for (int i = 0; i < rgb.Length; i++)
            rgb[i] = (byte)((i / 3 % Side + i / 3 / Side * (1 + i % 3)) / 8 + random.Next(4));
        return rgb;
    }
}
