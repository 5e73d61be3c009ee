using System.CommandLine;
using JepaEngine.IO;
using JepaEngine.Jepa.Checkpoints;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Pictures;
using JepaEngine.Memory;

namespace JepaEngine.Cli.Commands;

/// <summary>Which frames of a picture or video a verb looks at, and how large.</summary>
internal sealed class ClipOptions
{
    private readonly Option<int?> frames = new("--frames") { Description = "Frames of the clip; by default the model's, and 1 for a picture" };

    private readonly Option<int?> every = new("--every") { Description = "Take every Nth frame, from the first on; by default they are spread over the video" };

    private readonly Option<double?> fps = new("--fps") { Description = "Take N frames a second, from the first on, instead of --every" };

    private readonly Option<int?> size = new("--size") { Description = "Pixels of an edge the model sees; by default those it was trained on" };

    private readonly Option<string?> limit = MemoryOption.Create();

    /// <summary>The options.</summary>
    public ReadOnlySpan<Symbol> Options => new Symbol[] { frames, every, fps, size, limit };

    /// <summary>The clip, which fits into memory; nothing of it has been decoded.</summary>
    /// <exception cref="UsageException">The model cannot look at it so.</exception>
    /// <exception cref="BadFileException">It is not there, or holds no picture.</exception>
    /// <exception cref="MemoryRefusedException">It is too large; the message names the largest that fits.</exception>
    public Clip Read(ParseResult parsed, string path, ModelFile file)
    {
        JepaConfig config = file.Config;
        int? count = CommonOptions.Positive(parsed, frames), step = CommonOptions.Positive(parsed, every);
        double? rate = parsed.GetValue(fps);
        if (step is not null && rate is not null)
            throw new UsageException("--every and --fps say the same in two ways; give one");
        if (rate is <= 0 or double.NaN)
            throw new UsageException($"--fps is {rate}; it is above 0");
        if (config.IsPicture && (count ?? step ?? rate) is not null)
            throw new UsageException($"{ReleasedModels.Name(config.Family)} sees single pictures; leave --frames, --every and --fps out");
        var sampling = new FrameSampling(count ?? Frames(path, config)) { Every = step, Fps = rate };
        var clip = new Clip(path, config, sampling, CommonOptions.Positive(parsed, size) ?? config.ImageSize);
        (int batch, TokenGrid grid) = Clip.Cost(config, clip.Frames, clip.Size, clip.Size);
        MemoryOption.Require(file, batch, grid, MemoryOption.Read(parsed, limit));
        return clip;
    }

    /// <summary>One frame of a picture, but V-JEPA's positions are for whole clips.</summary>
    private static int Frames(string path, JepaConfig config) =>
        config.IsPicture || (config.Family != JepaFamily.VJepa && (Png.IsPng(path) || new Ffmpeg().Probe(path).Frames == 1)) ? 1 : config.Frames;
}
