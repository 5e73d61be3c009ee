using System.Security.Cryptography;

namespace JepaEngine.Cuda.Loading;

/// <summary>
/// Files that end with the SHA-256 of what stands before it, so that what was cut short or changed is seen. A library
/// may be one: the loader looks at nothing behind its end.
/// </summary>
internal static class SealedFile
{
    private const string Unfinished = ".unfinished";

    /// <summary>What a file holds; null where there is none, it is not as it was written, or others could have written
    /// it: a checksum is no signature.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">Likewise.</exception>
    public static byte[]? Read(string path)
    {
        if (!File.Exists(path) || !PrivateFolder.Keeps(path))
            return null;
        byte[] bytes = File.ReadAllBytes(path);
        int length = bytes.Length - SHA256.HashSizeInBytes;
        return length >= 0 && SHA256.HashData(bytes.AsSpan(0, length)).AsSpan().SequenceEqual(bytes.AsSpan(length)) ? bytes[..length] : null;
    }

    /// <summary>Writes a file, whole or not at all, for this user alone; what killed writers left is removed.</summary>
    /// <exception cref="IOException">It cannot be written; an earlier one is intact.</exception>
    /// <exception cref="UnauthorizedAccessException">Likewise.</exception>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        string folder = Path.GetDirectoryName(path)!, unfinished = $"{path}.{Guid.NewGuid():N}{Unfinished}";
        PrivateFolder.Create(folder);
        foreach (string left in Directory.EnumerateFiles(folder, "*" + Unfinished).Where(IsLeft))
            File.Delete(left);
        try
        {
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            using (var file = new FileStream(unfinished, options))
            {
                file.Write(content);
                file.Write(SHA256.HashData(content));
            }
            File.Move(unfinished, path, overwrite: true);
        }
        finally
        {
            File.Delete(unfinished);
        }
    }

    // A second is enough to write one.
    private static bool IsLeft(string path) => File.GetLastWriteTimeUtc(path) < DateTime.UtcNow.AddHours(-1);
}
