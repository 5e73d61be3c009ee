using System.Runtime.InteropServices;

namespace JepaEngine.Cuda.Loading;

/// <summary>
/// Tells folders, and files in them, that may be run: this user's own or the system's, which nobody else can write to,
/// replace or lead elsewhere. Looked at on Linux; Windows keeps a user's folders by itself.
/// </summary>
internal static unsafe partial class PrivateFolder
{
    private const int Root = 0, Link = 0xA000, Kind = 0xF000, Sticky = 0x200, OthersWrite = 0x12, MostLinks = 40;

    /// <summary>Makes a folder, and those above it that are missing, for this user alone.</summary>
    /// <exception cref="IOException">It cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">Likewise.</exception>
    public static void Create(string folder)
    {
        if (Directory.Exists(folder))
            return;
        if (Path.GetDirectoryName(folder) is { Length: > 0 } above)
            Create(above);
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(folder);
        else
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>
    /// How others could put files there, and what to do; null where they cannot. Of each folder on the way, and of each
    /// link, the owner is looked at. In a folder that all may write to (/tmp), nobody can replace what is another's.
    /// </summary>
    public static string? Fault(string folder)
    {
        if (!OperatingSystem.IsLinux())
            return null;
        string path = Path.GetFullPath(folder);
        for (int links = 0; links < MostLinks; links++)
        {
            string? link = null;
            foreach (string step in Steps(path))
            {
                if (Look(step) is not { } seen)
                    return null; // What is missing is made for this user alone.
                if (seen.Owner != Root && seen.Owner != UserId())
                    return $"{step} belongs to another user ({seen.Owner})";
                bool isLink = (seen.Mode & Kind) == Link, isShared = (seen.Mode & OthersWrite) != 0;
                if (!isLink && isShared && ((seen.Mode & Sticky) == 0 || step == path))
                    return $"{step} can be written by others (chmod go-w {step})";
                if (!isLink)
                    continue;
                link = step;
                break;
            }
            if (link is null)
                return null;
            string target = Path.GetFullPath(new FileInfo(link).LinkTarget ?? "", Path.GetDirectoryName(link)!);
            path = Path.GetFullPath(target + path[link.Length..]);
        }
        return $"{folder} leads in circles";
    }

    /// <summary>Whether a file in such a folder is private too, and itself no link: it may have been put there with
    /// another mode, or before the folder was private.</summary>
    public static bool Keeps(string file) => !OperatingSystem.IsLinux() || (Look(file) is { } seen
        && (seen.Owner == Root || seen.Owner == UserId())
        && (seen.Mode & Kind) != Link && (seen.Mode & OthersWrite) == 0);

    // The root, then each folder on the way, then the path.
    private static IEnumerable<string> Steps(string path)
    {
        yield return "/";
        for (int end = path.IndexOf('/', 1); end > 0; end = path.IndexOf('/', end + 1))
            yield return path[..end];
        if (path.Length > 1)
            yield return path.TrimEnd('/');
    }

    private static (uint Owner, int Mode)? Look(string path)
    {
        const int here = -100, notFollowed = 0x100, basics = 0x7FF;
        FileStatus status;
        return StatX(here, path, notFollowed, basics, &status) == 0 ? (status.Owner, status.Mode) : null;
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatX(int folder, string path, int flags, uint mask, FileStatus* status);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint UserId();

    // The parts of Linux's struct statx that are asked for; the same on every processor.
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct FileStatus
    {
        [FieldOffset(20)]
        public uint Owner;

        [FieldOffset(28)]
        public ushort Mode;
    }
}
