using System.Diagnostics;
using System.Text.Json;
using JepaEngine.IO;
using JepaEngine.Jepa.Checkpoints;
using JepaEngine.Jepa.Inference;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Pictures;
using JepaEngine.Primitives;
using static JepaEngine.PackageTests.JepaProcess;
using static JepaEngine.PackageTests.ModelFixture;

namespace JepaEngine.PackageTests;

/// <summary><c>jepa encode</c> and <c>jepa classify</c> on pictures and videos, as processes.</summary>
public sealed class PictureCommandTests : IDisposable
{
    private static readonly LoadOptions WithProbe = new() { Heads = 2, PredictorHeads = 2, ProbeHeads = 2, ImageSize = 16, Probe = At("probe.pt") };

    private readonly string folder = Directory.CreateTempSubdirectory("jepa-pictures").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void EncodeGivesWhatASessionGives()
    {
        string picture = WritePicture(folder), features = Path.Combine(folder, "features.npy"), map = Path.Combine(folder, "map.png");
        string text = Works("encode", At("hf_ijepa"), picture, "--out", features, "--pca", map);
        Assert.Contains("1 frame of 32 x 32 pixels, 16 tokens (1 x 4 x 4)", text);
        using JepaModel model = ModelFile.Load(At("hf_ijepa"), Device.Cpu);
        using var session = new JepaSession(model);
        EncodedTokens expected = session.Encode(Drawn(60, 44));
        Assert.Equal(Array.ConvertAll(expected.Values.ToArray(), value => (double)value), Numbers(features, "tensor"));
        text = Works("encode", At("hf_ijepa"), picture, "--out", features, "--size", "48");
        Assert.Contains("36 tokens (1 x 6 x 6)", text);
        // The frame at the model's size, and below it the map, in a margin of 6.
        Picture sheet = Png.Read(map);
        Assert.Equal((32 + 2 * 6, 2 * 32 + 3 * 6), (sheet.Width, sheet.Height));
    }

    [Fact]
    public void APictureIsOneFrameForAModelOfClips()
    {
        string features = Path.Combine(folder, "features.safetensors");
        JsonElement json = JsonElement.Parse(Works("encode", At("hf_vjepa2"), WritePicture(folder), "--out", features, "--size", "32", "--json"));
        Assert.Equal((16, 32), (json.GetProperty("tokens").GetInt32(), json.GetProperty("width").GetInt32()));
        using TensorFile file = TensorFile.Open(features);
        Assert.Equal([16, 32], file.Entries["last_hidden_state"].Shape.ToArray());
        Assert.Equal(("1", "4", "4"), (file.Metadata["times"], file.Metadata["rows"], file.Metadata["columns"]));
    }

    [Fact]
    public void EncodeSeesEachOfARobotsFramesAlone()
    {
        var size = new VitSize(32, 1, 2, 64);
        using JepaModel model = JepaModel.Create(new JepaConfig
        {
            Family = VJepa2Ac.Family,
            Encoder = size,
            Predictor = size,
            ImageSize = 32,
            Patch = 8,
            TargetWidth = 32,
            Framing = Framing.SquareThenResize,
        });
        model.Allocate(Device.Cpu, seed: 1);
        string path = Path.Combine(folder, "robot.safetensors"), features = Path.Combine(folder, "features.npy");
        ModelWriter.Write(path, model, ModelLayout.JepaEngine, DType.F32);
        Assert.Contains("32 tokens (2 x 4 x 4)", Works("encode", path, WritePicture(folder), "--frames", "2", "--out", features));
        double[][] tokens = [.. Numbers(features, "tensor").Chunk(32)];
        Assert.Equal(32, tokens.Length);
        Assert.Equal(tokens[..16], tokens[16..]);
        // What the predictor reads: normalised tokens.
        Assert.All(tokens, token => Assert.Equal((0, 1), (token.Average(), token.Average(x => x * x)), CloseTo));

        static bool CloseTo((double Mean, double Square) a, (double Mean, double Square) b) =>
            Math.Abs(a.Mean - b.Mean) < 1e-5 && Math.Abs(a.Square - b.Square) < 1e-3;
    }

    [Fact]
    public void EncodeSamplesAVideo()
    {
        string video = Path.Combine(folder, "clip.mp4"), features = Path.Combine(folder, "features.safetensors"), map = Path.Combine(folder, "map.png");
        Assert.SkipUnless(Film(video), "there is no ffmpeg here");
        string text = Works("encode", At("hf_vjepa2"), video, "--out", features, "--frames", "8", "--every", "2", "--pca", map);
        Assert.Contains("8 frames of 24 x 24 pixels, 36 tokens (4 x 3 x 3)", text);
        Assert.Equal(36 * 32, Numbers(features, "last_hidden_state").Length);
        Assert.Equal(4 * (24 + 6) + 6, Png.Read(map).Width);
    }

