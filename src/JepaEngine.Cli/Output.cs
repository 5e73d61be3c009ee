namespace JepaEngine.Cli;

/// <summary>Where a command writes: text for people, or one JSON object a line with <c>--json</c>. A closed pipe ends the output, not the work.</summary>
internal sealed class Output(bool json)
{
    private bool closed;

    /// <summary>A line for people; nothing with <c>--json</c>.</summary>
    public void Line(string text = "")
    {
        if (!json)
            Write(text);
    }

    /// <summary>Lines for people.</summary>
    public void Lines(IEnumerable<string> lines)
    {
        foreach (string line in lines)
            Line(line);
    }

    /// <summary>A line of JSON for programs; nothing without <c>--json</c>.</summary>
    public void Record(string line)
    {
        if (json)
            Write(line);
    }

    private void Write(string text)
    {
        if (closed)
            return;
        try
        {
            Console.Out.WriteLine(text);
        }
        catch (IOException)
        {
            closed = true;
        }
    }
}
