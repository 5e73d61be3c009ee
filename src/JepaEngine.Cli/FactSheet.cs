namespace JepaEngine.Cli;

/// <summary>Facts, each entered once: aligned lines for people, or one JSON object.</summary>
internal sealed class FactSheet
{
    private readonly List<(string Name, string Text)> lines = [];
    private readonly JsonObject json = [];

    /// <summary>Enters a fact.</summary>
    /// <param name="name">What people see before it; without text only programs see it.</param>
    /// <param name="text">For people.</param>
    /// <param name="key">Its key in the object; without one only people see it.</param>
    /// <param name="value">For programs.</param>
    public void Add(string name, string? text, string? key, JsonNode? value)
    {
        if (text is not null)
            lines.Add((name, text));
        if (key is not null)
            json.Add(key, value);
    }

    /// <summary>As <see cref="Add(string, string?, string?, JsonNode?)"/>, where the key is the name.</summary>
    public void Add(string name, string? text, JsonNode? value) => Add(name, text, name, value);

    /// <summary>Writes all.</summary>
    public void Write(Output output)
    {
        int width = lines.Max(line => line.Name.Length);
        foreach ((string name, string text) in lines)
            output.Line($"{name.PadRight(width)}  {text}");
        output.Record(json);
    }
}
