using System.Buffers;
using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using JepaEngine.Cuda.Loading;

namespace JepaEngine.Jepa.Pictures;

/// <summary>A program whose output is read through a pipe. Whoever waits for it waits as long as it gives signs of life:
/// when it has been silent for the limit it is killed with all that it started. Of what it says on the error stream the
/// end is kept, without ffmpeg's lines of progress, which are such a sign.</summary>
internal sealed class PipedProcess : IDisposable
{
    private const int KeptErrors = 4096;

    private static readonly SearchValues<byte> NameLetters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyz_0123456789"u8);

    private readonly Process process;
    private readonly TimeSpan limit;
    private readonly Stream output;
    private readonly Thread listener;
    private readonly byte[] errors = new byte[KeptErrors];
    private int errorCount;
    private long heard;
    private volatile bool tooSlow;

    /// <summary>Starts a program: a path, or a name on the search path.</summary>
    /// <exception cref="Win32Exception">There is no such program.</exception>
    /// <param name="program">The program.</param>
    /// <param name="arguments">What it is told.</param>
    /// <param name="limit">How long it may be silent.</param>
    /// <param name="input">What it reads from its standard input.</param>
    public PipedProcess(string program, IEnumerable<string> arguments, TimeSpan limit, byte[]? input = null)
    {
        this.limit = limit;
        const int noSuchFile = 2;
        var start = new ProcessStartInfo(ProgramPath.Find(program) ?? throw new Win32Exception(noSuchFile), arguments)
        {
            UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        process = Process.Start(start)!;
        if (input is null)
            process.StandardInput.Close();
        else
            new Thread(() => Feed(input)) { IsBackground = true, Name = "jepa stdin" }.Start();
        output = process.StandardOutput.BaseStream;
        listener = new Thread(Listen) { IsBackground = true, Name = "jepa stderr" };
        listener.Start();
    }

    /// <summary>Reads until the buffer is full or the output ends, and returns how many bytes came.</summary>
    /// <exception cref="TimeoutException">It took longer than the limit.</exception>
    public int Read(Span<byte> buffer)
    {
        using Timer alarm = Alarm();
        int count = 0;
        for (int more; count < buffer.Length && (more = output.Read(buffer[count..])) > 0; count += more)
            Hear();
        ThrowIfTooSlow();
        return count;
    }

    /// <summary>Waits for the end, which has to come now that the output has ended.</summary>
    /// <returns>The exit code.</returns>
    /// <exception cref="TimeoutException">It took longer than the limit.</exception>
    public int Finish()
    {
        using Timer alarm = Alarm();
        process.WaitForExit();
        listener.Join();
        ThrowIfTooSlow();
        return process.ExitCode;
    }

    /// <summary>The end of the error stream; complete after <see cref="Finish"/>.</summary>
    public string Errors => Encoding.UTF8.GetString(errors, 0, errorCount);

    /// <summary>Its last line.</summary>
    public string LastError => Errors
        .Split(['\n', '\r'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault("it gave no reason");

    /// <summary>Kills it if it still runs.</summary>
    public void Dispose()
    {
        Kill();
        process.WaitForExit();
        process.Dispose();
    }

    private Timer Alarm()
    {
        Hear();
        Timer? alarm = null;
        alarm = new Timer(_ => Check(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        alarm.Change(limit, Timeout.InfiniteTimeSpan);
        return alarm;

        void Check()
        {
            TimeSpan left = limit - Stopwatch.GetElapsedTime(Volatile.Read(ref heard));
            try
            {
                if (left > TimeSpan.Zero && alarm!.Change(left + TimeSpan.FromMilliseconds(1), Timeout.InfiniteTimeSpan))
                    return;
            }
            catch (ObjectDisposedException)
            {
                // What was waited for has come.
                return;
            }
            tooSlow = true;
            Kill();
        }
    }

    private void Hear() => Volatile.Write(ref heard, Stopwatch.GetTimestamp());

    private void Feed(byte[] input)
    {
        try
        {
            using Stream stream = process.StandardInput.BaseStream;
            stream.Write(input);
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // It has ended, or has what it needs.
        }
    }

    private void ThrowIfTooSlow()
    {
        if (tooSlow)
            throw new TimeoutException($"it was silent for {limit.TotalSeconds:0.#} s");
    }

    private void Kill()
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (Exception error) when (error is InvalidOperationException or Win32Exception or AggregateException)
        {
            // It has ended meanwhile.
        }
    }

    // An error stream that nobody reads would stop the program once the pipe is full.
    private void Listen()
    {
        byte[] buffer = new byte[KeptErrors], line = new byte[KeptErrors];
        int length = 0;
        Stream stream = process.StandardError.BaseStream;
        try
        {
            for (int count; (count = stream.Read(buffer)) > 0;)
            {
                Hear();
                foreach (byte letter in buffer.AsSpan(0, count))
                {
                    line[length++] = letter;
                    if (letter == '\n' || length == line.Length)
                        Keep(line.AsSpan(0, length), ref length);
                }
            }
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            // Killed and disposed.
        }
        Keep(line.AsSpan(0, length), ref length);
    }

    private void Keep(ReadOnlySpan<byte> line, ref int length)
    {
        length = 0;
        if (IsProgress(line))
            return;
        int kept = Math.Min(errorCount, KeptErrors - line.Length);
        errors.AsSpan(errorCount - kept, kept).CopyTo(errors);
        line.CopyTo(errors.AsSpan(kept));
        errorCount = kept + line.Length;
    }

    /// <summary>As "frame=12", "out_time_us=N/A" or "progress=continue": a name in small letters, and one
    /// word.</summary>
    private static bool IsProgress(ReadOnlySpan<byte> line)
    {
        int sign = line.IndexOf((byte)'=');
        return sign > 0 && !line[..sign].ContainsAnyExcept(NameLetters)
            && line[(sign + 1)..].Trim(" \n\r"u8).IndexOf((byte)' ') < 0;
    }
}
