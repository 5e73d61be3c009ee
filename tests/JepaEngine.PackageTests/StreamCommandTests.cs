namespace JepaEngine.PackageTests;

/// <summary>Standard streams that are closed, full or without a reader.</summary>
public sealed class StreamCommandTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("jepa-streams").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData(">&-")]
    [InlineData("2>&-")]
    [InlineData("<&-")]
    [InlineData("<&- >&- 2>&-")]
    [InlineData("2>/dev/full")]
    public void What_it_cannot_say_keeps_it_from_nothing(string streams)
    {
        string model = ModelFixture.At("hf_vjepa2");
        ModelFixture.WriteInputs(Path.Combine(folder, "in.safetensors"), "hf_vjepa2", ("pixel_values_videos", "input.video"));
        (int code, _, string error) = Shell.Run(folder, $"jepa run '{model}' --inputs in.safetensors --outputs expected.safetensors");
        Assert.True(code == 0, error);
        (code, _, error) = Shell.Run(folder, $"jepa run '{model}' --inputs in.safetensors --outputs out.safetensors {streams}");
        Assert.True(code == 0, error);
        Assert.Equal(File.ReadAllBytes(Path.Combine(folder, "expected.safetensors")), File.ReadAllBytes(Path.Combine(folder, "out.safetensors")));
        Assert.Equal(3, Shell.Run(folder, $"jepa inspect nothing {streams}").Code);
        Assert.Equal(2, Shell.Run(folder, $"jepa inspect {streams}").Code);
    }

    [Theory]
    [InlineData(">&-")]
    [InlineData("2>&-")]
    [InlineData("<&- >&- 2>&-")]
    public void A_run_trains_with_closed_streams(string streams)
    {
        File.WriteAllText(Path.Combine(folder, "tiny.json"),
            """{"model": {"imageSize": 56, "encoderWidth": 24, "encoderDepth": 1, "encoderHeads": 2, "encoderMlp": 24}}""");
        (int code, _, string error) = Shell.Run(folder, $"jepa train run --config tiny.json --steps 2 --batch 4 {streams}");
        Assert.True(code == 0, error);
        Assert.Equal(2, File.ReadLines(Path.Combine(folder, "run", "train.jsonl")).Count(line => line.StartsWith('{')));
        Assert.Contains("LeWorldModel", JepaProcess.Works("inspect", Path.Combine(folder, "run", "model.safetensors")));
    }

    [Theory]
    [InlineData("inspect '{0}'")]
    [InlineData("inspect '{0}' --json")]
    [InlineData("--help")]
    [InlineData("encode --help")]
    [InlineData("--version")]
    public void An_output_on_a_full_disk_is_a_fault(string command) =>
        Assert.Contains("not all of the output was written: No space left on device",
            Shell.Fails(3, folder, $"jepa {string.Format(command, ModelFixture.At("hf_vjepa2"))} >/dev/full"));

    [Fact]
    public void A_check_that_failed_says_so_on_a_full_disk_too() =>
        Assert.Equal(3, Shell.Run(folder, "jepa inspect nothing >/dev/full").Code);

    [Fact]
    public void A_reader_that_is_gone_is_no_fault()
    {
        (int code, _, string error) = Shell.Run(folder, $"jepa inspect '{ModelFixture.At("hf_vjepa2")}' --keys | true; exit ${{PIPESTATUS[0]}}");
        Assert.Equal((0, ""), (code, error));
    }

    [Fact]
    public void Too_few_open_files_are_one_line()
    {
        // What fails first at which limit is the machine's: a file, an assembly, the thread that would do the work.
        for (int limit = 40; limit <= 66; limit++)
        {
            (int code, _, string error) = Shell.Run(folder,
                $"ulimit -n {limit}; jepa inspect '{ModelFixture.At("hf_vjepa2_sharded")}' >/dev/null");
            Assert.True(code is 0 or 3 or 5 or 70, $"limit {limit}, exit code {code}: {error}");
            if (code == 0)
                continue;
            Assert.StartsWith("jepa: ", error);
            Assert.Contains("ulimit -n", error);
            Assert.Equal(1, error.Count(letter => letter == '\n'));
        }
    }
}
