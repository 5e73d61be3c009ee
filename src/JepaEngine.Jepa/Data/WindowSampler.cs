using JepaEngine.Jepa.Environments;

namespace JepaEngine.Jepa.Data;

/// <summary>
/// Draws random windows from recorded episodes for training: T frames, k steps apart, and the T-1 blocks of k actions between them.
/// Every window that fits into an episode is equally likely. The same key gives the same batch. Not safe for concurrent use where
/// frames are drawn, because the environment is put into the recorded states.
/// </summary>
public sealed class WindowSampler
{
    private readonly EpisodeFile file;
    private readonly IEnvironment? environment;
    private readonly int frames, skip;

    // Number of windows in the episodes up to and including each.
    private readonly long[] ends;

    /// <summary>A sampler.</summary>
    /// <param name="file">The episodes.</param>
    /// <param name="environment">Draws the frames where the file stores none; else null.</param>
    /// <param name="frames">Frames in a window, T.</param>
    /// <param name="skip">Environment steps from one frame to the next, k.</param>
    /// <exception cref="BadFileException">No episode is long enough, the file belongs to another environment, or one of
    /// its states cannot be drawn or actions be carried out.</exception>
    public WindowSampler(EpisodeFile file, IEnvironment? environment, int frames, int skip)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(frames);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(skip);
        (this.file, this.frames, this.skip) = (file, frames, skip);
        FrameBytes = (int)file.Format.FrameBytes;
        if (!file.Format.HasFrames)
        {
            ArgumentNullException.ThrowIfNull(environment);
            if (file.Format.Environment != environment.Name || file.Format.StateSize != environment.StateSize)
            {
                throw new BadFileException(file.Path, $"it has states of '{file.Format.Environment}', which '{environment.Name}' cannot " +
                    "draw; choose the environment it was recorded in");
            }
            this.environment = environment;
            FrameBytes = environment.Height * environment.Width * 3;
            CheckStates(environment);
        }
        file.CheckActions();
        ends = new long[file.Count];
        long span = (frames - 1L) * skip;
        for (int i = 0; i < ends.Length; i++)
        {
            Windows += Math.Max(0, file.Steps(i) - span + 1);
            ends[i] = Windows;
        }
        if (Windows == 0)
        {
            throw new BadFileException(file.Path, $"it has no episode of {span} steps, which a window of {frames} frames {skip} steps " +
                "apart needs; record longer episodes");
        }
    }

    /// <summary>How many different windows there are.</summary>
    public long Windows { get; }

    /// <summary>Bytes of a frame.</summary>
    public int FrameBytes { get; }

    /// <summary>As <see cref="EpisodeFile.Checksum"/>.</summary>
    public string Checksum() => file.Checksum();

    /// <summary>Draws windows. A destination that is empty is left out.</summary>
    /// <param name="key">Seed and step; window b is drawn from block b of the stream.</param>
    /// <param name="count">Number of windows, B.</param>
    /// <param name="frameBytes">[B*T, H, W, 3]</param>
    /// <param name="actions">[B, T-1, k*A]; block t has the k actions that lead from frame t to frame t+1</param>
    /// <param name="states">[B, T, S]</param>
    /// <exception cref="ArgumentException">A destination has the wrong length.</exception>
    public void Sample(PhiloxKey key, int count, Span<byte> frameBytes, Span<float> actions, Span<float> states = default)
    {
        using EpisodeFile.Stay stay = file.InUse();
        int stateSize = file.Format.StateSize, actionNumbers = (frames - 1) * skip * file.Format.ActionSize;
        Check(frameBytes.Length, (long)count * frames * FrameBytes, nameof(frameBytes));
        Check(actions.Length, (long)count * actionNumbers, nameof(actions));
        Check(states.Length, (long)count * frames * stateSize, nameof(states));
        for (int b = 0; b < count; b++)
        {
            (int episode, int first) = Window(key, b);
            if (!actions.IsEmpty)
            {
                file.Actions(episode).Slice(first * file.Format.ActionSize, actionNumbers)
                    .CopyTo(actions.Slice(b * actionNumbers, actionNumbers));
            }
            for (int t = 0; t < frames; t++)
            {
                int step = first + t * skip, row = b * frames + t;
                var state = file.States(episode).Slice(step * stateSize, stateSize);
                if (!states.IsEmpty)
                    state.CopyTo(states.Slice(row * stateSize, stateSize));
                if (!frameBytes.IsEmpty)
                    CopyFrame(episode, step, state, frameBytes.Slice(row * FrameBytes, FrameBytes));
            }
        }
    }

    private (int Episode, int First) Window(PhiloxKey key, int b)
    {
        var bits = Philox.Block(key, (ulong)b);
        long window = (long)Math.BigMul(((ulong)bits.X << 32) | bits.Y, (ulong)Windows, out _);
        // The first episode that ends after the window.
        int low = 0, high = ends.Length - 1;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (ends[middle] > window)
                high = middle;
            else
                low = middle + 1;
        }
        return (low, (int)(window - (low == 0 ? 0 : ends[low - 1])));
    }

    private void CopyFrame(int episode, int step, ReadOnlySpan<float> state, Span<byte> destination)
    {
        if (environment is null)
        {
            file.Frame(episode, step).CopyTo(destination);
            return;
        }
        environment.SetState(state);
        environment.Render(destination);
    }

    /// <summary>A state that cannot be drawn would end training when a window with it is drawn.</summary>
    private void CheckStates(IEnvironment environment)
    {
        for (int episode = 0; episode < file.Count; episode++)
        {
            int size = environment.StateSize;
            for (int step = 0; step <= file.Steps(episode); step++)
            {
                try
                {
                    environment.SetState(file.States(episode).Slice(step * size, size));
                }
                catch (ArgumentException error)
                {
                    throw new BadFileException(file.Path, $"episode {episode}, step {step}: "
                        + $"{error.Message.Split(" (Parameter ")[0]}; record the episodes again", error);
                }
            }
        }
    }

    private static void Check(int length, long expected, string name)
    {
        if (length != 0 && length != expected)
            throw new ArgumentException($"has {length} elements instead of {expected}", name);
    }
}
