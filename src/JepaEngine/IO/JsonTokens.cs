using System.Text.Json;

namespace JepaEngine.IO;

/// <summary>
/// Reads a JSON text of a file token by token through a small buffer: a header of 100 MB that is refused at its first fault costs neither its memory nor
/// its time. A byte-order mark is passed over; Python's NaN, Infinity and -Infinity are texts.
/// </summary>
internal sealed class JsonTokens(FileBytes file, long start, long length, int maxDepth)
{
    private byte[] buffer = new byte[1 << 16];
    private bool begun;
    private int used, filled;
    private long fetched;
    private JsonReaderState state = new(new JsonReaderOptions { MaxDepth = maxDepth });

    /// <summary>What some editors put before UTF-8.</summary>
    public static ReadOnlySpan<byte> Mark => [0xEF, 0xBB, 0xBF];

    /// <summary>The kind of the token read last.</summary>
    public JsonTokenType Kind { get; private set; }

    /// <summary>Its text: of a name or string.</summary>
    public string Text { get; private set; } = "";

    /// <summary>Its value, where it is a whole number of 64 bits.</summary>
    public long? Whole { get; private set; }

    /// <summary>How many objects and arrays it lies in.</summary>
    public int Depth { get; private set; }

    /// <summary>The file's byte after it.</summary>
    public long Position => start + fetched - filled + used;

    /// <summary>Goes to the next token.</summary>
    /// <returns>False at the end.</returns>
    /// <exception cref="BadFileException">The text is no JSON, or nested too deeply.</exception>
    public bool Next()
    {
        while (true)
        {
            bool final = fetched == length;
            var reader = new Utf8JsonReader(buffer.AsSpan(used, filled - used), final, state);
            try
            {
                if (reader.Read())
                {
                    Kind = reader.TokenType;
                    Text = Kind is JsonTokenType.PropertyName or JsonTokenType.String ? reader.GetString()! : "";
                    Whole = Kind == JsonTokenType.Number && reader.TryGetInt64(out long number) ? number : null;
                    Depth = reader.CurrentDepth;
                    used += (int)reader.BytesConsumed;
                    state = reader.CurrentState;
                    return true;
                }
            }
            catch (Exception error) when (error is JsonException or InvalidOperationException)
            {
                if (QuoteLiteral())
                    continue;
                throw new BadFileException(file.Path,
                    $"the JSON that should end at byte {start + length} is wrong about byte {Position}: {error.Message}", error);
            }
            if (final)
                return false;
            Fetch();
        }
    }

    /// <summary>Goes to the next token, which has to be of a kind.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="what">What a message says is missing.</param>
    /// <param name="who">The rest of that, which may be long: put together only where it is.</param>
    public void Expect(JsonTokenType kind, string what, string who = "")
    {
        if (!Next() || Kind != kind)
            throw Wrong(what + who);
    }

    /// <summary>Passes over a value of whatever kind.</summary>
    public void Skip()
    {
        if (!Next())
            throw Wrong("a value");
        int depth = Depth;
        if (Kind is JsonTokenType.StartObject or JsonTokenType.StartArray)
            while (Next() && Depth > depth) { }
    }

    /// <summary>What to say where the text is JSON, but not the one that should be there.</summary>
    public BadFileException Wrong(string wanted) => new(file.Path, $"{wanted} is missing before byte {Position}; the file is damaged");

    /// <summary>Makes a text of what Python writes for a number that is not finite, where one stands; it has to fit
    /// where that stood.</summary>
    private bool QuoteLiteral()
    {
        int rest = filled - used - buffer.AsSpan(used, filled - used).TrimStart(" \t\r\n:,"u8).Length;
        ReadOnlySpan<byte> unread = buffer.AsSpan(used + rest, filled - used - rest);
        foreach (string literal in (string[])["NaN", "Infinity", "-Infinity"])
        {
            // It may go on in what is not fetched yet.
            byte[] letters = System.Text.Encoding.ASCII.GetBytes(literal);
            if (unread.Length < letters.Length && letters.AsSpan().StartsWith(unread) && fetched < length)
            {
                Fetch();
                return QuoteLiteral();
            }
            if (!unread.StartsWith(letters))
                continue;
            letters[0] = letters[^1] = (byte)'"';
            letters.CopyTo(buffer, used + rest);
            return true;
        }
        return false;
    }

    private void Fetch()
    {
        buffer.AsSpan(used, filled - used).CopyTo(buffer);
        filled -= used;
        used = 0;
        // Only a token longer than the buffer makes it grow.
        if (filled == buffer.Length)
            Array.Resize(ref buffer, 2 * buffer.Length);
        int count = (int)Math.Min(buffer.Length - filled, length - fetched);
        file.Read(start + fetched, buffer.AsSpan(filled, count));
        filled += count;
        fetched += count;
        if (!begun && buffer.AsSpan(0, filled).StartsWith(Mark))
            used = Mark.Length;
        begun = true;
    }
}
