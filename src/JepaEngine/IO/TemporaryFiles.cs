using System.Globalization;

namespace JepaEngine.IO;

/// <summary>
/// Unfinished files, beside what they will replace. Each is locked while its maker lives; one that nobody holds is left of a killed process and is
/// removed by whoever makes the next one in its folder.
/// </summary>
internal static class TemporaryFiles
{
    private const string Prefix = ".jepa-", Suffix = ".tmp";

    /// <summary>Makes one. Its lock is a shared one, so that nobody is kept from reading it once it has its
    /// name.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written.</exception>
    public static FileStream Create(string folder, UnixFileMode? mode = null)
    {
        const int attempts = 3;
        RemoveDead(folder);
        for (int attempt = 1; ; attempt++)
        {
            var options = new FileStreamOptions
            {
                Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Share = FileShare.Read | FileShare.Delete, BufferSize = 1 << 16,
            };
            if (!OperatingSystem.IsWindows())
                options.UnixCreateMode = mode;
            try
            {
                var stream = new FileStream(Path.Combine(folder, $"{Prefix}{Random.Shared.NextInt64():x16}{Suffix}"), options);
                if (File.Exists(stream.Name))
                    return stream;
                // Somebody took it for dead between its making and its lock.
                stream.Dispose();
            }
            catch (IOException) when (attempt < attempts)
            {
                // As above, but before the lock.
            }
        }
    }

    private static void RemoveDead(string folder)
    {
        try
        {
            foreach (string path in Directory.EnumerateFiles(folder, $"{Prefix}*{Suffix}").Where(IsOurs))
                RemoveIfDead(path);
        }
        catch (UnauthorizedAccessException)
        {
            // Written but not read: what lies there cannot be known.
        }
    }

    /// <summary>Whether a name has what the maker puts between prefix and suffix: 16 hexadecimal digits.</summary>
    private static bool IsOurs(string path)
    {
        ReadOnlySpan<char> digits = Path.GetFileName(path.AsSpan())[Prefix.Length..^Suffix.Length];
        return digits.Length == 16 && ulong.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out _);
    }

    private static void RemoveIfDead(string path)
    {
        try
        {
            if (NativeFile.Facts(path)?.Kind == PathKind.Regular)
                new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose).Dispose();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Its maker lives, or is another user.
        }
    }
}