    [Fact]
    public void EncodeRefusesWhatCannotBe()
    {
        string picture = WritePicture(folder), features = Path.Combine(folder, "features.safetensors");
        string[] encode = ["encode", At("hf_vjepa2"), picture, "--out", features];
        Assert.Contains("of activations, but 4 KiB are free", Fails(5, [.. encode, "--memory-limit", "4KiB"]));
        Assert.Contains("do not divide into tubelets of 2", Fails(2, [.. encode, "--frames", "3"]));
        Assert.Contains("do not divide into patches of 8", Fails(2, [.. encode, "--size", "25"]));
        Assert.Contains("--every and --fps", Fails(2, [.. encode, "--every", "2", "--fps", "4"]));
        Assert.Contains("sees single pictures", Fails(2, "encode", At("hf_ijepa"), picture, "--frames", "2"));
        Assert.Contains("--out ends with '.txt'", Fails(2, "encode", At("hf_vjepa2"), picture, "--out", "features.txt"));
        Assert.Contains("no such file", Fails(3, "encode", At("hf_vjepa2"), Path.Combine(folder, "none.mp4"), "--out", features));
        Assert.False(File.Exists(features));
    }

    [Fact]
    public void AnInterruptedEncodeEndsAtOnce()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "a signal reaches another process through kill, which Windows lacks");
        string features = Path.Combine(folder, "features.safetensors");
        // 180,000 tokens, which take a minute.
        using Process process = Start("encode", At("hf_vjepa2"), WritePicture(folder), "--out", features, "--frames", "400", "--size", "240");
        try
        {
            Assert.Contains("180000 tokens", process.StandardOutput.ReadLine());
            Thread.Sleep(500);
            var clock = Stopwatch.StartNew();
            using (Process kill = Process.Start("kill", ["-TERM", process.Id.ToString()]))
                kill.WaitForExit();
            Assert.True(process.WaitForExit(TimeSpan.FromSeconds(20)));
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(10), $"it ended after {clock.Elapsed}");
        }
        finally
        {
            process.Kill();
        }
        Assert.Equal(7, process.ExitCode);
        Assert.Equal(["picture.png"], Directory.GetFiles(folder).Select(Path.GetFileName));
    }

    [Fact]
    public void ClassifyNamesWhatASessionNames()
    {
        string picture = WritePicture(folder);
        string[] probe = ["--probe", At("probe.pt"), "--probe-heads", "2", "--image-size", "16", .. Heads];
        string text = Works(["classify", At("vjepa2.pt"), picture, "--top", "7", "--json", .. probe]);
        using JepaModel model = ModelFile.Load(At("vjepa2.pt"), Device.Cpu, WithProbe);
        using var session = new JepaSession(model);
        ClassScore[] expected = session.ClassifyFramed([model.Config.Preprocess.Apply(Drawn(60, 44))], top: 7);
        JsonElement[] lines = [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonElement.Parse(line))];
        Assert.Equal(expected.Select(score => score.Class), lines.Select(line => line.GetProperty("class").GetInt32()));
        Assert.Equal(expected.Select(score => score.Probability), lines.Select(line => line.GetProperty("probability").GetDouble()));
        Assert.Equal(1, lines.Sum(line => line.GetProperty("probability").GetDouble()), 1e-6);

        // A folder of Hugging Face's names its classes.
        string named = Path.Combine(folder, "named"), config = Path.Combine(named, "config.json");
        ModelWriter.Write(named, model, ModelLayout.HuggingFace, DType.F32);
        File.WriteAllText(config, File.ReadAllText(config).Replace($"LABEL_{expected[0].Class}\"", "waving a hand\""));
        text = Works("classify", named, picture, "--top", "1");
        Assert.Matches($@"probability  class  label\n +{expected[0].Probability:0.0000} +{expected[0].Class}  waving a hand\n$", text);
        Assert.Contains("--probe FILE", Fails(3, "classify", At("hf_vjepa2"), picture));
    }

    /// <summary>Twenty frames of ffmpeg's moving test picture.</summary>
    private static bool Film(string path)
    {
        try
        {
            using var ffmpeg = Process.Start(new ProcessStartInfo(Environment.GetEnvironmentVariable("JEPA_FFMPEG") ?? "ffmpeg",
                ["-v", "error", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=2", "-pix_fmt", "yuv420p", path]))!;
            ffmpeg.WaitForExit();
            return ffmpeg.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
