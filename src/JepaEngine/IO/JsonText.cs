using System.Text;
using System.Text.RegularExpressions;

namespace JepaEngine.IO;

/// <summary>JSON as Python and editors write it: in UTF-8 or with a byte-order mark, and with NaN and
/// Infinity.</summary>
public static partial class JsonText
{
    private const long MaxBytes = 16 << 20;

    /// <summary>The text of a JSON file, as <see cref="Plain"/> makes it.</summary>
    /// <exception cref="BadFileException">It is missing, larger than 16 MiB, or its bytes are no text.</exception>
    public static string ReadFile(string path)
    {
        try
        {
            // A pipe that stands somewhere may keep its reader waiting; one of this process (<(...), /dev/stdin) ends.
            OutputPlace place = OutputPlace.Of(path);
            if (place.IsThrough && place.Descriptor is null)
                throw new BadFileException(path, "it is a device or a pipe; give a regular file");
            var strict = new UTF8Encoding(false, throwOnInvalidBytes: true);
            using var reader = new StreamReader(path, strict, detectEncodingFromByteOrderMarks: true);
            var text = new StringBuilder();
            char[] piece = new char[1 << 14];
            // Counted as it comes: a device says it has no length.
            for (int read; (read = reader.Read(piece)) > 0; text.Append(piece, 0, read))
                if (text.Length > MaxBytes)
                    throw new BadFileException(path, $"a configuration of more than {MaxBytes >> 20} MiB is none");
            return Plain(text.ToString());
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or DecoderFallbackException)
        {
            throw new BadFileException(path, "it cannot be read: " + error.Message.ReplaceLineEndings(" "), error);
        }
    }

    /// <summary>JSON in which NaN, Infinity and -Infinity, which Python writes for numbers, are the texts of these
    /// names.</summary>
    public static string Plain(string json) => StringOrLiteral().Replace(json, match => match.Value[0] == '"' ? match.Value : $"\"{match.Value}\"");

    // A string is passed over whole; one that does not end reaches to the end, so that each letter is looked at once.
    [GeneratedRegex(@"""(?:[^""\\]|\\.)*""?|-?Infinity|NaN")]
    private static partial Regex StringOrLiteral();
}
