namespace JepaEngine.Jepa.Pictures;

/// <summary>
/// Which frames of a video make a clip. Where a video is shorter than the clip, each of its frames is taken once and the last repeated, as V-JEPA's loader
/// does (src/datasets/video_dataset.py); V-JEPA 2-AC's refuses it, and so does <see cref="RepeatsLast"/> where it is false.
/// </summary>
/// <param name="Frames">Frames of the clip.</param>
public sealed record FrameSampling(int Frames)
{
    /// <summary>Every how many frames one is taken, from the first on: V-JEPA's frame_step. (Its loader spreads that
    /// many frames over Frames · Every by linspace, ends included, so that its steps are Frames / (Frames − 1) as long;
    /// its notebooks step as here.)</summary>
    public int? Every { get; init; }

    /// <summary>How many frames a second are taken, from the first on. As V-JEPA's loader: every ⌊⌈video's rate⌉ / Fps⌋th frame, at least every one.</summary>
    public double? Fps { get; init; }

    /// <summary>Whether a video may be shorter than the clip.</summary>
    public bool RepeatsLast { get; init; } = true;

    /// <summary>
    /// The clip's frames. With neither <see cref="Every"/> nor <see cref="Fps"/> they are spread over the whole video: frame i is ⌊i · total / Frames⌋, as
    /// Hugging Face's video processors sample.
    /// </summary>
    /// <param name="total">Frames of the video, at least 1.</param>
    /// <param name="rate">Frames a second of the video; only <see cref="Fps"/> needs it.</param>
    /// <exception cref="ArgumentException">The video has no frame, there is no such clip, or the rate is needed and not known.</exception>
    public int[] Indices(int total, double rate)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(total);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(Frames);
        if (Every is not null && Fps is not null)
            throw new ArgumentException("a clip is sampled every so many frames or so many times a second, not both");
        if (Every is < 1 || Fps is <= 0 or double.NaN)
            throw new ArgumentException($"a clip of every {Every}th frame or {Fps} frames a second does not move on; give a positive number");
        if (Fps is not null && !(rate > 0))
            throw new ArgumentException("the video does not say its rate, so it cannot be sampled so many times a second; give a step of frames instead");
        int? chosen = Every ?? Step(rate);
        if (!RepeatsLast && (Frames - 1L) * (chosen ?? 1) >= total)
            throw new ArgumentException($"the video has {total} frames, too few for {Frames}{(chosen > 1 ? $", every {chosen}th" : "")}; "
                + "ask for fewer frames (--frames)");
        int step = chosen ?? 1;
        if (chosen is null && total > Frames)
            return [.. Enumerable.Range(0, Frames).Select(i => (int)((long)i * total / Frames))];
        return [.. Enumerable.Range(0, Frames).Select(i => (int)Math.Min((long)i * step, total - 1))];
    }

    private int? Step(double rate) => Fps is { } fps ? (int)Math.Clamp(Math.Floor(Math.Ceiling(rate) / fps), 1, int.MaxValue) : null;
}
