using System.ComponentModel;
using System.Text;
using System.Text.RegularExpressions;
using JepaEngine.Cuda.Loading;

namespace JepaEngine.Jepa.Pictures;

/// <summary>What ffprobe says about a file's first video stream; a still picture is a video of one frame.</summary>
/// <param name="Width">Columns, before a rotation that the file asks for.</param>
/// <param name="Height">Rows, before that.</param>
/// <param name="Frames">Frames that decode, counted and not estimated; of a video that was cut, those before the
/// cut.</param>
/// <param name="Rate">Average frames a second; 0 where the file does not say.</param>
/// <param name="Duration">What the file claims; 0 where it does not say.</param>
/// <param name="IsCut">Whether its end is missing or damaged.</param>
public sealed record VideoFacts(int Width, int Height, int Frames, double Rate, TimeSpan Duration, bool IsCut = false);

/// <summary>Decodes pictures and videos with the ffmpeg program (5.1 or newer), of the kinds that <see cref="MediaKind"/>
/// knows, rotated as the file asks. Frames come through a pipe as PPM, which says its own size. It opens no file but the
/// one, and no address.</summary>
public sealed partial class Ffmpeg
{
    /// <summary>Names the program where it is not found by itself.</summary>
    public const string Variable = "JEPA_FFMPEG";

    /// <summary>Flags of 3 million frames: a day.</summary>
    private const int MaxProbeBytes = 64 << 20;

    private const int MaxPpmHeader = 32;

    /// <summary>How many frames a decoder may hold back when it stops at an error: reordered ones, and those of its
    /// threads.</summary>
    private const int HeldBack = 16;

    /// <summary>As many frames an argument may name: Linux takes one of 128 KiB, Windows 32 KiB for all.</summary>
    private const int MaxChosen = 1000;

    private readonly string ffmpeg, ffprobe;
    private readonly TimeSpan limit;

    /// <summary>The program that JEPA_FFMPEG names, or the one on the path.</summary>
    /// <param name="limit">How long ffmpeg may be silent before it is killed; 60 s if not given.</param>
    public Ffmpeg(TimeSpan? limit = null)
        : this(Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named ? named : "ffmpeg", limit)
    {
    }

    /// <summary>A certain program, and the ffprobe beside it, beside what it is a link to, or on the path.</summary>
    internal Ffmpeg(string program, TimeSpan? limit)
    {
        ffmpeg = program;
        FileSystemInfo? target = ProgramPath.Find(program) is { } found ? File.ResolveLinkTarget(found, true) : null;
        string[] probes = [.. Beside(program), .. target is null ? [] : Beside(target.FullName), "ffprobe"];
        ffprobe = probes.FirstOrDefault(probe => ProgramPath.Find(probe) is not null) ?? probes[0];
        this.limit = limit ?? TimeSpan.FromSeconds(60);
    }

    /// <summary>The program and its version, as <c>ffmpeg 5.1.9</c>; null where there is none.</summary>
    public string? Version()
    {
        try
        {
            string[] words = Run(ffmpeg, ffmpeg, ["-version"]).Said.Split(' ', 4);
            return words.Length > 2 ? $"{ffmpeg} {words[2]}" : null;
        }
        catch (BadFileException)
        {
            return null;
        }
    }

    /// <summary>Counts a file's frames by decoding them.</summary>
    /// <exception cref="BadFileException">It cannot be read, is no picture or video, or is damaged before its end; or
    /// ffmpeg is missing, fails or is silent.</exception>
    public VideoFacts Probe(string path)
    {
        (string said, string errors) = Run(ffprobe, path, ["-v", "error", .. Decoder, "-select_streams", "V:0",
            "-show_entries", "frame=key_frame:stream=width,height,avg_frame_rate:format=duration", "-of", "compact",
            .. Input(path)]);
        int frames = 0, width = 0, height = 0;
        double rate = 0, seconds = 0;
        foreach (string line in said.Split('\n'))
        {
            frames += line.StartsWith("frame|", StringComparison.Ordinal) ? 1 : 0;
            (width, height) = ((int)Field(line, "width", width), (int)Field(line, "height", height));
            rate = Field(line, "avg_frame_rate", rate);
            seconds = Field(line, "duration", seconds);
        }
        if (width <= 0 || height <= 0)
            throw new BadFileException(path, "it holds no picture or video that ffmpeg knows");
        if (errors.Length > 0 && frames > 0 && FramesBeforeError(path) is var whole && whole < frames - HeldBack)
            throw new BadFileException(path, $"it is damaged behind frame {whole}, and goes on for {frames - whole} "
                + $"more; convert it anew to accept that");
        return new VideoFacts(width, height, frames, rate, TimeSpan.FromSeconds(Math.Clamp(seconds, 0, 1e9)), errors.Length > 0);
    }

