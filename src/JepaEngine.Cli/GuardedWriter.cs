using System.Text;

namespace JepaEngine.Cli;

/// <summary>A writer whose fault ends what it writes, not the work: the first one is kept. A reader that is gone is none; the runtime drops what it
/// would have read.</summary>
internal sealed class GuardedWriter(TextWriter inner) : TextWriter(CultureInfo.InvariantCulture)
{
    /// <summary>What went wrong first.</summary>
    public Exception? Fault { get; private set; }

    public override Encoding Encoding => inner.Encoding;

    public override void Write(char value) => Try(() => inner.Write(value));

    public override void Write(string? value) => Try(() => inner.Write(value));

    public override void Write(char[] buffer, int index, int count) => Try(() => inner.Write(buffer, index, count));

    public override void WriteLine(string? value) => Try(() => inner.WriteLine(value));

    public override void Flush() => Try(inner.Flush);

    private void Try(Action write)
    {
        if (Fault is not null)
            return;
        try
        {
            write();
        }
        catch (Exception error)
        {
            Fault = error;
        }
    }
}
