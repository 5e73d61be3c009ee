namespace JepaEngine.IO;

/// <summary>A file is not what it should be; the message is one line that names the file, what is wrong, and the mend.</summary>
public sealed class BadFileException : Exception
{
    private const int Longest = 2000;

    /// <summary>A fault of a file.</summary>
    public BadFileException(string path, string fault, Exception? inner = null)
        : base(OneLine($"{path}: {fault}"), inner) => Path = path;

    /// <summary>The file.</summary>
    public string Path { get; }

    // Names come from the file: a line break or an escape sequence among them, or a megabyte, must not reach a
    // terminal or a log.
    private static string OneLine(string message)
    {
        string line = string.Concat(message.Take(Longest).Select(letter => char.IsControl(letter) ? ' ' : letter));
        return message.Length > Longest ? $"{line} ... (cut)" : line;
    }
}
