using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace JepaEngine.IO;

/// <summary>What stands at a path.</summary>
internal enum PathKind { Regular, Folder, Link, Other }

/// <summary>What a file is besides its bytes.</summary>
/// <param name="Kind">File, folder, link or something else.</param>
/// <param name="Mode">Who may do what.</param>
/// <param name="Owner">The user's number.</param>
/// <param name="Group">The group's number.</param>
/// <param name="IsMount">Whether it is where something is mounted.</param>
/// <param name="IsFixed">Whether nobody may change or replace it: chattr +i, +a.</param>
internal readonly record struct FileFacts(
    PathKind Kind, UnixFileMode Mode, uint Owner, uint Group, bool IsMount = false, bool IsFixed = false);

/// <summary>What the runtime's own files cannot do: say what stands at a path, give a file to its owner, and report
/// that the disk failed.</summary>
internal static unsafe partial class NativeFile
{
    private const int Interrupted = 4, NoEntry = 2, NotFolder = 20, Invalid = 22, NotSupported = 95, NotThere = 38;

    /// <summary>What stands at a path, a link being itself; null where nothing does.</summary>
    /// <exception cref="IOException">That cannot be said: a name is too long, a folder may not be searched.</exception>
    public static FileFacts? Facts(string path)
    {
        if (!OperatingSystem.IsLinux())
            return ManagedFacts(path);
        const int here = -100, linkItself = 0x100;
        const uint wanted = 0x1B;
        if (Stat(here, path, linkItself, wanted, out StatBuffer found) != 0)
        {
            return Marshal.GetLastPInvokeError() is NoEntry or NotFolder
                ? null
                : throw new IOException($"{path}: {Marshal.GetLastPInvokeErrorMessage()}");
        }
        PathKind kind = (found.Mode >> 12) switch { 8 => PathKind.Regular, 4 => PathKind.Folder, 10 => PathKind.Link, _ => PathKind.Other };
        const ulong fixedOrAppended = 0x30, mountRoot = 0x2000;
        return new FileFacts(kind, (UnixFileMode)(found.Mode & 0xFFF), found.Owner, found.Group,
            (found.Attributes & mountRoot) != 0, (found.Attributes & fixedOrAppended) != 0);
    }

    /// <summary>Whether this user may replace a file: in a sticky folder only its owner and the folder's may.</summary>
    public static bool MayReplace(FileFacts file, string folder)
    {
        if (!OperatingSystem.IsLinux() || Facts(folder) is not { } place || !place.Mode.HasFlag(UnixFileMode.StickyBit))
            return true;
        uint user = EffectiveUser();
        return user == 0 || user == file.Owner || user == place.Owner;
    }

    /// <summary>Whether a descriptor was given to this process, for writing. The runtime's own are closed on
    /// exec.</summary>
    public static bool IsGiven(int descriptor)
    {
        const int getFlags = 1, closedOnExec = 1, getStatus = 3, accessMode = 3;
        int flags = Control(descriptor, getFlags);
        return flags >= 0 && (flags & closedOnExec) == 0 && (Control(descriptor, getStatus) & accessMode) != 0;
    }

    /// <summary>An existing path without links and dots; null where that cannot be said.</summary>
    public static string? RealPath(string path)
    {
        if (OperatingSystem.IsWindows())
            return Directory.Exists(path) ? Path.GetFullPath(path) : null;
        nint real = Resolve(path, 0);
        string? text = Marshal.PtrToStringUTF8(real);
        NativeMemory.Free((void*)real);
        return text;
    }

