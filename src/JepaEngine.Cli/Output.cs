namespace JepaEngine.Cli;

/// <summary>Where a command writes: text for people, or one JSON object a line with <c>--json</c>.</summary>
internal sealed class Output(bool json)
{
    /// <summary>A line for people; nothing with <c>--json</c>.</summary>
    public void Line(string text = "")
    {
        if (!json)
            Console.Out.WriteLine(text);
    }

    /// <summary>Lines for people.</summary>
    public void Lines(IEnumerable<string> lines)
    {
        foreach (string line in lines)
            Line(line);
    }

    /// <summary>An object for programs, as text only with <c>--json</c>: it may name all of a file's tensors.</summary>
    public void Record(JsonObject record)
    {
        if (json)
            Console.Out.WriteLine(record.ToJsonString());
    }

    /// <summary>A line of JSON for programs; nothing without <c>--json</c>.</summary>
    public void Record(string line)
    {
        if (json)
            Console.Out.WriteLine(line);
    }
}
