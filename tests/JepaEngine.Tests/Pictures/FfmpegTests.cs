using System.Buffers.Binary;
using System.Diagnostics;
using JepaEngine.IO;
using JepaEngine.Jepa.Pictures;

namespace JepaEngine.Tests.Pictures;

/// <summary>The real ffmpeg on clips that it draws itself.</summary>
public sealed class FfmpegTests : IDisposable
{
    internal static readonly bool Installed = Environment.GetEnvironmentVariable("PATH")!.Split(Path.PathSeparator)
        .Any(folder => File.Exists(Path.Combine(folder, "ffmpeg")) || File.Exists(Path.Combine(folder, "ffmpeg.exe")));

    private readonly TemporaryFile temporary = new();
    private readonly Ffmpeg ffmpeg = new();

    public void Dispose() => temporary.Dispose();

    // Lossless and RGB, so that every frame can be told apart: the grey level of frame n is 20 n.
    private string Clip(string name, int frames, string filter = "null", string size = "16x8", params string[] output) => Make(name,
        ["-f", "lavfi", "-i", $"color=black:s={size}:r=10,format=rgb24,geq=r='20*N':g='20*N':b='20*N',{filter}", "-frames:v", $"{frames}",
        .. output.Length > 0 ? output : ["-c:v", "ffv1", "-pix_fmt", "bgr0"]]);

    private string Make(string name, string[] arguments)
    {
        Assert.SkipUnless(Installed, "ffmpeg is not installed");
        string path = Path.Combine(temporary.Folder, name);
        using Process make = Process.Start("ffmpeg", ["-v", "error", "-nostdin", "-y", .. arguments, "file:" + path]);
        make.WaitForExit();
        Assert.Equal(0, make.ExitCode);
        return path;
    }