    /// <summary>Gives a file the owner, the group, the mode and the access list of another, as far as this user
    /// may.</summary>
    public static void Give(SafeFileHandle file, FileFacts facts, string path)
    {
        if (OperatingSystem.IsWindows())
            return;
        if (OperatingSystem.IsLinux() && ChangeOwner(file, facts.Owner, facts.Group) != 0)
            _ = ChangeOwner(file, uint.MaxValue, facts.Group);
        _ = ChangeMode(file, (uint)facts.Mode);
        if (!OperatingSystem.IsLinux())
            return;
        // Where there is a list, the mode's middle is its mask and not what the group may do.
        const string accessList = "system.posix_acl_access";
        const UnixFileMode ownersOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        byte[] list = new byte[1 << 16];
        nint length = GetAttribute(path, accessList, list, list.Length);
        if (length > 0 && SetAttribute(file, accessList, list, length, 0) != 0)
            _ = ChangeMode(file, (uint)(facts.Mode & ownersOnly));
    }

    /// <summary>Waits until a file's bytes are on the disk. The runtime's own call is silent where the disk
    /// fails.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    public static void Sync(FileStream file, string path)
    {
        file.Flush(flushToDisk: OperatingSystem.IsWindows());
        if (!OperatingSystem.IsWindows())
            Check(() => SyncFile(file.SafeFileHandle), path);
    }

    /// <summary>Waits until a folder's names are on the disk. A folder that may be written but not read cannot be
    /// waited for.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    public static void SyncFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
            return;
        const int closedOnExec = 0x80000, macClosedOnExec = 0x1000000;
        using var handle = new SafeFileHandle(Open(folder, OperatingSystem.IsLinux() ? closedOnExec : macClosedOnExec), ownsHandle: true);
        if (!handle.IsInvalid)
            Check(() => SyncFile(handle), folder);
    }

    private static void Check(Func<int> sync, string path)
    {
        while (sync() != 0)
        {
            switch (Marshal.GetLastPInvokeError())
            {
                case Interrupted:
                    continue;
                // Pipes, terminals and some network folders have nothing to wait for.
                case Invalid or NotSupported or NotThere:
                    return;
                default:
                    throw new IOException($"{path}: the disk did not take it ({Marshal.GetLastPInvokeErrorMessage()}); "
                        + "look at the system's log and the free space, then try again or write elsewhere");
            }
        }
    }

    /// <summary>Other systems name their devices: /dev/..., \\.\...</summary>
    private static FileFacts? ManagedFacts(string path)
    {
        var info = new FileInfo(path);
        if ((int)info.Attributes == -1)
            return null;
        PathKind kind = info.LinkTarget is not null ? PathKind.Link
            : info.Attributes.HasFlag(FileAttributes.Directory) ? PathKind.Folder
            : path.StartsWith("/dev/", StringComparison.Ordinal) || path.StartsWith(@"\\.\", StringComparison.Ordinal) ? PathKind.Other
            : PathKind.Regular;
        return new FileFacts(kind, OperatingSystem.IsWindows() ? default : info.UnixFileMode, 0, 0);
    }

    /// <summary>Linux's struct statx.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct StatBuffer
    {
        [FieldOffset(8)] public ulong Attributes;
        [FieldOffset(20)] public uint Owner;
        [FieldOffset(24)] public uint Group;
        [FieldOffset(28)] public ushort Mode;
    }

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Stat(int folder, string path, int flags, uint wanted, out StatBuffer found);

    [LibraryImport("libc", EntryPoint = "realpath", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint Resolve(string path, nint buffer);

    [LibraryImport("libc", EntryPoint = "fchown")]
    private static partial int ChangeOwner(SafeFileHandle file, uint owner, uint group);

    [LibraryImport("libc", EntryPoint = "fchmod")]
    private static partial int ChangeMode(SafeFileHandle file, uint mode);

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Control(int descriptor, int command);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint EffectiveUser();

    [LibraryImport("libc", EntryPoint = "getxattr", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint GetAttribute(string path, string name, byte[] value, nint size);

    [LibraryImport("libc", EntryPoint = "fsetxattr", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetAttribute(SafeFileHandle file, string name, byte[] value, nint size, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int SyncFile(SafeFileHandle file);
}