    /// <summary>Frames that decode before the first error.</summary>
    private int FramesBeforeError(string path)
    {
        string said = Run(ffmpeg, path, ["-v", "error", "-nostdin", "-xerror", .. Decoder, .. Input(path), "-map",
            "0:V:0", "-fps_mode", "passthrough", "-progress", "pipe:1", "-f", "null", "-"], mayFail: true).Said;
        string last = said.Split('\n')
            .LastOrDefault(line => line.StartsWith("frame=", StringComparison.Ordinal), "frame=0");
        return int.TryParse(last.AsSpan(6), out int frames) ? frames : 0;
    }

    /// <summary>A still picture. It goes through a pipe as what <see cref="StillFile"/> left of it, but for HEIF, which
    /// is not read from front to back.</summary>
    /// <exception cref="BadFileException">As at <see cref="Frames"/>.</exception>
    internal Picture Still(string path, MediaKind kind, StillFile file)
    {
        // To explode means for a TIFF that a tag which ffmpeg does not know is a fault.
        string[] decoder = kind.Name == "TIFF" ? [] : Decoder;
        bool isPiped = kind.Name != "HEIF";
        string[] input = isPiped ? ["-protocol_whitelist", "pipe", "-f", kind.Demuxer, "-frame_size",
            $"{file.Bytes.Length}", "-i", "pipe:0"] : Input(path);
        using PipedProcess process = Start(ffmpeg, path, ["-v", "error", "-nostdin", "-xerror", .. decoder,
            "-noautorotate", .. input, "-filter_complex", file.Colours, "-frames:v", "1", .. Output],
            isPiped ? file.Bytes : null);
        Picture picture = ReadFrame(process, path, 0);
        End(process, path);
        return picture;
    }

    /// <summary>Decodes frames of a file, one by one as they are asked for. Where they are many, ffmpeg gives all from
    /// the first to the last.</summary>
    /// <param name="path">The file.</param>
    /// <param name="frames">Numbers of the frames, ascending.</param>
    /// <param name="isCut">Whether the file's end is known to be damaged, and what ffmpeg says of it counts for
    /// nothing.</param>
    /// <exception cref="BadFileException">As at <see cref="Probe"/>, a frame is missing or damaged, or larger than <see cref="Picture.MaxPixels"/>.</exception>
    public IEnumerable<Picture> Frames(string path, IReadOnlyList<int> frames, bool isCut = false)
    {
        // A decoder would rather guess what it cannot read; -xerror and explode make it say so. The frames get times of their own, or PPM's writer
        // would complain about those of a variable rate. Progress shows that it works where many frames lie between
        // two.
        bool areMany = frames.Count > MaxChosen;
        int[] decoded = areMany ? [.. Enumerable.Range(frames[0], frames[^1] - frames[0] + 1)] : [.. frames];
        string chosen = areMany ? $"between(n,{frames[0]},{frames[^1]})"
            : string.Join('+', frames.Select(n => $"eq(n,{n})"));
        using PipedProcess process = Start(ffmpeg, path, ["-v", "error", "-nostdin", "-progress", "pipe:2", "-stats_period", "5",
            .. isCut ? (string[])[] : ["-xerror"], .. Decoder, .. Input(path), "-map", "0:V:0", "-vf", $"select='{chosen}',setpts=N/TB",
            "-sws_flags", "bicubic", "-fps_mode", "passthrough", "-frames:v", $"{decoded.Length}", .. Output]);
        int next = 0;
        foreach (int frame in decoded)
        {
            Picture picture = ReadFrame(process, path, frame);
            if (frame != frames[next])
                continue;
            next++;
            yield return picture;
        }
        if (!isCut)
            End(process, path);
    }

    private static string[] Decoder => ["-threads", "0", "-err_detect", "explode"];

    private static string[] Output => ["-f", "image2pipe", "-c:v", "ppm", "-pix_fmt", "rgb24", "pipe:1"];

    /// <summary>Whatever ffmpeg complained about could have shifted or changed the frames it gave.</summary>
    private static void End(PipedProcess process, string path)
    {
        try
        {
            if (process.Read(stackalloc byte[1]) > 0)
                throw new BadFileException(path, $"ffmpeg gave more frames than it was asked for; is {Variable} really ffmpeg?");
            if (process.Finish() != 0 || process.Errors.Length > 0)
                throw new BadFileException(path, $"ffmpeg found it damaged: {process.LastError}; convert it anew to accept that");
        }
        catch (TimeoutException error)
        {
            throw TooSlow(path, "end", error);
        }
    }

    /// <summary>ffprobe as it is called beside ffmpeg, whatever that is called: ffmpeg-7 has an ffprobe-7.</summary>
    private static string[] Beside(string program)
    {
        (string folder, string name) = (Path.GetDirectoryName(program) ?? "", Path.GetFileName(program));
        string[] names = [name.Replace("ffmpeg", "ffprobe"), "ffprobe" + (OperatingSystem.IsWindows() ? ".exe" : "")];
        return [.. names.Where(probe => probe != name).Select(probe => Path.Combine(folder, probe))];
    }

