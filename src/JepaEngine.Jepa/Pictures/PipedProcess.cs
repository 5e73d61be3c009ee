using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using JepaEngine.Cuda.Loading;

namespace JepaEngine.Jepa.Pictures;

/// <summary>A program whose output is read through a pipe. Whoever waits for it waits for a limited time: then it is
/// killed with all that it started. Of what it says on the error stream the end is kept.</summary>
internal sealed class PipedProcess : IDisposable
{
    private const int KeptErrors = 4096;

    private readonly Process process;
    private readonly TimeSpan limit;
    private readonly Stream output;
    private readonly Thread listener;
    private readonly byte[] errors = new byte[KeptErrors];
    private int errorCount;
    private volatile bool tooSlow;

    /// <summary>Starts a program: a path, or a name on the search path.</summary>
    /// <exception cref="Win32Exception">There is no such program.</exception>
    public PipedProcess(string program, IEnumerable<string> arguments, TimeSpan limit)
    {
        this.limit = limit;
        const int noSuchFile = 2;
        var start = new ProcessStartInfo(ProgramPath.Find(program) ?? throw new Win32Exception(noSuchFile), arguments)
        {
            UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        process = Process.Start(start)!;
        process.StandardInput.Close();
        output = process.StandardOutput.BaseStream;
        listener = new Thread(Listen) { IsBackground = true, Name = "jepa stderr" };
        listener.Start();
    }

    /// <summary>Reads until the buffer is full or the output ends, and returns how many bytes came.</summary>
    /// <exception cref="TimeoutException">It took longer than the limit.</exception>
    public int Read(Span<byte> buffer)
    {
        using Timer alarm = Alarm();
        int count = output.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
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

    private Timer Alarm() => new(_ =>
    {
        tooSlow = true;
        Kill();
    }, null, limit, Timeout.InfiniteTimeSpan);

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
        byte[] buffer = new byte[KeptErrors];
        Stream stream = process.StandardError.BaseStream;
        try
        {
            for (int count; (count = stream.Read(buffer)) > 0;)
            {
                int kept = Math.Min(errorCount, KeptErrors - count);
                errors.AsSpan(errorCount - kept, kept).CopyTo(errors);
                buffer.AsSpan(0, count).CopyTo(errors.AsSpan(kept));
                errorCount = kept + count;
            }
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            // Killed and disposed.
        }
    }
}
