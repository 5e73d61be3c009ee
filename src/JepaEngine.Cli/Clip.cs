using JepaEngine.IO;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Pictures;
using JepaEngine.Ops;
using JepaEngine.Tensors;

namespace JepaEngine.Cli;

/// <summary>A picture or a clip as a model sees it: first its grid, which says what it costs, then its pixels.</summary>
/// <param name="path">The file.</param>
/// <param name="config">The model that will see it.</param>
/// <param name="sampling">Which frames; one for a picture.</param>
/// <param name="size">Pixels of an edge.</param>
internal sealed class Clip(string path, JepaConfig config, FrameSampling sampling, int size)
{
    /// <summary>The file.</summary>
    public string Path => path;

    /// <summary>Number of frames.</summary>
    public int Frames => sampling.Frames;

    /// <summary>Pixels of an edge.</summary>
    public int Size => size;

    /// <summary>How all tokens lie.</summary>
    public TokenGrid Grid
    {
        get
        {
            (int clips, TokenGrid grid) = Cost(config, Frames, size, size);
            return grid with { Times = clips * grid.Times };
        }
    }

    /// <summary>As how many clips of how many tokens a model encodes a clip: V-JEPA 2-AC sees each frame alone.</summary>
    /// <exception cref="ArgumentException">The pixels do not divide into patches and tubelets.</exception>
    public static (int Clips, TokenGrid Grid) Cost(JepaConfig config, int frames, int height, int width) => config.Family == JepaFamily.VJepa2Ac
        ? (frames, TokenGrid.Of(1, height, width, config))
        : (1, TokenGrid.Of(frames, height, width, config));

    /// <summary>As <c>64 frames of 256 x 256 pixels, 8192 tokens (32 x 16 x 16)</c>.</summary>
    public override string ToString() => $"{(Frames == 1 ? "1 frame" : $"{Frames} frames")} of {size} x {size} pixels, "
        + $"{Grid.Count} tokens ({Grid.Times} x {Grid.Rows} x {Grid.Columns})"
        + (config.IsPicture && size != config.ImageSize ? $", positions interpolated from {config.Grid} x {config.Grid}" : "");

    /// <summary>The frames, framed as the family's reference does.</summary>
    /// <exception cref="BadFileException">They cannot be read.</exception>
    public Picture[] Read()
    {
        var reader = new PictureReader();
        Preprocess preprocess = config.Preprocess with { Size = size };
        return Frames == 1 ? [preprocess.Apply(reader.Read(path))] : reader.ReadClip(path, sampling, preprocess);
    }

    /// <summary>The tokens [1, N, D] of the frames.</summary>
    public Tensor Encode(JepaModel model, Picture[] frames, TensorScope scope)
    {
        byte[] rgb = new byte[3L * Frames * size * size];
        for (int i = 0; i < frames.Length; i++)
            frames[i].Rgb.CopyTo(rgb, 3L * i * size * size);
        Tensor pixels = scope.FromRaw<byte>(rgb, [1, Frames, size, size, 3]).Permute(0, 1, 4, 2, 3);
        // Whoever gives another size than the model's asks for it.
        if (model is IJepa picture)
            picture.InterpolatesPositions = true;
        var progress = new Progress("block", config.Encoder.Depth);
        Tensor tokens = model is VJepa2Ac robot
            ? robot.EncodeFrames(pixels, (block, _) => progress.Done(block))
            : model.Encode(config.IsPicture ? pixels.Select(1, 0) : pixels, observe: (block, _) => progress.Done(block));
        return tokens.Reshape(1, Grid.Count, -1);
    }
}