    [Fact]
    public void Chosen_frames_come_in_order_and_whole()
    {
        string path = Clip("a.mkv", 12);
        Assert.Equal((16, 8, 12, 10), Facts(ffmpeg.Probe(path)));
        Assert.Equal([0, 20, 100, 220], ffmpeg.Frames(path, [0, 1, 5, 11]).Select(Grey));
        Assert.All(ffmpeg.Frames(path, [3]), frame => Assert.Equal((16, 8), (frame.Width, frame.Height)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_short_video_repeats_its_last_frame(int frames)
    {
        string path = Clip("short.mkv", frames);
        Assert.Equal(frames, ffmpeg.Probe(path).Frames);
        Picture[] clip = new PictureReader().ReadClip(path, new FrameSampling(5) { Every = 1 }, Preprocess.IJepa(8));
        Assert.Equal(Enumerable.Range(0, 5).Select(i => 20 * Math.Min(i, frames - 1)), clip.Select(Grey));
        Assert.Same(clip[3], clip[4]);
    }

    [Fact]
    public void A_video_of_no_frame_says_so()
    {
        string path = Clip("none.avi", 0, "null", "16x8", "-c:v", "mpeg4");
        Assert.Contains("it has no frame", Assert.Throws<BadFileException>(() =>
            new PictureReader().ReadClip(path, new FrameSampling(5), Preprocess.IJepa(8))).Message);
        Assert.StartsWith(path, Assert.Throws<BadFileException>(() => new PictureReader().Read(path)).Message);
    }

    [Fact]
    public void A_frame_beyond_the_end_is_named() => Assert.Contains("it has no frame 5",
        Assert.Throws<BadFileException>(() => ffmpeg.Frames(Clip("a.mkv", 4), [1, 5]).ToArray()).Message);

    [Fact]
    public void A_variable_rate_doubles_no_frame()
    {
        // A frame every tenth of a second and a pause of a second after each third.
        string path = Clip("variable.mkv", 9, "setpts='(N/10+floor(N/3))/TB'", "16x8", "-fps_mode", "passthrough", "-c:v", "ffv1", "-pix_fmt", "bgr0");
        Assert.Equal(9, ffmpeg.Probe(path).Frames);
        Assert.Equal(Enumerable.Range(0, 9).Select(n => 20 * n), ffmpeg.Frames(path, [.. Enumerable.Range(0, 9)]).Select(Grey));
    }

    [Fact]
    public void A_damaged_middle_names_the_frame()
    {
        string path = Make("test.avi", ["-f", "lavfi", "-i", "testsrc=s=64x64:r=10", "-frames:v", "8", "-c:v", "mjpeg"]);
        byte[] bytes = File.ReadAllBytes(path);
        // The fifth frame's start-of-frame marker, made to claim 9 components.
        int at = 0;
        for (int frame = 0; frame < 5; frame++)
            at += bytes.AsSpan(at + 1).IndexOf((ReadOnlySpan<byte>)[0xFF, 0xC0, 0, 17]) + 1;
        bytes[at + 9] = 9;
        File.WriteAllBytes(path, bytes);
        string message = Assert.Throws<BadFileException>(() => ffmpeg.Frames(path, [.. Enumerable.Range(0, 8)]).ToArray()).Message;
        Assert.Matches(@"ffmpeg cannot decode frame [0-4]: \S", message);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void A_rotated_video_comes_upright()
    {
        // The left half is white.
        string path = Clip("a.mp4", 1, "geq=r='255*lt(X,16)':g='255*lt(X,16)':b='255*lt(X,16)'", "32x16", "-c:v", "mpeg4");
        byte[] bytes = File.ReadAllBytes(path);
        int matrix = bytes.AsSpan().IndexOf("tkhd"u8) + 44;
        foreach ((int place, int value) in new[] { (0, 0), (1, 0x10000), (3, -0x10000), (4, 0) })
            BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(matrix + 4 * place), value);
        File.WriteAllBytes(path, bytes);
        Upright(new PictureReader().Read(path));
    }

    [Fact]
    public void A_rotated_photograph_comes_upright()
    {
        string path = Make("a.jpg", ["-f", "lavfi", "-i", "color=black:s=32x16,geq=lum='255*lt(X,16)':cb=128:cr=128", "-frames:v", "1"]);
        byte[] jpeg = File.ReadAllBytes(path);
        Tagged(Exif(6));
        Upright(new PictureReader().Read(path));
        // No tag is a reason to refuse a picture.
        foreach (byte[] odd in (byte[][])[Exif(0), Exif(9), Exif(6)[..12], [.. "MM\0*\u00ff\u00ff\u00ff\u00ff"u8], [.. "garbage"u8], []])
        {
            Tagged(odd);
            Assert.Equal(32, new PictureReader().Read(path).Width);
        }

        void Tagged(byte[] exif) => File.WriteAllBytes(path,
            [0xFF, 0xD8, 0xFF, 0xE1, 0, (byte)(exif.Length + 8), .. "Exif\0\0"u8, .. exif, .. jpeg[2..]]);
    }

    [Fact]
    public void Every_still_format_is_turned_as_it_asks()
    {
        const string drawing = "color=black:s=32x16,format=rgb24,geq=r='255*lt(X,16)':g='255*lt(X,16)':b='255*lt(X,16)'";
        string png = Make("a.png", ["-f", "lavfi", "-i", drawing, "-frames:v", "1"]);
        byte[] bytes = File.ReadAllBytes(png), exif = Exif(6);
        byte[] typed = [.. "eXIf"u8, .. exif];
        // Behind the header: 8 bytes of signature and 25 of chunk.
        File.WriteAllBytes(png, [.. bytes[..33], .. Big(exif.Length), .. typed, .. Big((int)Png.Checksum(typed)), .. bytes[33..]]);
        Upright(new PictureReader().Read(png));

        string tiff = Make("a.tiff", ["-f", "lavfi", "-i", drawing, "-frames:v", "1", "-pix_fmt", "rgb24"]);
        bytes = File.ReadAllBytes(tiff);
        // Entries are sorted: in place of the first (0xFE, unimportant) the orientation comes behind the strips
        // (0x111).
        int directory = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(4)), entry = directory + 2;
        for (; BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(entry + 12)) <= 0x111; entry += 12)
            bytes.AsSpan(entry + 12, 12).CopyTo(bytes.AsSpan(entry));
        new byte[] { 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0 }.CopyTo(bytes, entry);
        File.WriteAllBytes(tiff, bytes);
        Upright(new PictureReader().Read(tiff));

        string webp = Make("a.webp", ["-f", "lavfi", "-i", drawing, "-frames:v", "1", "-lossless", "1"]);
        bytes = File.ReadAllBytes(webp);
        byte[] chunk = [.. "EXIF"u8, (byte)exif.Length, 0, 0, 0, .. exif];
        byte[] extended = [.. "VP8X"u8, 10, 0, 0, 0, 8, 0, 0, 0, 31, 0, 0, 15, 0, 0];
        File.WriteAllBytes(webp, [.. "RIFF"u8, .. BitConverter.GetBytes(bytes.Length - 8 + extended.Length + chunk.Length), .. "WEBP"u8,
            .. extended, .. bytes[12..], .. chunk]);
        Upright(new PictureReader().Read(webp));

        static byte[] Big(int number)
        {
            byte[] four = new byte[4];
            BinaryPrimitives.WriteInt32BigEndian(four, number);
            return four;
        }
    }

    [Theory]
    [InlineData(1, "ab/cd/ef")]
    [InlineData(2, "ba/dc/fe")]
    [InlineData(3, "fe/dc/ba")]
    [InlineData(4, "ef/cd/ab")]
    [InlineData(5, "ace/bdf")]
    [InlineData(6, "eca/fdb")]
    [InlineData(7, "fdb/eca")]
    [InlineData(8, "bdf/ace")]
    public void A_picture_is_turned_eight_ways(int orientation, string expected)
    {
        var picture = new Picture(2, 3, [.. "abcdef".SelectMany(letter => Enumerable.Repeat((byte)letter, 3))]);
        Picture turned = Orientation.Turn(picture, orientation);
        string letters = string.Concat(turned.Rgb.Where((_, i) => i % 3 == 0).Select(letter => (char)letter));
        Assert.Equal(expected, string.Join('/', letters.Chunk(turned.Width).Select(row => new string(row))));
    }

    [Fact]
    public void Animated_pictures_are_videos_or_refused()
    {
        foreach (string name in new[] { "a.gif", "a.apng" })
        {
            string path = Clip(name, 4, "null", "16x8", "-pix_fmt", "gray", "-f", name[2..]);
            Assert.Equal(4, ffmpeg.Probe(path).Frames);
            Assert.False(new PictureReader().IsPicture(path));
            Assert.Equal([0, 20, 40, 60], new PictureReader().ReadClip(path, new FrameSampling(4), Preprocess.IJepa(8)).Select(Grey));
        }
        string still = Clip("one.gif", 1, "null", "16x8", "-pix_fmt", "gray", "-f", "gif");
        Assert.True(new PictureReader().IsPicture(still));
        string webp = Path.Combine(temporary.Folder, "a.webp");
        File.WriteAllBytes(webp, [.. "RIFF\u0020\0\0\0WEBPVP8X\u000a\0\0\0\u0002\0\0\0\0\0\0\0\0\0ANIM\u0006\0\0\0\0\0\0\0\0\0"u8]);
        Assert.Contains("animated WebP", Assert.Throws<BadFileException>(() => new PictureReader().Read(webp)).Message);
    }

    [Fact]
    public void A_folder_is_a_clip_in_the_order_of_its_numbers()
    {
        string folder = Path.Combine(temporary.Folder, "frames");
        Directory.CreateDirectory(folder);
        foreach (int frame in new[] { 1, 2, 9, 10, 11, 100 })
            File.WriteAllBytes(Path.Combine(folder, $"frame {frame}%d.png"), Png.Encode([.. Enumerable.Repeat((byte)frame, 3 * 64)], 8, 8));
        File.WriteAllText(Path.Combine(folder, ".hidden"), "no picture");
        Assert.Equal([1, 2, 9, 10, 11, 100], new PictureReader().ReadClip(folder, new FrameSampling(6), Preprocess.IJepa(8)).Select(Grey));
        Assert.Equal(1, Grey(new PictureReader().Read(folder)));
        File.WriteAllText(Path.Combine(folder, "notes.txt"), "no picture");
        Assert.Contains("notes.txt", Assert.Throws<BadFileException>(() =>
            new PictureReader().ReadClip(folder, new FrameSampling(6), Preprocess.IJepa(8))).Message);
    }

    [Theory]
    [InlineData("ffconcat version 1.0\nfile a.mkv\n")]
    [InlineData("#EXTM3U\n#EXTINF:1,\nhttp://localhost:9/a.ts\n#EXT-X-ENDLIST\n")]
    [InlineData("<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>")]
    [InlineData("Just some text, which the tty demuxer would draw.")]
    [InlineData("v=0\no=- 0 0 IN IP4 127.0.0.1\n")]
    public void What_names_other_files_or_is_text_is_refused(string text)
    {
        Clip("a.mkv", 2);
        File.WriteAllText(temporary.Path, text);
        Assert.Contains("begins as no picture or video", Assert.Throws<BadFileException>(() => new PictureReader().Read(temporary.Path)).Message);
        Assert.Contains("begins as no picture or video", Assert.Throws<BadFileException>(() => ffmpeg.Probe(temporary.Path)).Message);
    }

    [Fact]
    public void A_video_that_was_cut_gives_the_frames_before_the_cut()
    {
        string path = Clip("a.mkv", 40, "noise=alls=99:all_seed=1", "64x64");
        byte[] bytes = File.ReadAllBytes(path);
        File.WriteAllBytes(path, bytes[..(bytes.Length / 2)]);
        int frames = ffmpeg.Probe(path).Frames;
        Assert.InRange(frames, 15, 20);
        Assert.Equal(frames, new PictureReader().ReadClip(path, new FrameSampling(frames), Preprocess.IJepa(8)).Distinct().Count());
    }

    /// <summary>Subsampled colour as Pillow 13 decodes it: the means of its difference were 2.8 and 1.8 levels by
    /// ffmpeg's own way.</summary>
    [Theory]
    [InlineData("420", 0.2)]
    [InlineData("422", 0.2)]
    [InlineData("444", 0.1)]
    public void A_photographs_colours_are_Pillows(string sampling, double mean)
    {
        Assert.SkipUnless(Installed, "ffmpeg is not installed");
        string folder = Path.Combine(AppContext.BaseDirectory, "Fixtures", "pictures");
        Picture ours = new PictureReader().Read(Path.Combine(folder, $"colours{sampling}.jpg")), pillows = Png.Read(Path.Combine(folder, $"colours{sampling}.png"));
        int[] apart = [.. ours.Rgb.Zip(pillows.Rgb, (a, b) => Math.Abs(a - b))];
        Assert.InRange(apart.Average(), 0, mean);
        Assert.InRange(apart.Max(), 0, 4);
    }

    private static byte[] Exif(byte orientation) =>
        [.. "MM\0*\0\0\0\u0008\0\u0001"u8, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0];

    private static void Upright(Picture picture)
    {
        Assert.Equal((16, 32), (picture.Width, picture.Height));
        for (int i = 0; i < picture.Rgb.Length; i++)
            if (i / 48 is < 12 or >= 20)
                Assert.InRange(picture.Rgb[i], i / 48 < 12 ? 215 : 0, i / 48 < 12 ? 255 : 40);
    }

    [Theory]
    [InlineData("a.jpg")]
    [InlineData("a.bmp")]
    [InlineData("a.webp")]
    [InlineData("a.gif")]
    public void Still_pictures_are_read(string name)
    {
        string path = Make(name, ["-f", "lavfi", "-i", "color=red:s=34x18", "-frames:v", "1"]);
        Picture picture = new PictureReader().Read(path);
        Assert.Equal((34, 18), (picture.Width, picture.Height));
        Assert.InRange(picture.Rgb[0], 245, 255);
        Assert.InRange(picture.Rgb[1], 0, 10);
    }

    [Theory]
    [InlineData("-v.png.mkv")]
    [InlineData("concat:a.mkv|b.mkv")]
    [InlineData("http:a.mkv")]
    [InlineData("a b'c,d;[e].mkv")]
    [InlineData("100%.mkv")]
    [InlineData("frame %03d.mkv")]
    public void Names_are_not_interpreted(string name)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such names");
        string path = Clip("a.mkv", 2), odd = Path.Combine(temporary.Folder, name);
        File.Move(path, odd);
        Assert.Equal(2, ffmpeg.Probe(odd).Frames);
        Assert.Equal(20, Grey(ffmpeg.Frames(odd, [1]).Single()));
    }

