using System.Text;
using JepaEngine.Jepa.Training;

namespace JepaEngine.Jepa.Runs;

/// <summary>A run's log in the making: each step once. It is best effort: lines that cannot be written wait, and go out
/// with the next one that can.</summary>
internal sealed class RunLog(string path) : IDisposable
{
    private readonly StringBuilder waiting = new();
    private FileStream? file;
    private int? kept;

    // Up to here the file holds whole lines.
    private long end;

    /// <summary>Why the latest line is not in the file; null where it is.</summary>
    public string? Fault { get; private set; }

    /// <summary>From here on steps go to the file, behind those that it holds up to <paramref name="step"/>.</summary>
    public void Open(int step)
    {
        kept = step;
        Flush();
    }

    /// <summary>Gives the lines that wait to another file, which will take the log's place.</summary>
    public string Drain()
    {
        string lines = waiting.ToString();
        waiting.Clear();
        return lines;
    }

    /// <summary>Adds a step.</summary>
    public void Add(TrainStep step)
    {
        waiting.Append(step.ToJson()).Append('\n');
        Flush();
    }

    /// <summary>Closes the file; half a line is cut off.</summary>
    public void Dispose()
    {
        Flush();
        if (file is not null && file.Length > end)
            file.SetLength(end);
        file?.Dispose();
    }

    private void Flush()
    {
        if (kept is not { } step)
            return;
        try
        {
            if (file is null)
            {
                RunFolder.Cut(path, step);
                file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, 0);
                end = file.Length;
            }
            // Whoever cuts the file meanwhile loses its lines, and gets no hole in their place.
            file.Position = end = Math.Min(end, file.Length);
            file.Write(Encoding.UTF8.GetBytes(waiting.ToString()));
            end = file.Position;
            waiting.Clear();
            Fault = null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or BadFileException)
        {
            Fault = error.Message;
        }
    }
}
