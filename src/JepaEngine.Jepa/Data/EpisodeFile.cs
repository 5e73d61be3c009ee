using System.IO.MemoryMappedFiles;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace JepaEngine.Jepa.Data;

/// <summary>
/// Recorded episodes: states, actions and, where they were stored, frames. A small file is read into memory, a large one
/// mapped. Opening checks everything that is read later against the file's length, so that no read leaves the file. Any
/// number may be non-finite.
/// </summary>
public sealed unsafe class EpisodeFile : IDisposable
{
    private const int Piece = 1 << 20;

    /// <summary>Up to here a copy costs milliseconds, and nobody can pull it away.</summary>
    private const long LargestCopy = 16 << 20;

    private readonly FileStream file;

    // Pinned, and kept after Dispose: whoever reads on reads what was there.
    private readonly byte[]? copy;
    private readonly MemoryMappedFile? mapping;
    private readonly MemoryMappedViewAccessor? view;
    private readonly DateTime written;
    private readonly long[] offsets;
    private readonly int[] steps;
    private readonly long length;
    private byte* start;

    private EpisodeFile(string path)
    {
        Path = path;
        file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, 0);
        try
        {
            (length, written) = (file.Length, File.GetLastWriteTimeUtc(file.SafeFileHandle));
            if (length <= LargestCopy)
            {
                copy = GC.AllocateUninitializedArray<byte>((int)length, pinned: true);
                file.ReadExactly(copy);
                start = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(copy));
            }
            else
            {
                mapping = MemoryMappedFile.CreateFromFile(
                    file, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
                view = mapping.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
                view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
            }
            var header = ReadHeader(path, start, length, out var table);
            Format = header.Format;
            steps = MemoryMarshal.Cast<byte, int>(table).ToArray();
            offsets = FindOffsets(path, Format, steps, length - table.Length);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>What every episode has in common.</summary>
    public EpisodeFormat Format { get; }

    /// <summary>Number of episodes.</summary>
    public int Count => steps.Length;

    /// <summary>SHA-256 of the whole file, as hexadecimal digits: what a run's checkpoint knows its data by. It reads
    /// all of it, 1 to 2 GB a second.</summary>
    public string Checksum()
    {
        using Stay stay = InUse();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (long at = 0; at < length; at += Piece)
            hash.AppendData(new ReadOnlySpan<byte>(start + at, (int)Math.Min(Piece, length - at)));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Opens a file.</summary>
    /// <exception cref="BadFileException">It is missing, not readable, no episode file, of another version, or damaged.</exception>
    public static EpisodeFile Open(string path)
    {
        try
        {
            // A pipe, which has no length, would keep whoever opens it waiting.
            string target = File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;
            return Directory.Exists(target) || new FileInfo(target).Length > 0
                ? new EpisodeFile(path)
                : throw NoEpisodeFile(path);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new BadFileException(path, $"it cannot be opened ({problem.Message}); check the path and its permissions", problem);
        }
    }

    /// <summary>Steps of an episode: its actions; it has one more state.</summary>
    public int Steps(int episode) => steps[episode];

    /// <summary>States of an episode, [steps+1, S].</summary>
    public ReadOnlySpan<float> States(int episode) =>
        new ReadOnlySpan<float>(At(episode), (steps[episode] + 1) * Format.StateSize);

    /// <summary>Actions of an episode, [steps, A]; action t leads from state t to state t+1.</summary>
    public ReadOnlySpan<float> Actions(int episode) =>
        new ReadOnlySpan<float>(At(episode) + StateBytes(episode), steps[episode] * Format.ActionSize);

    /// <summary>The mean and standard deviation of all actions.</summary>
    /// <exception cref="BadFileException">An action is infinite.</exception>
    /// <exception cref="ArgumentException">There are fewer than two, or a dimension never changes.</exception>
    public ActionScale ActionScale()
    {
        CheckActions();
        return Data.ActionScale.Of(Enumerable.Range(0, Count)
            .Select(episode => new ReadOnlyMemory<float>(Actions(episode).ToArray())), Format.ActionSize);
    }

    /// <summary>Refuses actions that are infinite; NaN stands for none.</summary>
    /// <exception cref="BadFileException">One is infinite.</exception>
    internal void CheckActions()
    {
        for (int episode = 0; episode < Count; episode++)
        {
            int at = Actions(episode).IndexOfAny(float.PositiveInfinity, float.NegativeInfinity);
            if (at >= 0)
            {
                throw new BadFileException(Path, $"episode {episode}, step {at / Format.ActionSize}: its action "
                    + "holds infinity; record the episodes again");
            }
        }
    }

    /// <summary>One frame, [H, W, 3].</summary>
    /// <exception cref="InvalidOperationException">The file stores no frames.</exception>
    public ReadOnlySpan<byte> Frame(int episode, int step)
    {
        if (!Format.HasFrames)
            throw new InvalidOperationException($"{Path} stores no frames; draw them from its states");
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)step, (uint)steps[episode], nameof(step));
        byte* frames = At(episode) + StateBytes(episode) + 4L * steps[episode] * Format.ActionSize;
        return new ReadOnlySpan<byte>(frames + step * Format.FrameBytes, (int)Format.FrameBytes);
    }

