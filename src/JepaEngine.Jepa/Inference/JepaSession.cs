using JepaEngine.IO;
using JepaEngine.Jepa.Models;
using JepaEngine.Memory;
using JepaEngine.Ops;
using JepaEngine.Tensors;

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
/// One thread's use of a model that many share: pictures in, features out. It keeps its buffers, so that a control loop allocates in its first call only.
/// </summary>
/// <param name="model">The model, loaded, in evaluation mode; it outlives the session.</param>
public sealed class JepaSession(JepaModel model) : IDisposable
{
    private float[] tokens = [];
    private byte[] framed = [];

    /// <summary>The model.</summary>
    public JepaModel Model => model;

    /// <summary>The most bytes of activations a call may take; null takes what the system has.</summary>
    public long? MemoryLimit { get; init; }

    /// <summary>Encodes a picture, or a clip of frames of one size; each is framed and normalised as the family's reference does it.</summary>
    /// <param name="rgb">[frames, height, width, 3], 8 bits a channel.</param>
    /// <param name="frames">Number of frames; 1 is a picture.</param>
    /// <param name="height">Rows of pixels.</param>
    /// <param name="width">Columns of pixels.</param>
    /// <exception cref="ArgumentException">The span has another length, or the model takes another number of frames.</exception>
    /// <exception cref="MemoryRefusedException">The clip is too large; the message names the largest that fits.</exception>
    public EncodedTokens Encode(ReadOnlySpan<byte> rgb, int frames, int height, int width)
    {
        if (frames < 1 || height < 1 || width < 1 || rgb.Length != (long)frames * height * width * 3)
            throw new ArgumentException($"{rgb.Length} bytes are not {frames} frames of {height} x {width} x 3", nameof(rgb));
        using TensorScope scope = Frame(rgb, frames, height, width, out Tensor pixels, out TokenGrid grid);
        Tensor encoded = model.Encode(pixels);
        return new EncodedTokens(Copy(encoded), grid);
    }

    /// <summary>Encodes and classifies: the likeliest classes of each head, best first.</summary>
    /// <param name="rgb">As for <see cref="Encode"/>.</param>
    /// <param name="frames">As for <see cref="Encode"/>.</param>
    /// <param name="height">As for <see cref="Encode"/>.</param>
    /// <param name="width">As for <see cref="Encode"/>.</param>
    /// <param name="top">How many of each head.</param>
    /// <exception cref="InvalidOperationException">The model has no classifier.</exception>
    /// <exception cref="ArgumentException">As for <see cref="Encode"/>.</exception>
    public ClassScore[] Classify(ReadOnlySpan<byte> rgb, int frames, int height, int width, int top = 5)
    {
        AttentiveProbe probe = model.Probe ?? throw new InvalidOperationException(
            $"{model.Origin?.Path ?? "the model"} has no classifier; load one with LoadOptions.Probe, or a folder that has one");
        using TensorScope scope = Frame(rgb, frames, height, width, out Tensor pixels, out _);
        return ClassScore.Top(model.Config.Probe!, probe.Forward(model.Encode(pixels)), top);
    }

    /// <summary>Forgets the buffers.</summary>
    public void Dispose() => (tokens, framed) = ([], []);

    private TensorScope Frame(ReadOnlySpan<byte> rgb, int frames, int height, int width, out Tensor pixels, out TokenGrid grid)
    {
        JepaConfig config = model.Config;
        if (config.IsPicture && frames != 1)
            throw new ArgumentException($"{config.Family} takes one picture at a time, not {frames} frames", nameof(frames));
        int side = config.ImageSize, one = 3 * height * width, framedOne = 3 * side * side;
        // A single frame fills a tubelet.
        grid = new TokenGrid(Math.Max(1, frames / config.Tubelet), config.Grid, config.Grid);
        MemoryPlan.Require(config, 1, grid, MemoryLimit ?? MemoryPlan.Available());
        if (framed.Length != frames * framedOne)
            framed = new byte[frames * framedOne];
        for (int i = 0; i < frames; i++)
            config.Preprocess.Apply(new Picture(width, height, rgb.Slice(i * one, one).ToArray())).Rgb.CopyTo(framed.AsSpan(i * framedOne));
        var scope = new TensorScope(model.Device, "session");
        pixels = config.IsPicture
            ? scope.FromRaw<byte>(framed, [1, side, side, 3]).Permute(0, 3, 1, 2)
            : scope.FromRaw<byte>(framed, [1, frames, side, side, 3]).Permute(0, 1, 4, 2, 3);
        return scope;
    }

    private ReadOnlySpan<float> Copy(Tensor encoded)
    {
        int count = checked((int)encoded.Shape.Count);
        if (tokens.Length < count)
            tokens = new float[count];
        encoded.CopyTo(tokens.AsSpan(0, count));
        return tokens.AsSpan(0, count);
    }
}
