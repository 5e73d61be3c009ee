using System.Runtime.InteropServices;
using System.Text;

namespace JepaEngine.Jepa.Data;

/// <summary>
/// Writes an <see cref="EpisodeFile"/> whole or not at all: it takes its name at <see cref="Complete"/>; disposed before that, an earlier file of
/// the name stays as it was.
/// </summary>
public sealed class EpisodeFileWriter : IDisposable
{
    private readonly List<int> steps = [];
    private readonly AtomicFile? file;
    private readonly Stream stream;

    /// <summary>Starts a file.</summary>
    /// <exception cref="ArgumentException">The format cannot be.</exception>
    /// <exception cref="IOException">The file cannot be written, or is a pipe.</exception>
    public EpisodeFileWriter(string path, EpisodeFormat format)
    {
        Format = Possible(format);
        file = new AtomicFile(path);
        stream = file.Stream;
        if (!stream.CanSeek)
        {
            file.Dispose();
            throw new IOException($"{path} is a pipe; episodes, whose header is written last, need a file");
        }
        stream.Write(new byte[EpisodeHeader.Bytes]);
    }

    /// <summary>Starts one in a stream that can seek, which stays open.</summary>
    internal EpisodeFileWriter(Stream stream, EpisodeFormat format)
    {
        Format = Possible(format);
        this.stream = stream;
        stream.Write(new byte[EpisodeHeader.Bytes]);
    }

    /// <summary>What every episode has in common.</summary>
    public EpisodeFormat Format { get; }

    /// <summary>Appends an episode.</summary>
    /// <param name="states">[steps+1, S]</param>
    /// <param name="actions">[steps, A]; action t leads from state t to state t+1</param>
    /// <param name="frames">[steps+1, H, W, 3] where frames are stored, else empty</param>
    /// <exception cref="ArgumentException">The lengths do not fit.</exception>
    public void Add(ReadOnlySpan<float> states, ReadOnlySpan<float> actions, ReadOnlySpan<byte> frames = default)
    {
        ObjectDisposedException.ThrowIf(!stream.CanWrite, this);
        int count = actions.Length / Format.ActionSize;
        if (actions.Length != count * Format.ActionSize || states.Length != (count + 1L) * Format.StateSize
            || frames.Length != (count + 1L) * Format.FrameBytes)
        {
            throw new ArgumentException($"{states.Length} state numbers, {actions.Length} action numbers and {frames.Length} frame bytes " +
                $"are no episode of {Format}: n actions go with n+1 states and frames", nameof(states));
        }
        stream.Write(MemoryMarshal.AsBytes(states));
        stream.Write(MemoryMarshal.AsBytes(actions));
        stream.Write(frames);
        int written = (states.Length + actions.Length) * 4 + frames.Length;
        stream.Write(stackalloc byte[(int)(Format.EpisodeBytes(count) - written)]);
        steps.Add(count);
    }

    /// <summary>Puts the finished file in its place.</summary>
    public void Complete()
    {
        ObjectDisposedException.ThrowIf(!stream.CanWrite, this);
        var table = MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(steps));
        stream.Write(table);
        byte[] header = new EpisodeHeader(EpisodeHeader.CurrentVersion, Format, steps.Count, stream.Position, 0).Write(table);
        stream.Position = 0;
        stream.Write(header);
        file?.Commit();
    }

    /// <summary>Gives the file up unless it was completed.</summary>
    public void Dispose() => file?.Dispose();

    private static EpisodeFormat Possible(EpisodeFormat format)
    {
        ArgumentNullException.ThrowIfNull(format);
        if (!format.IsPossible)
        {
            throw new ArgumentException(
                $"{format}: sizes are positive, and frames have both a height and a width", nameof(format));
        }
        if (Encoding.UTF8.GetByteCount(format.Environment) > EpisodeHeader.NameBytes)
        {
            throw new ArgumentException(
                $"'{format.Environment}' is longer than {EpisodeHeader.NameBytes} bytes", nameof(format));
        }
        return format;
    }
}