    /// <summary>
    /// Keeps the file where it is until the result is disposed, even if another thread closes it. A mapped file is
    /// first compared with itself as it was opened: a page that is cut off under a reader ends the process.
    /// </summary>
    /// <exception cref="BadFileException">It was written to.</exception>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    internal Stay InUse()
    {
        ObjectDisposedException.ThrowIf(start == null, this);
        if (view is null)
            return default;
        byte* held = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref held);
        var stay = new Stay(view.SafeMemoryMappedViewHandle);
        long now = RandomAccess.GetLength(file.SafeFileHandle);
        if (now == length && File.GetLastWriteTimeUtc(file.SafeFileHandle) == written)
            return stay;
        stay.Dispose();
        throw new BadFileException(Path, $"it was written to while it was in use (it had {length} bytes, now {now}); "
            + "put the old one back, and replace such files by new ones instead of writing to them");
    }

    /// <summary>The time in which the file stays where it is.</summary>
    internal readonly ref struct Stay(SafeMemoryMappedViewHandle? held)
    {
        /// <summary>Ends it.</summary>
        public void Dispose() => held?.ReleasePointer();
    }

    /// <summary>Closes the file; spans taken from it must not be used any more.</summary>
    public void Dispose()
    {
        if (start != null)
        {
            start = null;
            view?.SafeMemoryMappedViewHandle.ReleasePointer();
        }
        view?.Dispose();
        mapping?.Dispose();
        file.Dispose();
    }

    private byte* At(int episode)
    {
        ObjectDisposedException.ThrowIf(start == null, this);
        return start + offsets[episode];
    }

    private long StateBytes(int episode) => 4L * (steps[episode] + 1) * Format.StateSize;

    private static EpisodeHeader ReadHeader(string path, byte* start, long length, out ReadOnlySpan<byte> table)
    {
        var magic = EpisodeHeader.Magic;
        if (length < magic.Length || !new ReadOnlySpan<byte>(start, magic.Length).SequenceEqual(magic))
            throw NoEpisodeFile(path);
        if (length < EpisodeHeader.Bytes)
            throw Damaged(path, $"it ends after {length} bytes, inside the header");
        var bytes = new ReadOnlySpan<byte>(start, EpisodeHeader.Bytes);
        var header = EpisodeHeader.Read(bytes);
        if (header.Version != EpisodeHeader.CurrentVersion)
        {
            throw new BadFileException(path, $"it has version {header.Version} of the episode format, but this program reads version " +
                $"{EpisodeHeader.CurrentVersion}; record the episodes again with this program");
        }
        if (header.FileBytes != length)
            throw Damaged(path, $"it has {length} bytes where its header says {header.FileBytes}");
        // A table has to be one span.
        if (header.Episodes < 0 || header.Episodes > Math.Min((length - EpisodeHeader.Bytes) / 4, int.MaxValue / 4))
            throw Damaged(path, $"{header.Episodes} episodes cannot be in {length} bytes");
        int tableBytes = (int)header.Episodes * 4;
        table = new ReadOnlySpan<byte>(start + length - tableBytes, tableBytes);
        if (header.Checksum != EpisodeHeader.ChecksumOf(bytes, table))
            throw Damaged(path, "its header does not have the checksum it was written with");
        if (!header.Format.IsPossible)
            throw Damaged(path, $"{header.Format} cannot be");
        return header;
    }

    private static long[] FindOffsets(string path, EpisodeFormat format, int[] steps, long end)
    {
        long[] starts = new long[steps.Length];
        long offset = EpisodeHeader.Bytes;
        for (int i = 0; i < steps.Length; i++)
        {
            starts[i] = offset;
            // Spans have 31-bit lengths; one episode's states and actions each must fit.
            long numbers = (steps[i] + 1L) * Math.Max(format.StateSize, format.ActionSize);
            if (steps[i] < 0 || numbers > int.MaxValue || (offset += format.EpisodeBytes(steps[i])) > end)
                throw Damaged(path, $"episode {i} with {steps[i]} steps does not fit");
        }
        if (offset != end)
            throw Damaged(path, $"its episodes end at byte {offset} instead of {end}");
        return starts;
    }

    private static BadFileException NoEpisodeFile(string path) =>
        new(path, "it is no episode file (it does not start with JEPAEPIS); give a file that JepaEngine recorded");

    private static BadFileException Damaged(string path, string what) =>
        new(path, $"it is damaged or cut short: {what}; copy it again or record it again");
}
