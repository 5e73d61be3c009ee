using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Pictures;

namespace JepaEngine.Jepa.Inference;

/// <summary>The tokens of a picture or a clip; valid until the session's next call.</summary>
/// <param name="values">[N, D], row-major.</param>
/// <param name="grid">How the N tokens lie.</param>
public readonly ref struct EncodedTokens(ReadOnlySpan<float> values, TokenGrid grid)
{
    /// <summary>[N, D], row-major.</summary>
    public ReadOnlySpan<float> Values { get; } = values;

    /// <summary>How the N tokens lie: id = (t · Rows + row) · Columns + column.</summary>
    public TokenGrid Grid { get; } = grid;

    /// <summary>D.</summary>
    public int Width => Values.Length / Math.Max(1, Grid.Count);

    /// <summary>The features [D] of one token.</summary>
    public ReadOnlySpan<float> this[int token] => Values.Slice(token * Width, Width);
}

/// <summary>
/// One thread's use of a model that many share: pictures in, features out. It keeps the buffer of the features. A call
/// under which another thread disposes the model ends with its features or with an
/// <see cref="ObjectDisposedException"/>; every later one throws that.
/// </summary>
/// <param name="model">The model, loaded, in evaluation mode; it outlives the session.</param>
public sealed class JepaSession(JepaModel model) : IDisposable
{
    private float[] tokens = [];
    private bool isDisposed;

    /// <summary>The model.</summary>
    public JepaModel Model => model;

    /// <summary>The most bytes of activations a call may take; null takes what the system has.</summary>
    public long? MemoryLimit { get; init; }

    /// <summary>Pixels of an edge the model sees; null takes those it was trained on. A family with a table of
    /// positions stretches it, or refuses.</summary>
    public int? Size { get; init; }

    /// <summary>Called with the number of each block of the encoder, from 0, when it is done.</summary>
    public Action<int>? Progress { get; init; }

    /// <summary>Encodes a picture, or a clip of frames, of any size; each is framed and normalised as the family's reference does it.</summary>
    /// <exception cref="ArgumentException">The model takes another number of frames.</exception>
    /// <exception cref="MemoryRefusedException">The clip is too large; the message names the largest that fits.</exception>
    /// <exception cref="NumericException">The result is not finite; the message names the first place that is
    /// not.</exception>
    public EncodedTokens Encode(params ReadOnlySpan<Picture> frames)
    {
        Preprocess preprocess = model.Config.Preprocess with { Size = Edge };
        Picture[] framed = new Picture[frames.Length];
        for (int i = 0; i < framed.Length; i++)
            framed[i] = preprocess.Apply(frames[i]);
        return EncodeFramed(framed);
    }

    /// <summary>As <see cref="Encode(ReadOnlySpan{Picture})"/>, from memory.</summary>
    /// <param name="rgb">[frames, height, width, 3], 8 bits a channel.</param>
    /// <param name="frames">Number of frames; 1 is a picture.</param>
    /// <param name="height">Rows of pixels.</param>
    /// <param name="width">Columns of pixels.</param>
    /// <exception cref="ArgumentException">The span has another length, or the model takes another number of frames.</exception>
    /// <exception cref="MemoryRefusedException">The clip is too large; the message names the largest that fits.</exception>
    /// <exception cref="NumericException">The result is not finite; the message names the first place that is
    /// not.</exception>
    public EncodedTokens Encode(ReadOnlySpan<byte> rgb, int frames, int height, int width)
    {
        int one = 3 * height * width;
        if (frames < 1 || height < 1 || width < 1 || rgb.Length != (long)frames * one)
            throw new ArgumentException($"{rgb.Length} bytes are not {frames} frames of {height} x {width} x 3", nameof(rgb));
        Picture[] pictures = new Picture[frames];
        for (int i = 0; i < frames; i++)
            pictures[i] = new Picture(width, height, rgb.Slice(i * one, one).ToArray());
        return Encode(pictures);
    }