    [Fact]
    public void Garbage_and_cut_files_are_refused()
    {
        byte[] jpeg = File.ReadAllBytes(Make("a.jpg", ["-f", "lavfi", "-i", "testsrc=s=64x64", "-frames:v", "1"]));
        File.WriteAllBytes(temporary.Path, jpeg[..(jpeg.Length / 8)]);
        Assert.StartsWith(temporary.Path, Assert.Throws<BadFileException>(() => new PictureReader().Read(temporary.Path)).Message);
        File.WriteAllBytes(temporary.Path, [.. Enumerable.Range(0, 5000).Select(i => (byte)(i * 7919 >> 3))]);
        Assert.StartsWith(temporary.Path, Assert.Throws<BadFileException>(() => new PictureReader().Read(temporary.Path)).Message);
        Assert.StartsWith(temporary.Path, Assert.Throws<BadFileException>(() => ffmpeg.Probe(temporary.Path)).Message);
    }

    private static (int Width, int Height, int Frames, double Rate) Facts(VideoFacts facts) => (facts.Width, facts.Height, facts.Frames, facts.Rate);

    private static int Grey(Picture picture)
    {
        Assert.All(picture.Rgb, value => Assert.Equal(picture.Rgb[0], value));
        return picture.Rgb[0];
    }
}
