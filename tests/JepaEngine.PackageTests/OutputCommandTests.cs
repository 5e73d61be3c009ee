namespace JepaEngine.PackageTests;

/// <summary>Outputs that are no new file, and disks that take none.</summary>
public sealed class OutputCommandTests : IDisposable
{
    private const string Strace = "/usr/bin/strace";

    private readonly string folder = Directory.CreateTempSubdirectory("jepa-outputs").FullName;

    public OutputCommandTests() =>
        ModelFixture.WriteInputs(Path.Combine(folder, "in.safetensors"), "hf_vjepa2", ("pixel_values_videos", "input.video"));

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private static string Model => ModelFixture.At("hf_vjepa2");

    private static string RunTo(string output) => $"jepa run '{Model}' --inputs in.safetensors --outputs {output}";

    private static string ConvertTo(string output, string layout = "hf") => $"jepa convert '{Model}' {output} --layout {layout}";

    [Fact]
    public void Devices_pipes_and_descriptors_are_written_to()
    {
        Works(RunTo("file"));
        byte[] expected = File.ReadAllBytes(Path.Combine(folder, "file"));
        Works($"mkfifo pipe; cat pipe > of-pipe & {RunTo("pipe")} && wait && test -p pipe");
        Works($"{RunTo("/dev/fd/3")} 3> of-descriptor");
        Works($"ln -s /dev/stdout link; {RunTo("link")} | head -c {expected.Length} > of-link; test -L link");
        foreach (string made in (string[])["of-pipe", "of-descriptor"])
            Assert.Equal(expected, File.ReadAllBytes(Path.Combine(folder, made)));
        Works($"ln -s /dev/null null.npy; {RunTo("null.npy")} && test -L null.npy && test -c /dev/null");
        Assert.Contains("No space left on device", Shell.Fails(3, folder, RunTo("/dev/full")));
        Works("test -c /dev/full");
    }

    [Fact]
    public void Modes_and_links_are_kept()
    {
        Works($"touch far; chmod 600 far; ln -s far near; {RunTo("near")}; test -L near; test \"$(stat -c %a far)\" = 600");
        Works($"umask 077; {RunTo("private")}; test \"$(stat -c %a private)\" = 600");
        Works($"n=$(printf 'n%.0s' {{1..255}}); {RunTo("$n")}; test -s $n");
    }

    [Theory]
    [InlineData("is a folder", ".")]
    [InlineData("is no folder", "in.safetensors/x")]
    [InlineData("no file can be made in /proc", "/proc/x")]
    [InlineData("links lead in a circle", "circle")]
    public void An_output_that_cannot_be_is_told_before_the_work(string message, string output)
    {
        File.WriteAllText(Path.Combine(folder, "damaged.safetensors"), "");
        string script = $"ln -s circle circle; jepa run '{Model}' --inputs damaged.safetensors --outputs {output}";
        Assert.Contains(message, Shell.Fails(3, folder, script));
    }

    [Fact]
    public void A_shorter_model_leaves_no_shards_of_the_earlier_one()
    {
        string to = Path.Combine(folder, "model");
        Directory.CreateDirectory(to);
        foreach (string file in Directory.GetFiles(ModelFixture.At("hf_vjepa2_sharded")))
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        Works(ConvertTo("model"));
        Assert.Equal(["config.json", "model.safetensors"], Directory.GetFiles(to).Select(Path.GetFileName).Order());
    }

    [Theory]
    [InlineData("model", 1)]
    [InlineData("model/model.safetensors", 1)]
    [InlineData("model", 3)]
    public void A_disk_that_fails_is_a_fault_and_the_earlier_file_stays(string output, int time)
    {
        Assert.SkipUnless(File.Exists(Strace), "strace makes fsync fail; install it");
        Works(ConvertTo("model") + " --dtype bf16");
        Dictionary<string, byte[]> before = Contents();
        string script = ConvertTo(output, output == "model" ? "hf" : "jepa").Replace("jepa convert",
            $"{Strace} -f -qq -o /dev/null -e trace=fsync -e inject=fsync:error=EIO:when={time} dotnet '{Path.Combine(AppContext.BaseDirectory, "jepa.dll")}' convert");
        (int code, string said, string error) = Shell.Run(folder, script);
        Assert.Equal((3, ""), (code, said));
        Assert.Contains("the disk did not take it (Input/output error)", error);
        Dictionary<string, byte[]> after = Contents();
        Assert.Equal(before.Keys, after.Keys);
        // At the third call the weights have been replaced and the configuration has not: the folder is the new model.
        Assert.Equal(time == 1, before.All(file => after[file.Key].SequenceEqual(file.Value)));
        Assert.Contains(time == 1 ? "BF16" : "F32", JepaProcess.Works("inspect", Path.Combine(folder, "model")));
    }

    [Fact]
    public void A_full_disk_leaves_the_earlier_file()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess && Shell.Run(folder, "mkdir disk && mount -t tmpfs -o size=160k none disk").Code == 0,
            "only root mounts a small disk");
        try
        {
            Works(ConvertTo("disk/model") + " --dtype bf16");
            Dictionary<string, byte[]> before = Contents("disk/model");
            Assert.Contains("No space left on device", Shell.Fails(3, folder, ConvertTo("disk/model")));
            Assert.Equal(before, Contents("disk/model"));
        }
        finally
        {
            Works("umount disk");
        }
    }

    [Fact]
    public void A_file_beyond_what_is_allowed_leaves_the_earlier_file()
    {
        Works(ConvertTo("model") + " --dtype bf16");
        Dictionary<string, byte[]> before = Contents();
        // Without this setting the runtime itself makes a file of 2 GB in memory.
        string line = Shell.Fails(3, folder, $"ulimit -f 70; export DOTNET_EnableWriteXorExecute=0; {ConvertTo("model")}");
        Assert.Contains("it is larger than a file may be here", line);
        Assert.Equal(before, Contents());
    }

    private Dictionary<string, byte[]> Contents(string of = "model") => Directory.GetFileSystemEntries(Path.Combine(folder, of))
        .Order(StringComparer.Ordinal).ToDictionary(path => Path.GetFileName(path)!, File.ReadAllBytes);

    private void Works(string script)
    {
        (int code, _, string error) = Shell.Run(folder, "set -e; " + script);
        Assert.True(code == 0, $"exit code {code}: {error}");
    }
}