    /// <summary>Encodes frames that have the model's size already, as <see cref="IModelConfig.Preprocess"/> and
    /// <see cref="PictureReader.ReadClip"/> give them.</summary>
    /// <exception cref="ArgumentException">A frame has another size, or the model takes another number of them.</exception>
    /// <exception cref="MemoryRefusedException">The clip is too large; the message names the largest that fits.</exception>
    /// <exception cref="NumericException">The result is not finite; the message names the first place that is
    /// not.</exception>
    public EncodedTokens EncodeFramed(params ReadOnlySpan<Picture> frames)
    {
        using TensorScope scope = Upload(frames, out Tensor pixels, out TokenGrid grid);
        Tensor encoded = Tokens(pixels);
        FiniteOutputs.Require(model, "the features", encoded, pixels);
        int count = checked((int)encoded.Shape.Count);
        float[] buffer = tokens.Length < count ? tokens = new float[count] : tokens;
        encoded.CopyTo(buffer.AsSpan(0, count));
        return new EncodedTokens(buffer.AsSpan(0, count), grid);
    }

    /// <summary>The likeliest classes of frames that have the model's size already, best first, for each head of the classifier.</summary>
    /// <param name="frames">As for <see cref="EncodeFramed"/>.</param>
    /// <param name="top">How many of each head.</param>
    /// <exception cref="InvalidOperationException">The model has no classifier.</exception>
    /// <exception cref="ArgumentException">A frame has another size, or the model takes another number of them.</exception>
    /// <exception cref="MemoryRefusedException">The clip is too large; the message names the largest that fits.</exception>
    /// <exception cref="NumericException">The result is not finite; the message names the first place that is
    /// not.</exception>
    public ClassScore[] ClassifyFramed(ReadOnlySpan<Picture> frames, int top = 5)
    {
        AttentiveProbe probe = model.Probe ?? throw new InvalidOperationException(
            $"{model.Origin?.Path ?? "the model"} has no classifier; load one with LoadOptions.Probe, or a folder that has one");
        using TensorScope scope = Upload(frames, out Tensor pixels, out _);
        IReadOnlyList<Tensor> logits = probe.Forward(Tokens(pixels));
        foreach (Tensor head in logits)
            FiniteOutputs.Require(model, "the classifier's output", head, pixels);
        return ClassScore.Top(model.Config.Probe!, logits, top);
    }

    /// <summary>Forgets the buffer; what is asked of the session from now on throws.</summary>
    public void Dispose()
    {
        isDisposed = true;
        tokens = [];
    }

    private int Edge => Size ?? model.Config.ImageSize;

    private Tensor Tokens(Tensor frames) =>
        model.Tokens(frames, Progress is { } progress ? (block, _) => progress(block) : null);

    /// <summary>Frames as [1, T, C, H, W], whatever the model sees at a time.</summary>
    private TensorScope Upload(ReadOnlySpan<Picture> frames, out Tensor pixels, out TokenGrid grid)
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        (IModelConfig config, JepaFamily family) = (model.Config, model.Config.Family);
        bool single = family.Sight == Sight.Picture;
        if (frames.Length < 1 || (single && frames.Length != 1))
        {
            string taken = single ? "one picture" : "one frame or more";
            throw new ArgumentException($"{family.Name} takes {taken} at a time, not {frames.Length}", nameof(frames));
        }
        int side = Edge, one = 3 * side * side;
        (int clips, grid) = family.Cost(config, frames.Length, side, side);
        MemoryPlan.Require(config, clips, grid, MemoryLimit ?? MemoryPlan.Available());
        grid = grid with { Times = clips * grid.Times };
        byte[] clip = new byte[frames.Length * one];
        for (int i = 0; i < frames.Length; i++)
        {
            if (frames[i].Width != side || frames[i].Height != side)
            {
                throw new ArgumentException(
                    $"frame {i} has {frames[i].Width} x {frames[i].Height} pixels, not {side} x {side}; Encode frames it", nameof(frames));
            }
            frames[i].Rgb.CopyTo(clip.AsSpan(i * one));
        }
        var scope = new TensorScope(model.Device, "session");
        pixels = scope.FromRaw<byte>(clip, [1, frames.Length, side, side, 3]).Permute(0, 1, 4, 2, 3);
        return scope;
    }
}
