namespace JepaEngine.IO;

/// <summary>A file is not what it should be; the message is one line that names the file, what is wrong, and the mend.</summary>
public sealed class BadFileException : Exception
{
    /// <summary>A fault of a file.</summary>
    public BadFileException(string path, string fault, Exception? inner = null) : base($"{path}: {fault}", inner)
    {
        Path = path;
    }

    /// <summary>The file.</summary>
    public string Path { get; }
}
