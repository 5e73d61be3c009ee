using System.Diagnostics;
using JepaEngine.IO;
using JepaEngine.Jepa.Pictures;

namespace JepaEngine.Tests.Pictures;

/// <summary>Programs that call themselves ffmpeg and misbehave.</summary>
public sealed class FakeFfmpegTests : IDisposable
{
    private const string Frame = "printf 'P6\\n2 1\\n255\\nABCDEF'\n";

    private readonly TemporaryFile temporary = new();

    // Begins as Matroska does.
    public FakeFfmpegTests() => File.WriteAllBytes(temporary.Path, [0x1A, 0x45, 0xDF, 0xA3, 0]);

    public void Dispose() => temporary.Dispose();

    [Fact]
    public void A_frame_is_its_bytes()
    {
        Picture picture = new PictureReader(Fake(Frame)).Read(temporary.Path);
        Assert.Equal((2, 1), (picture.Width, picture.Height));
        Assert.Equal("ABCDEF"u8.ToArray(), picture.Rgb);
    }

    [Theory]
    [InlineData("sleep 100")]
    [InlineData(Frame + "printf 'P6\\n2 1\\n'; sleep 100")]
    [InlineData(Frame + "printf 'P6\\n2 1\\n255\\nABC'; sleep 100")]
    public void One_that_hangs_is_killed(string script)
    {
        var clock = Stopwatch.StartNew();
        Ffmpeg fake = Fake($"echo $$ > {temporary.Path}.id\n{script}");
        BadFileException error = Assert.Throws<BadFileException>(() => fake.Frames(temporary.Path, [0, 7]).ToArray());
        Assert.Matches(@"did not decode frame [07]: it was silent for 0\.5 s; cut the file, or allow more time", error.Message);
        Assert.InRange(clock.Elapsed.TotalSeconds, 0.4, 20);
        Assert.False(Directory.Exists("/proc/" + File.ReadAllText(temporary.Path + ".id").Trim()), "it still runs");
    }

