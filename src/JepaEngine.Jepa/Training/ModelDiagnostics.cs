using JepaEngine.Jepa.Data;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Numerics;

namespace JepaEngine.Jepa.Training;

/// <summary>
/// What held-out episodes say about a trained model, with BatchNorm in evaluation. Errors are mean squared errors over the embeddings' variance.
/// </summary>
/// <param name="ProbeRSquared">How much of the state a linear probe reads from an embedding; fitted on half of the windows, read on the other.</param>
/// <param name="ProbeError">The probe's mean Euclidean error, in the state's unit.</param>
/// <param name="Spectrum">Of the embeddings.</param>
/// <param name="OneBlockError">Of the prediction after one block.</param>
/// <param name="LastBlockError">Of the prediction after all blocks of a window, open loop.</param>
/// <param name="IdentityError">Of predicting that nothing moves in one block: what the model has to beat.</param>
/// <param name="Blocks">Blocks of a window.</param>
/// <param name="Probe">The probe.</param>
public sealed record ModelDiagnostics(double ProbeRSquared, double ProbeError, Spectrum Spectrum, double OneBlockError, double LastBlockError,
    double IdentityError, int Blocks, LinearProbe Probe)
{
    private const int Chunk = 250;

    /// <summary>Measures a model on windows of T frames; the sampler's T − 1 blocks are imagined open loop.</summary>
    /// <exception cref="NumericException">An embedding is not finite.</exception>
    public static ModelDiagnostics Measure(LeWorldModel model, WindowSampler sampler, int frames, int stateSize, int windows, PhiloxKey key)
    {
        model.Train(false);
        int width = model.Config.EmbeddingWidth, blocks = frames - 1;
        float[] first = new float[windows * width], states = new float[windows * stateSize];
        double oneBlock = 0, lastBlock = 0, identity = 0;
        for (int at = 0; at < windows; at += Chunk)
        {
            int count = Math.Min(Chunk, windows - at);
            using var scope = new TensorScope(model.Device, "diagnostics");
            byte[] pixels = new byte[count * frames * sampler.FrameBytes];
            float[] actions = new float[count * blocks * model.Config.ActionWidth], seen = new float[count * frames * stateSize];
            sampler.Sample(key.Child((ulong)at), count, pixels, actions, seen);
            model.Config.ActionScale.Apply(actions);
            // Only the first, second and last frame of a window are looked at.
            float[][] truth = [.. new[] { 0, 1, blocks }.Select(t => Encode(model, scope, pixels, frames, t))];
            Tensor imagined = LatentRollout.Run(model, scope.From<float>(truth[0], [count, width]),
                scope.From<float>(actions, [count, blocks, model.Config.ActionWidth]));
            oneBlock += SquaredError(imagined.Select(1, 0).ToArray<float>(), truth[1]);
            lastBlock += SquaredError(imagined.Select(1, -1).ToArray<float>(), truth[2]);
            identity += SquaredError(truth[0], truth[1]);
            truth[0].CopyTo(first, at * width);
            for (int n = 0; n < count; n++)
                seen.AsSpan(n * frames * stateSize, stateSize).CopyTo(states.AsSpan((at + n) * stateSize));
        }
        Spectrum spectrum = Spectrum.Of(first, width);
        double variance = spectrum.Eigenvalues.Sum() * windows;
        int half = windows / 2;
        var probe = new LinearProbe(first.AsSpan(0, half * width), width, states.AsSpan(0, half * stateSize), stateSize);
        float[] read = probe.Read(first.AsSpan(half * width));
        ReadOnlySpan<float> rest = states.AsSpan(half * stateSize);
        return new ModelDiagnostics(LinearProbe.RSquared(read, rest, stateSize), MeanDistance(read, rest, stateSize), spectrum,
            oneBlock / variance, lastBlock / variance, identity / variance, blocks, probe);
    }

    private static float[] Encode(LeWorldModel model, TensorScope scope, ReadOnlySpan<byte> pixels, int frames, int frame)
    {
        int size = model.Config.ImageSize, bytes = size * size * 3, count = pixels.Length / bytes / frames;
        byte[] chosen = new byte[count * bytes];
        for (int n = 0; n < count; n++)
            pixels.Slice((n * frames + frame) * bytes, bytes).CopyTo(chosen.AsSpan(n * bytes));
        using var inner = new TensorScope(scope.Device, "encode");
        Tensor seen = inner.FromRaw<byte>(chosen, [count, size, size, 3]).Permute(0, 3, 1, 2), embedded = model.Embed(seen);
        FiniteOutputs.Require(model, "the embeddings of held-out frames", embedded, seen);
        return embedded.ToArray<float>();
    }

    private static double SquaredError(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
            sum += (a[i] - b[i]) * (double)(a[i] - b[i]);
        return sum;
    }

    private static double MeanDistance(ReadOnlySpan<float> a, ReadOnlySpan<float> b, int size)
    {
        double sum = 0;
        for (int n = 0; n < a.Length; n += size)
            sum += Math.Sqrt(SquaredError(a.Slice(n, size), b.Slice(n, size)));
        return sum / (a.Length / size);
    }
}
