using System.Globalization;

namespace JepaEngine.IO;

/// <summary>Where an output really goes: the end of its links, and what stands there.</summary>
/// <param name="Path">The file, without links.</param>
/// <param name="Old">What stands there; null where nothing does.</param>
/// <param name="Descriptor">The descriptor of this process that it names, as /dev/stdout and /proc/self/fd/1 do; else
/// null.</param>
internal sealed record OutputPlace(string Path, FileFacts? Old, int? Descriptor)
{
    /// <summary>As many links in a row as Linux follows.</summary>
    private const int MaxLinks = 40;

    /// <summary>Whether it is a device, a pipe or a descriptor, which is written to and not replaced.</summary>
    public bool IsThrough => Descriptor is not null || Old?.Kind == PathKind.Other;

    /// <summary>The folder it lies in.</summary>
    public string Folder => System.IO.Path.GetDirectoryName(Path)!;

    /// <summary>Follows a path.</summary>
    /// <exception cref="ArgumentException">It is empty.</exception>
    /// <exception cref="IOException">It is a folder, its links lead in a circle or nowhere, its name is too long or not
    /// UTF-8, or what stands there can neither be written to nor replaced.</exception>
    public static OutputPlace Of(string path)
    {
        if (path.Length == 0)
            throw new ArgumentException("the name of an output is empty; name a file", nameof(path));
        string now = System.IO.Path.GetFullPath(path);
        // What the runtime makes of such bytes, and would write to.
        if (now.Contains('\uFFFD'))
        {
            throw new IOException($"{now}: the name has bytes that are not UTF-8; rename the folder or choose "
                + "another name");
        }
        for (int links = 0; links < MaxLinks; links++)
        {
            string name = System.IO.Path.GetFileName(now);
            if (name.Length == 0)
                throw new IOException($"{path} names a folder; name a file in it");
            if (NativeFile.RealPath(System.IO.Path.GetDirectoryName(now)!) is not { } folder)
            {
                return links == 0
                    ? new OutputPlace(now, null, null)
                    : throw new IOException($"{path} links to {now}, whose folder is not there; make the "
                    + $"folder or remove the link");
            }
            now = System.IO.Path.Combine(folder, name);
            if (IsOfThisProcess(folder) && int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int descriptor))
            {
                return NativeFile.IsGiven(descriptor) ? new OutputPlace(now, null, descriptor)
                    : throw new IOException($"{path}: descriptor {descriptor} was not open for writing when this "
                        + $"command began; open it in the shell ({descriptor}>FILE)");
            }
            FileFacts? facts = NativeFile.Facts(now);
            if (facts?.Kind == PathKind.Folder)
                throw new IOException($"{path} is a folder; name a file in it");
            if (facts?.Kind != PathKind.Link)
            {
                return Obstacle(facts, folder) is { } obstacle ? throw new IOException($"{path}: {obstacle}")
                    : new OutputPlace(now, facts, null);
            }
            now = System.IO.Path.Combine(folder, new FileInfo(now).LinkTarget!);
        }
        throw new IOException($"{path}: its links lead in a circle");
    }

    /// <summary>Why a file cannot be replaced, with what to do; null where nothing is known to be in the way.</summary>
    private static string? Obstacle(FileFacts? facts, string folder)
    {
        if (facts is not { Kind: PathKind.Regular } old)
            return null;
        if (old.IsMount)
            return "a file that is mounted itself cannot be replaced; mount its folder, or write elsewhere and copy";
        if (old.IsFixed)
            return "it may not be changed (lsattr); chattr -ia allows it";
        return NativeFile.MayReplace(old, folder) ? null
            : $"it is another user's, and {folder} lets nobody else replace it; choose another name";
    }

    /// <summary>/proc/PID/fd, or the same of a thread.</summary>
    private static bool IsOfThisProcess(string folder) =>
        folder.StartsWith($"/proc/{Environment.ProcessId}/", StringComparison.Ordinal) && folder.EndsWith("/fd", StringComparison.Ordinal);
}