    [Theory]
    [InlineData("ffmpeg cannot decode frame 0: it broke", "echo one >&2; echo it broke >&2; exit 1")]
    [InlineData("ffmpeg cannot decode frame 7: it gave no reason", Frame + "exit 3")]
    [InlineData("ffmpeg cannot decode frame 7: cut", Frame + "printf 'P6\\n2 1\\n255\\nABC'; echo cut >&2; exit 3")]
    [InlineData("it has no frame 7", Frame)]
    [InlineData("it has no frame 7", Frame + "printf 'P6\\n2 1\\n255\\nABC'")]
    [InlineData("gave no picture for frame 0", "echo garbage garbage garbage garbage garbage")]
    [InlineData("gave no picture for frame 0", "yes")]
    [InlineData("gave no picture for frame 7", Frame + "printf 'P6\\n2 0\\n255\\nABC'")]
    [InlineData("gave no picture for frame 0", "printf 'P6\\n2 1\\n256\\nABC'")]
    [InlineData("frame 0 has 999999x999999 pixels, more than 67108864", "printf 'P6\\n999999 999999\\n255\\nABC'")]
    [InlineData("ffmpeg cannot decode frame 0: the end", "head -c 1000000 /dev/zero | tr '\\0' 'x' >&2; echo >&2; echo the end >&2; exit 1")]
    public void One_that_fails_is_quoted(string message, string script)
    {
        BadFileException error = Assert.Throws<BadFileException>(() => Fake(script, 20).Frames(temporary.Path, [0, 7]).ToArray());
        Assert.StartsWith(temporary.Path, error.Message);
        Assert.Contains(message, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [InlineData("more frames than it was asked for", "while true; do " + Frame + " done")]
    [InlineData("found it damaged: concealing errors; convert it anew", Frame + Frame + "echo concealing errors >&2")]
    [InlineData("found it damaged: it gave no reason", Frame + Frame + "exit 1")]
    [InlineData("did not end: it was silent for 0.5 s", Frame + Frame + "exec 1>&- 2>&-; sleep 100")]
    public void The_end_counts_too(string message, string script) => Assert.Contains(message,
        Assert.Throws<BadFileException>(() => Fake(script, script.EndsWith("100") ? 0.5 : 20).Frames(temporary.Path, [0, 7]).ToArray()).Message);

    [Theory]
    [InlineData("ffmpeg cannot read it: no such thing", "echo no such thing >&2; exit 1")]
    [InlineData("no picture or video that ffmpeg knows", "echo 'format|duration=5'")]
    [InlineData("no picture or video that ffmpeg knows", "echo garbage")]
    [InlineData("did not finish: it was silent for 0.5 s", "sleep 100")]
    [InlineData("says more than 67108864 bytes", "yes 'frame|key_frame=1'")]
    public void A_probe_that_fails_is_quoted(string message, string script)
    {
        BadFileException error = Assert.Throws<BadFileException>(() => Fake(script, script.StartsWith("sleep") ? 0.5 : 20).Probe(temporary.Path));
        Assert.StartsWith(temporary.Path, error.Message);
        Assert.Contains(message, error.Message);
    }

    [Fact]
    public void A_video_of_no_frame_is_no_clip() => Assert.Contains("it has no frame; was the recording cut short?", Assert.Throws<BadFileException>(() =>
        new PictureReader(Fake("printf 'stream|width=3|height=2|avg_frame_rate=25/1\n'", 20)).ReadClip(temporary.Path, new FrameSampling(5), Preprocess.IJepa(8))).Message);

    [Fact]
    public void A_probe_counts_what_decodes()
    {
        VideoFacts facts = Fake("printf 'frame|key_frame=1\\nframe|key_frame=0\\n" +
            "stream|width=320|height=240|avg_frame_rate=30000/1001\\nformat|duration=1e30\\n'").Probe(temporary.Path);
        Assert.Equal((320, 240, 2, 1e9), (facts.Width, facts.Height, facts.Frames, facts.Duration.TotalSeconds));
        Assert.Equal(29.97, facts.Rate, 0.001);
        Assert.Equal(0, Fake("printf 'stream|width=3|height=2|avg_frame_rate=0/0\\nformat|duration=N/A\\n'").Probe(temporary.Path).Rate);
    }

    /// <summary>Longer than the limit between two frames, but never silent for so long.</summary>
    [Fact]
    public void One_that_works_is_not_killed()
    {
        Ffmpeg slow = Fake("for i in 1 2 3 4 5 6; do sleep 0.25; echo frame=$i >&2; echo out_time_us=N/A >&2; done\n" + Frame + Frame, 1);
        Assert.Equal(2, slow.Frames(temporary.Path, [0, 7]).Count());
    }

    [Fact]
    public void None_at_all_names_the_mend()
    {
        string message = Assert.Throws<BadFileException>(() =>
            new PictureReader(new Ffmpeg(temporary.Folder + "/no/ffmpeg", null)).Read(temporary.Path)).Message;
        Assert.Contains("install ffmpeg, name it in JEPA_FFMPEG, or convert the file to PNG", message);
    }

    [Fact]
    public void Ffprobe_is_found_whatever_ffmpeg_is_called()
    {
        Fake("printf 'frame|key_frame=1\nstream|width=3|height=2\n'", 20);
        string folder = temporary.Folder, link = folder + "/links/mine";
        Directory.CreateDirectory(folder + "/links");
        File.Move(folder + "/ffmpeg", folder + "/film");
        File.CreateSymbolicLink(link, folder + "/film");
        foreach (string program in new[] { folder + "/film", link })
            Assert.Equal(3, new Ffmpeg(program, null).Probe(temporary.Path).Width);
        File.Move(folder + "/ffprobe", folder + "/ffprobe-7");
        File.Move(folder + "/film", folder + "/ffmpeg-7");
        Assert.Equal(3, new Ffmpeg(folder + "/ffmpeg-7", null).Probe(temporary.Path).Width);
    }

    [Fact]
    public void Many_frames_are_picked_from_all_between()
    {
        int[] asked = [.. Enumerable.Range(0, 1001).Select(i => 3 + 2 * i)];
        Ffmpeg fake = Fake($"echo \"$@\" > {temporary.Path}.told\nn=3; while [ $n -le 2003 ]; do "
            + "printf 'P6\\n1 1\\n255\\n'; printf \"%03d\" $((n % 1000)); n=$((n + 1)); done", 20);
        Assert.Equal(asked.Select(n => $"{n % 1000:000}"),
            fake.Frames(temporary.Path, asked).Select(frame => System.Text.Encoding.ASCII.GetString(frame.Rgb)));
        Assert.Contains("select='between(n,3,2003)'", File.ReadAllText(temporary.Path + ".told"));
    }

    [Fact]
    public void What_is_no_video_is_refused_before_it_is_started()
    {
        var missing = new Ffmpeg(temporary.Folder + "/no/ffmpeg", null);
        Assert.Contains("no such file", Assert.Throws<BadFileException>(() => missing.Probe(temporary.Path + "x")).Message);
        Assert.Contains("it is a folder", Assert.Throws<BadFileException>(() => missing.Probe(temporary.Folder)).Message);
        File.WriteAllText(temporary.Path, "");
        Assert.Contains("it is empty", Assert.Throws<BadFileException>(() => missing.Probe(temporary.Path)).Message);
    }

    [Fact]
    public void The_version_is_what_the_program_says()
    {
        Assert.Equal(Path.Combine(temporary.Folder, "ffmpeg") + " 7.1-x", Fake("echo ffmpeg version 7.1-x Copyright", 20).Version());
        Assert.Null(Fake("exit 1").Version());
        Assert.Null(new Ffmpeg(temporary.Folder + "/no/ffmpeg", null).Version());
    }

    private Ffmpeg Fake(string script, double seconds = 0.5)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the fakes are shell scripts");
        foreach (string name in new[] { "ffmpeg", "ffprobe" })
        {
            string program = Path.Combine(temporary.Folder, name);
            File.WriteAllText(program, "#!/bin/sh\n" + script + "\n");
            if (!OperatingSystem.IsWindows())
                File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        return new Ffmpeg(Path.Combine(temporary.Folder, "ffmpeg"), TimeSpan.FromSeconds(seconds));
    }
}
