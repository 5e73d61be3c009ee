using System.ComponentModel;
using System.Text;
using System.Text.RegularExpressions;

namespace JepaEngine.Jepa.Pictures;

/// <summary>What ffprobe says about a file's first video stream; a still picture is a video of one frame.</summary>
/// <param name="Width">Columns, before a rotation that the file asks for.</param>
/// <param name="Height">Rows, before that.</param>
/// <param name="Frames">Frames that are shown, counted and not estimated.</param>
/// <param name="Rate">Average frames a second; 0 where the file does not say.</param>
/// <param name="Duration">What the file claims; 0 where it does not say.</param>
public sealed record VideoFacts(int Width, int Height, int Frames, double Rate, TimeSpan Duration);

/// <summary>Decodes pictures and videos with the ffmpeg program (5.1 or newer): JPEG, WebP, MP4 and whatever else it
/// knows, rotated as the file asks. Frames come through a pipe as PPM, which says its own size. Colours are ffmpeg's
/// default conversion.</summary>
public sealed partial class Ffmpeg
{
    /// <summary>Names the program where it is not found by itself.</summary>
    public const string Variable = "JEPA_FFMPEG";

    /// <summary>Flags of 3 million frames: a day.</summary>
    private const int MaxProbeBytes = 64 << 20;

    private const int MaxPpmHeader = 32;

    private readonly string ffmpeg, ffprobe;
    private readonly TimeSpan limit;

    /// <summary>The program that JEPA_FFMPEG names, with the ffprobe beside it, or the ones on the path.</summary>
    /// <param name="limit">How long ffmpeg may take for one frame, or ffprobe for a file, before it is killed; 60 s if not given.</param>
    public Ffmpeg(TimeSpan? limit = null) : this(Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named ? named : "ffmpeg", limit)
    {
    }

    /// <summary>A certain program, and the ffprobe beside it.</summary>
    internal Ffmpeg(string program, TimeSpan? limit)
    {
        ffmpeg = program;
        ffprobe = Path.Combine(Path.GetDirectoryName(program) ?? "", Path.GetFileName(program).Replace("ffmpeg", "ffprobe"));
        this.limit = limit ?? TimeSpan.FromSeconds(60);
    }

    /// <summary>The program and its version, as <c>ffmpeg 5.1.9</c>; null where there is none.</summary>
    public string? Version()
    {
        try
        {
            string[] words = Run(ffmpeg, ffmpeg, ["-version"], ReadText).Split(' ', 4);
            return words.Length > 2 ? $"{ffmpeg} {words[2]}" : null;
        }
        catch (BadFileException)
        {
            return null;
        }
    }

    /// <summary>Counts a file's frames without decoding them.</summary>
    /// <exception cref="BadFileException">It cannot be read, or holds no video; or ffmpeg is missing, fails or does not end.</exception>
    public VideoFacts Probe(string path)
    {
        string text = Run(ffprobe, path, ["-v", "error", "-select_streams", "V:0", "-show_entries",
            "packet=flags:stream=width,height,avg_frame_rate:format=duration", "-of", "compact", Address(path)], ReadText);
        int frames = 0, width = 0, height = 0;
        double rate = 0, seconds = 0;
        foreach (string line in text.Split('\n'))
        {
            // D: decoded for the sake of others and not shown.
            if (line.StartsWith("packet|", StringComparison.Ordinal))
                frames += line.Contains('D') ? 0 : 1;
            (width, height) = ((int)Field(line, "width", width), (int)Field(line, "height", height));
            rate = Field(line, "avg_frame_rate", rate);
            seconds = Field(line, "duration", seconds);
        }
        if (width <= 0 || height <= 0)
            throw new BadFileException(path, "it holds no picture or video that ffmpeg knows");
        return new VideoFacts(width, height, frames, rate, TimeSpan.FromSeconds(Math.Clamp(seconds, 0, 1e9)));
    }

    /// <summary>Decodes frames of a file, one by one as they are asked for.</summary>
    /// <param name="path">The file.</param>
    /// <param name="frames">Numbers of the frames, ascending.</param>
    /// <exception cref="BadFileException">As at <see cref="Probe"/>, a frame is missing or damaged, or larger than <see cref="Picture.MaxPixels"/>.</exception>
    public IEnumerable<Picture> Frames(string path, IReadOnlyList<int> frames)
    {
        // A decoder would rather guess what it cannot read; -xerror and explode make it say so. The frames get times of their own, or PPM's writer
        // would complain about those of a variable rate.
        string chosen = string.Join('+', frames.Select(n => $"eq(n,{n})"));
        using PipedProcess process = Start(ffmpeg, path, ["-v", "error", "-nostdin", "-xerror", "-err_detect", "explode", "-i", Address(path),
            "-map", "0:V:0", "-vf", $"select='{chosen}',setpts=N/TB", "-fps_mode", "passthrough", "-frames:v", $"{frames.Count}",
            "-f", "image2pipe", "-c:v", "ppm", "-pix_fmt", "rgb24", "pipe:1"]);
        foreach (int frame in frames)
            yield return ReadFrame(process, path, frame);
        End(process, path);
    }

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
            throw new BadFileException(path, $"ffmpeg did not end: {error.Message}; cut the file, or allow more time", error);
        }
    }

    /// <summary>The path as ffmpeg cannot misread it: no option, protocol or numbered sequence.</summary>
    private static string Address(string path)
    {
        if (!File.Exists(path))
            throw new BadFileException(path, "it cannot be read: there is no such file");
        // Pipes and devices have no length and may never end.
        if (new FileInfo(path).Length == 0)
            throw new BadFileException(path, "it is empty");
        if (Sequence().IsMatch(path))
            throw new BadFileException(path, "ffmpeg takes a name with % for a numbered sequence of pictures; rename the file");
        return "file:" + Path.GetFullPath(path);
    }

    private PipedProcess Start(string program, string path, IEnumerable<string> arguments)
    {
        try
        {
            return new PipedProcess(program, arguments, limit);
        }
        catch (Win32Exception error)
        {
            throw new BadFileException(path, $"only PNG is read without ffmpeg, and {program} cannot be started; install ffmpeg, name it in {Variable}, " +
                "or convert the file to PNG", error);
        }
    }

    private T Run<T>(string program, string path, IEnumerable<string> arguments, Func<PipedProcess, string, T> read)
    {
        using PipedProcess process = Start(program, path, arguments);
        try
        {
            T result = read(process, path);
            if (process.Finish() != 0)
                throw new BadFileException(path, $"ffmpeg cannot read it: {process.LastError}");
            return result;
        }
        catch (TimeoutException error)
        {
            throw new BadFileException(path, $"ffmpeg did not finish: {error.Message}; cut the file, or allow more time", error);
        }
    }

    private static string ReadText(PipedProcess process, string path)
    {
        var text = new StringBuilder();
        byte[] buffer = new byte[1 << 16];
        for (int count; (count = process.Read(buffer)) > 0;)
        {
            if (text.Length + count > MaxProbeBytes)
                throw new BadFileException(path, $"ffprobe says more than {MaxProbeBytes} bytes about it; cut the video");
            text.Append(Encoding.Latin1.GetString(buffer, 0, count));
        }
        return text.ToString();
    }

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
            throw new BadFileException(path, $"ffmpeg did not decode frame {frame}: {error.Message}; cut the file, or allow more time", error);
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

    [GeneratedRegex(@"%\d*d")]
    private static partial Regex Sequence();
}
