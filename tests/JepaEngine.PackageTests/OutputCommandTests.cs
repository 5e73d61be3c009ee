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

    /// <summary>The runtime's own descriptors are not ours to write to: it ended with a stack trace.</summary>
    [Theory]
    [InlineData("/dev/fd/8")]
    [InlineData("/dev/fd/0 < in.safetensors")]
    [InlineData("far")]
    public void A_descriptor_that_nobody_opened_for_writing_is_refused(string output) =>
        Assert.Contains("was not open for writing when this command began",
            Shell.Fails(3, folder, $"ln -s /proc/self/fd/9 far; {RunTo(output)}"));

    [Fact]
    public void Names_that_are_not_UTF8_are_refused()
    {
        const string message = "bytes that are not UTF-8";
        string within = $"cd $'bad\\xff'; jepa run '{Model}' --inputs ../in.safetensors --outputs x";
        Assert.Contains(message, Shell.Fails(3, folder, $"mkdir $'bad\\xff'; {within}"));
        Assert.Contains(message, Shell.Fails(3, folder, RunTo("$'bad\\xff/x'")));
        Assert.Contains(message, Shell.Fails(3, folder, "cd $'bad\\xff'; jepa train ."));
        Works("test \"$(ls | wc -l)\" = 2 && rmdir bad*");
    }

    [Theory]
    [InlineData("encode copy picture.png --out same.npy --pca ./same.npy", "named for two outputs")]
    [InlineData("encode copy picture.png --out x.npy --pca picture.png", "is what this command reads")]
    [InlineData("encode copy picture.png --out copy/model.safetensors", "is what this command reads")]
    [InlineData("encode copy frames --out x.npy --pca frames/0.png", "is what this command reads")]
    [InlineData("run copy --inputs in.safetensors --outputs link", "is what this command reads")]
    [InlineData("roofline --from in.safetensors --out in.safetensors", "is what this command reads")]
    public void An_output_that_is_an_input_or_another_output_is_refused(string command, string message)
    {
        ModelFixture.WritePicture(folder);
        Works($"cp -r '{Model}' copy; mkdir frames; cp picture.png frames/0.png; ln -s in.safetensors link");
        string before = Sums();
        Assert.Contains(message, Shell.Fails(2, folder, $"jepa {command}"));
        Assert.Equal(before, Sums());

        string Sums() => Shell.Run(folder, "find . -type f | sort | xargs sha256sum").Output;
    }

    [Fact]
    public void A_file_that_cannot_be_replaced_is_told_before_the_work()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root mounts");
        File.WriteAllText(Path.Combine(folder, "damaged.safetensors"), "");
        string run = $"jepa run '{Model}' --inputs damaged.safetensors --outputs";
        (int code, _, string error) = Shell.Run(folder,
            $"touch source target; mount --bind source target || exit 99; {run} target; code=$?; umount target; "
                + "exit $code");
        Assert.SkipWhen(code == 99, $"this machine does not let its root mount: {error}");
        Assert.Equal(3, code);
        Assert.Contains("a file that is mounted itself cannot be replaced", error);
    }

    [Fact]
    public void A_file_that_may_not_be_changed_is_told_before_the_work()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root fixes files");
        File.WriteAllText(Path.Combine(folder, "damaged.safetensors"), "");
        string run = $"jepa run '{Model}' --inputs damaged.safetensors --outputs target";
        (int code, _, string error) = Shell.Run(
            folder, $"touch target; chattr +i target || exit 99; {run}; code=$?; chattr -i target; exit $code");
        Assert.SkipWhen(code == 99, $"this file system fixes no files: {error}");
        Assert.Equal(3, code);
        Assert.Contains("it may not be changed (lsattr)", error);
    }

    [Fact]
    public void A_conversion_does_not_take_the_place_of_a_run()
    {
        Directory.CreateDirectory(Path.Combine(folder, "run"));
        File.WriteAllText(Path.Combine(folder, "run", "train.jsonl"), "");
        Assert.Contains("is a training run", Shell.Fails(2, folder, ConvertTo("run")));
        Assert.Contains("is a training run", Shell.Fails(2, folder, ConvertTo("run/model.safetensors", "jepa")));
        Works(ConvertTo("run/other.safetensors", "jepa"));
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
