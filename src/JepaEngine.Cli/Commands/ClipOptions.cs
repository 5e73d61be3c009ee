namespace JepaEngine.Cli.Commands;

/// <summary>Which frames of a picture or video a verb looks at, and how large.</summary>
internal sealed class ClipOptions
{
    /// <summary>18 minutes at 60 frames a second, and the longest edge of a JPEG: far more than memory holds the tokens
    /// of.</summary>
    private const int MaxFrames = 1 << 16, MaxSize = 1 << 16;

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
        (IModelConfig config, JepaFamily family) = (file.Config, file.Config.Family);
        int? count = CommonOptions.Positive(parsed, frames, MaxFrames), step = CommonOptions.Positive(parsed, every);
        double? rate = parsed.GetValue(fps);
        if (step is not null && rate is not null)
            throw new UsageException("--every and --fps say the same in two ways; give one");
        if (rate is <= 0 or double.NaN)
            throw new UsageException($"--fps is {rate}; it is above 0");
        if (family.Sight == Sight.Picture && (count ?? step ?? rate) is not null)
            throw new UsageException($"{family.Name} sees single pictures; leave --frames, --every and --fps out");
        // Robot frames are each seen alone: its loader refuses a recording that is too short.
        var sampling = new FrameSampling(count ?? Frames(path, config)) { Every = step, Fps = rate, RepeatsLast = family.Sight != Sight.Frames };
        int edge = CommonOptions.Positive(parsed, size, MaxSize) ?? config.ImageSize;
        (int clips, TokenGrid grid) = family.Cost(config, sampling.Frames, edge, edge);
        return new Clip(path, config, sampling, edge, MemoryOption.Require(file, clips, grid, MemoryOption.Read(parsed, limit)));
    }

    /// <summary>A session for a clip, whose progress shows at the terminal.</summary>
    public static JepaSession Session(JepaModel model, Clip clip) => new(model)
    {
        Size = clip.Size, MemoryLimit = clip.Room, Progress = new Progress("block", clip.Config.Encoder.Depth).Done,
    };

    /// <summary>One frame of a picture, but a family may have positions for whole clips only.</summary>
    private static int Frames(string path, IModelConfig config) => config.Family.Sight switch
    {
        Sight.Picture => 1,
        Sight.WholeClips => config.Frames,
        _ => new PictureReader().IsPicture(path) ? 1 : config.Frames,
    };
}