    /// <summary>The file as ffmpeg cannot misread it: no option, address, list or numbered sequence.</summary>
    private static string[] Input(string path) =>
        ["-protocol_whitelist", "file", "-f", MediaKind.Of(path).Demuxer, "-i", "file:" + Path.GetFullPath(path)];

    private PipedProcess Start(string program, string path, IEnumerable<string> arguments, byte[]? input = null)
    {
        try
        {
            return new PipedProcess(program, arguments, limit, input);
        }
        catch (Win32Exception error)
        {
            throw new BadFileException(path, $"only PNG is read without ffmpeg and its ffprobe, and {program} cannot "
                + $"be started: {error.Message}; install ffmpeg, name it in {Variable}, or convert the file to PNG",
                error);
        }
    }

    /// <summary>All that a program says.</summary>
    private (string Said, string Errors) Run(
        string program, string path, IEnumerable<string> arguments, bool mayFail = false)
    {
        using PipedProcess process = Start(program, path, arguments);
        try
        {
            var said = new StringBuilder();
            byte[] buffer = new byte[1 << 16];
            for (int count; (count = process.Read(buffer)) > 0;)
            {
                if (said.Length + count > MaxProbeBytes)
                    throw new BadFileException(path, $"ffprobe says more than {MaxProbeBytes} bytes about it; cut the "
                        + "video");
                said.Append(Encoding.Latin1.GetString(buffer, 0, count));
            }
            if (process.Finish() != 0 && !mayFail)
                throw new BadFileException(path, $"ffmpeg cannot read it: {process.LastError}");
            return (said.ToString(), process.Errors);
        }
        catch (TimeoutException error)
        {
            throw TooSlow(path, "finish", error);
        }
    }

    private static BadFileException TooSlow(string path, string what, TimeoutException error) =>
        new(path, $"ffmpeg did not {what}: {error.Message}; cut the file, or allow more time", error);

    private static Picture ReadFrame(PipedProcess process, string path, int frame)
    {
        try
        {
            if (ReadHeader(process) is not { } size)
                throw Missing(process, path, frame);
            if ((long)size.Width * size.Height > Picture.MaxPixels)
                throw new BadFileException(path, $"frame {frame} has {size.Width}x{size.Height} pixels, more than {Picture.MaxPixels}; scale it down first");
            byte[] rgb = new byte[3 * size.Width * size.Height];
            if (process.Read(rgb) < rgb.Length)
                throw Missing(process, path, frame);
            return new Picture(size.Width, size.Height, rgb);
        }
        catch (InvalidDataException error)
        {
            throw new BadFileException(path, $"ffmpeg gave no picture for frame {frame}; is {Variable} really ffmpeg?", error);
        }
        catch (TimeoutException error)
        {
            throw TooSlow(path, $"decode frame {frame}", error);
        }
    }

    private static BadFileException Missing(PipedProcess process, string path, int frame)
    {
        int code = process.Finish();
        return new BadFileException(path, code == 0
            ? $"it has no frame {frame}"
            : $"ffmpeg cannot decode frame {frame}: {process.LastError}");
    }

    /// <summary>"P6", width, height and 255, each with one white space behind it; null at the end of the output.</summary>
    private static (int Width, int Height)? ReadHeader(PipedProcess process)
    {
        Span<byte> header = stackalloc byte[MaxPpmHeader];
        int length = 0;
        for (int fields = 0; fields < 4; length++)
        {
            if (length == MaxPpmHeader)
                throw new InvalidDataException();
            if (process.Read(header.Slice(length, 1)) == 0)
                return null;
            fields += header[length] is (byte)' ' or (byte)'\n' ? 1 : 0;
        }
        Match match = Ppm().Match(Encoding.Latin1.GetString(header[..length]));
        return match.Success ? (int.Parse(match.Groups[1].Value), int.Parse(match.Groups[2].Value)) : throw new InvalidDataException();
    }

    /// <summary>The number behind "name=", also as a fraction; what was known already where there is none.</summary>
    private static double Field(string line, string name, double otherwise)
    {
        int at = line.IndexOf($"|{name}=", StringComparison.Ordinal);
        if (at < 0)
            return otherwise;
        string[] parts = line[(at + name.Length + 2)..].Split('|')[0].Trim().Split('/');
        bool number = double.TryParse(parts[0], NumberStyles.Float, CultureInfo.InvariantCulture, out double value);
        double divisor = 1;
        number = number && (parts.Length == 1 || double.TryParse(parts[1], NumberStyles.Float, CultureInfo.InvariantCulture, out divisor));
        return number && double.IsFinite(value / divisor) ? value / divisor : otherwise;
    }

    [GeneratedRegex(@"^P6\n([1-9]\d{0,6}) ([1-9]\d{0,6})\n255\n$")]
    private static partial Regex Ppm();
}
