namespace JepaEngine.Jepa.Pictures;

/// <summary>Reads pictures, videos and folders of frames: PNG by itself, everything else with ffmpeg. Only kinds that are
/// known are read, by their first bytes; a file that names others is followed nowhere. Stills, GIF and animated PNG
/// included, are turned as their tag asks.</summary>
public sealed class PictureReader(Ffmpeg ffmpeg)
{
    /// <summary>A reader with the ffmpeg that is found.</summary>
    public PictureReader() : this(new Ffmpeg())
    {
    }

    /// <summary>Whether a file holds one picture: a clip of one frame.</summary>
    /// <exception cref="BadFileException">It cannot be read, or is neither picture nor video.</exception>
    public bool IsPicture(string path)
    {
        if (Directory.Exists(path))
            return false;
        MediaKind kind = MediaKind.Of(path);
        return kind.IsStill || (kind.Name is "GIF" or "APNG" && ffmpeg.Probe(path).Frames == 1);
    }

    /// <summary>A picture, or the first frame of a video or of a folder.</summary>
    /// <exception cref="BadFileException">It cannot be read or decoded, or is too large.</exception>
    public Picture Read(string path)
    {
        if (Directory.Exists(path))
            return Read(FrameFiles(path)[0]);
        MediaKind kind = MediaKind.Of(path);
        if (!kind.IsStill)
            return ffmpeg.Frames(path, [0]).Single();
        StillFile file = StillFile.Read(path, kind);
        return Orientation.Turn(kind == MediaKind.Png ? Png.Read(path) : ffmpeg.Still(path, kind, file), file.Turned);
    }

    /// <summary>A clip as a model sees it; each frame is prepared as it arrives, so that no more than one is held at its full size.</summary>
    /// <param name="path">A video; a folder of pictures, which are frames in the order of their names, numbers by their value; or
    /// a picture, which is repeated.</param>
    /// <param name="sampling">Which frames.</param>
    /// <param name="preprocess">What is done to each.</param>
    /// <returns>As many pictures as the clip has frames; repeated frames are one picture.</returns>
    /// <exception cref="BadFileException">As <see cref="Read"/>, or it has no frame.</exception>
    /// <exception cref="ArgumentException">The video cannot be sampled so.</exception>
    public Picture[] ReadClip(string path, FrameSampling sampling, Preprocess preprocess)
    {
        if (Directory.Exists(path))
        {
            string[] files = FrameFiles(path);
            return Chosen(sampling.Indices(files.Length, rate: 0), frames => frames.Select(i => Read(files[i])));
        }
        if (MediaKind.Of(path).IsStill)
            return [.. Enumerable.Repeat(preprocess.Apply(Read(path)), sampling.Frames)];
        VideoFacts facts = ffmpeg.Probe(path);
        if (facts.Frames == 0)
            throw new BadFileException(path, "it has no frame; was the recording cut short?");
        return Chosen(sampling.Indices(facts.Frames, facts.Rate), frames => ffmpeg.Frames(path, frames, facts.IsCut));

        Picture[] Chosen(int[] indices, Func<int[], IEnumerable<Picture>> read)
        {
            int[] distinct = [.. indices.Distinct()];
            Picture[] frames = [.. read(distinct).Select(preprocess.Apply)];
            return [.. indices.Select(index => frames[Array.IndexOf(distinct, index)])];
        }
    }

    /// <summary>Letter by letter, but digits side by side by the number they are.</summary>
    private static int ByNumbers(string a, string b)
    {
        for (int i = 0, j = 0; i < a.Length && j < b.Length;)
        {
            ReadOnlySpan<char> left = Digits(a, i), right = Digits(b, j);
            ReadOnlySpan<char> first = left.TrimStart('0'), second = right.TrimStart('0');
            int order = left.Length == 0 || right.Length == 0 ? a[i].CompareTo(b[j])
                : first.Length != second.Length ? first.Length - second.Length : first.SequenceCompareTo(second);
            if (order != 0)
                return order;
            (i, j) = (i + Math.Max(1, left.Length), j + Math.Max(1, right.Length));
        }
        return a.Length != b.Length ? a.Length - b.Length : string.CompareOrdinal(a, b);
    }

    private static ReadOnlySpan<char> Digits(string text, int from)
    {
        int length = text.AsSpan(from).IndexOfAnyExceptInRange('0', '9');
        return length < 0 ? text.AsSpan(from) : text.AsSpan(from, length);
    }

    /// <summary>A folder's pictures, frame 2 before frame 10; hidden files are passed over.</summary>
    private static string[] FrameFiles(string folder)
    {
        string[] files = [.. Directory.EnumerateFiles(folder).Where(file => Path.GetFileName(file)[0] != '.')
            .Order(Comparer<string>.Create(ByNumbers))];
        if (files.Length == 0)
            throw new BadFileException(folder, "the folder has no pictures, which would be the frames of a clip");
        if (files.FirstOrDefault(file => !MediaKind.Of(file).IsStill) is { } video)
            throw new BadFileException(video, "it is no still picture; a folder is a clip whose frames are pictures");
        return files;
    }
}
