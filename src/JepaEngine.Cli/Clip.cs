namespace JepaEngine.Cli;

/// <summary>Frames of a picture or video that a model is going to see.</summary>
/// <param name="Path">The file.</param>
/// <param name="Config">The model that will see them.</param>
/// <param name="Sampling">Which frames; one for a picture.</param>
/// <param name="Size">Pixels of an edge.</param>
/// <param name="Room">The most bytes their activations may take; null where the system says it.</param>
internal sealed record Clip(string Path, IModelConfig Config, FrameSampling Sampling, int Size, long? Room)
{
    /// <summary>Number of frames.</summary>
    public int Frames => Sampling.Frames;

    /// <summary>As <c>64 frames of 256 x 256 pixels, 8192 tokens (32 x 16 x 16)</c>.</summary>
    public override string ToString()
    {
        (int clips, TokenGrid grid) = Config.Family.Cost(Config, Frames, Size, Size);
        string stretched = Config.Family.Sight == Sight.Picture && Size != Config.ImageSize
            ? $", positions interpolated from {Config.Grid} x {Config.Grid}" : "";
        return $"{(Frames == 1 ? "1 frame" : $"{Frames} frames")} of {Size} x {Size} pixels, "
            + $"{clips * grid.Count} tokens ({clips * grid.Times} x {grid.Rows} x {grid.Columns}){stretched}";
    }

    /// <summary>The frames, framed as the family's reference does.</summary>
    /// <exception cref="BadFileException">They cannot be read.</exception>
    public Picture[] Read()
    {
        var reader = new PictureReader();
        Preprocess preprocess = Config.Preprocess with { Size = Size };
        return Frames == 1 ? [preprocess.Apply(reader.Read(Path))] : reader.ReadClip(Path, Sampling, preprocess);
    }
}
