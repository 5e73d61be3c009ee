namespace JepaEngine.Jepa.Pictures;

/// <summary>Reads pictures and clips: PNG by itself, everything else with ffmpeg.</summary>
public sealed class PictureReader(Ffmpeg ffmpeg)
{
    /// <summary>A reader with the ffmpeg that is found.</summary>
    public PictureReader() : this(new Ffmpeg())
    {
    }

    /// <summary>A picture, or the first frame of a video.</summary>
    /// <exception cref="BadFileException">It cannot be read or decoded, or is too large.</exception>
    public Picture Read(string path) => Png.IsPng(path) ? Png.Read(path) : ffmpeg.Frames(path, [0]).Single();

    /// <summary>A clip as a model sees it; each frame is prepared as it arrives, so that no more than one is held at its full size.</summary>
    /// <param name="path">A video, or a picture, which is repeated.</param>
    /// <param name="sampling">Which frames.</param>
    /// <param name="preprocess">What is done to each.</param>
    /// <returns>As many pictures as the clip has frames; repeated frames are one picture.</returns>
    /// <exception cref="BadFileException">As <see cref="Read"/>, or it has no frame.</exception>
    /// <exception cref="ArgumentException">The video cannot be sampled so.</exception>
    public Picture[] ReadClip(string path, FrameSampling sampling, Preprocess preprocess)
    {
        if (Png.IsPng(path))
            return [.. Enumerable.Repeat(preprocess.Apply(Png.Read(path)), sampling.Frames)];
        VideoFacts facts = ffmpeg.Probe(path);
        if (facts.Frames == 0)
            throw new BadFileException(path, "it has no frame; was the recording cut short?");
        int[] indices = sampling.Indices(facts.Frames, facts.Rate), distinct = [.. indices.Distinct()];
        Picture[] frames = [.. ffmpeg.Frames(path, distinct).Select(preprocess.Apply)];
        return [.. indices.Select(index => frames[Array.IndexOf(distinct, index)])];
    }
}
