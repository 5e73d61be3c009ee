namespace JepaEngine.IO;

/// <summary>A file is not what it should be; the message is one line that names the file, what is wrong, and the mend.</summary>
public sealed class BadFileException : Exception
{
    /// <summary>A fault of a file.</summary>
    public BadFileException(string path, string fault, Exception? inner = null)
        : base(OneLine($"{path}: {fault}"), inner) => Path = path;

    /// <summary>The file.</summary>
    public string Path { get; }

    // Names come from the file: a line break or an escape sequence among them must not reach a terminal or a log, nor may
    // a name of a megabyte. The mend stands at the end.
    private static string OneLine(string message)
    {
        const int most = 2000, end = 500;
        string cut = message.Length <= most ? message : $"{message[..(most - end)]} ... {message[^end..]}";
        return string.Concat(cut.Select(letter => char.IsControl(letter) ? ' ' : letter));
    }
}
