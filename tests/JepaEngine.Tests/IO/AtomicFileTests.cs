using System.Diagnostics;
using System.IO.Pipes;
using System.Runtime.InteropServices;
using JepaEngine.IO;

namespace JepaEngine.Tests.IO;

public sealed partial class AtomicFileTests : IDisposable
{
    private readonly TemporaryFile temporary = new();

    public void Dispose() => temporary.Dispose();

    [Theory]
    [InlineData("/dev/null")]
    [InlineData("/dev/zero")]
    public void A_device_is_written_to_and_stays(string device)
    {
        Assert.SkipUnless(File.Exists(device), "a device of Linux");
        AtomicFile.Check(device);
        AtomicFile.WriteText(device, "text");
        string link = Link("device", device);
        AtomicFile.WriteText(link, "text");
        Assert.Equal(PathKind.Other, NativeFile.Facts(device)!.Value.Kind);
        Assert.Equal(device, new FileInfo(link).LinkTarget);
        Assert.Empty(Directory.GetFiles("/dev", ".jepa-*"));
    }

    /// <summary>User 1000 may read, the group may not, although the mode shows the mask: 640.</summary>
    [Fact]
    public void An_access_list_is_kept()
    {
        const string name = "system.posix_acl_access";
        (ushort Tag, ushort Rights, uint Id)[] entries =
            [(1, 6, ~0u), (2, 4, 1000), (4, 0, ~0u), (16, 4, ~0u), (32, 0, ~0u)];
        byte[] list = [2, 0, 0, 0, .. entries.SelectMany(entry => (byte[])[.. BitConverter.GetBytes(entry.Tag),
            .. BitConverter.GetBytes(entry.Rights), .. BitConverter.GetBytes(entry.Id)])];
        File.WriteAllText(temporary.Path, "old");
        Assert.SkipUnless(OperatingSystem.IsLinux() && Set(temporary.Path, name, list, list.Length, 0) == 0,
            "a file system with access lists");
        AtomicFile.WriteText(temporary.Path, "new");
        Assert.Equal("new", File.ReadAllText(temporary.Path));
        byte[] kept = new byte[list.Length];
        Assert.Equal(list.Length, Get(temporary.Path, name, kept, kept.Length));
        Assert.Equal(list, kept);
    }

    [LibraryImport("libc", EntryPoint = "setxattr", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Set(string path, string name, byte[] value, nint size, int flags);

    [LibraryImport("libc", EntryPoint = "getxattr", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint Get(string path, string name, byte[] value, nint size);

    [LibraryImport("libc", EntryPoint = "dup")]
    private static partial int Copy(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);

    [Fact]
    public void A_full_device_is_a_fault()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "a device of Linux");
        IOException error = Assert.Throws<IOException>(() => AtomicFile.WriteText("/dev/full", "text"));
        Assert.Contains("No space left", error.Message);
    }

    [Fact]
    public async Task A_pipe_is_written_to_and_stays()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "mkfifo");
        using (Process make = Process.Start("mkfifo", temporary.Path))
            make.WaitForExit();
        AtomicFile.Check(temporary.Path);
        Task<string> read = Task.Factory.StartNew(() => File.ReadAllText(temporary.Path), TestContext.Current.CancellationToken);
        AtomicFile.WriteText(temporary.Path, "through");
        Assert.Equal("through", await read);
        Assert.Equal(PathKind.Other, NativeFile.Facts(temporary.Path)!.Value.Kind);
    }

    [Fact]
    public void A_descriptor_of_this_process_is_written_to_where_it_stands()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "/proc");
        using (var file = new FileStream(temporary.Path, FileMode.Create))
        {
            file.Write("before "u8);
            // The runtime's own is closed on exec and nobody's to name; a copy is as one that a shell opened.
            int own = (int)file.SafeFileHandle.DangerousGetHandle(), given = Copy(own);
            string descriptor = $"/proc/self/fd/{given}";
            AtomicFile.WriteText(descriptor, "one ");
            AtomicFile.WriteText(Link("link", descriptor), "two");
            Assert.Equal(0, Close(given));
            foreach (int other in (int[])[own, given])
            {
                var error = Assert.Throws<IOException>(() => AtomicFile.Check($"/proc/self/fd/{other}"));
                Assert.Contains("was not open for writing", error.Message);
            }
        }
        Assert.Equal("before one two", File.ReadAllText(temporary.Path));
        using var pipe = new AnonymousPipeServerStream(PipeDirection.In, HandleInheritability.Inheritable);
        AtomicFile.WriteText($"/dev/fd/{pipe.ClientSafePipeHandle.DangerousGetHandle()}", "through");
        byte[] bytes = new byte[7];
        pipe.ReadExactly(bytes);
        Assert.Equal("through"u8, bytes);
    }

    [Fact]
    public void A_link_stays_and_what_it_leads_to_is_replaced()
    {
        string folder = Directory.CreateDirectory(Path.Combine(temporary.Folder, "a", "b")).FullName;
        string far = Path.Combine(temporary.Folder, "a", "far");
        Directory.CreateSymbolicLink(Path.Combine(temporary.Folder, "short"), folder);
        // Its dots count from where the folder really lies.
        string link = Path.Combine(temporary.Folder, "short", "link");
        File.CreateSymbolicLink(link, "../far");
        string chain = Link("chain", link);
        foreach (string text in (string[])["of a link to nothing", "of a link"])
        {
            AtomicFile.Check(chain);
            AtomicFile.WriteText(chain, text);
            Assert.Equal(text, File.ReadAllText(far));
            Assert.Null(new FileInfo(far).LinkTarget);
        }
        Assert.Equal("../far", new FileInfo(link).LinkTarget);
        Assert.Equal(link, new FileInfo(chain).LinkTarget);
        Assert.Equal(["a", "chain", "short"], Directory.GetFileSystemEntries(temporary.Folder).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void What_can_be_no_output_is_refused_before_the_work()
    {
        string round = Link("round", "round");
        string nowhere = Link("nowhere", "gone/file");
        Directory.CreateDirectory(temporary.Path);
        foreach ((string path, string message) in new[]
        {
            (round, "links lead in a circle"), (nowhere, "whose folder is not there"), (temporary.Path, "is a folder; name a file in it"),
            (temporary.Path + "/", "names a folder"), ("/", "names a folder"), (Path.Combine(temporary.Folder, new string('n', 256)), "name too long"),
            (Path.Combine(Link("null", "/dev/null"), "x"), "is no folder"),
        })
        {
            Assert.Contains(message, Assert.ThrowsAny<IOException>(() => AtomicFile.Check(path)).Message);
            Assert.ThrowsAny<IOException>(() => AtomicFile.WriteText(path, ""));
        }
        Assert.Equal(["file", "nowhere", "null", "round"], Directory.GetFileSystemEntries(temporary.Folder).Select(Path.GetFileName).Order());
    }

    [Theory]
    [InlineData(0b110_000_000)]
    [InlineData(0b110_110_110)]
    [InlineData(0b100_000_000)]
    public void A_file_keeps_its_mode(int mode)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "modes");
        if (OperatingSystem.IsWindows())
            return;
        File.WriteAllText(temporary.Path, "earlier");
        File.SetUnixFileMode(temporary.Path, (UnixFileMode)mode);
        using (var file = new AtomicFile(temporary.Path))
        {
            string unfinished = Assert.Single(Directory.GetFiles(temporary.Folder, ".jepa-*"));
            Assert.Equal((UnixFileMode)mode, File.GetUnixFileMode(unfinished));
            file.Commit();
        }
        Assert.Equal((UnixFileMode)mode, File.GetUnixFileMode(temporary.Path));
        Assert.Empty(File.ReadAllText(temporary.Path));
    }

    [Fact]
    public void A_new_file_has_the_mode_of_any_new_file()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "modes");
        if (OperatingSystem.IsWindows())
            return;
        File.WriteAllText(temporary.Path, "");
        AtomicFile.WriteText(temporary.Path + "2", "");
        Assert.Equal(File.GetUnixFileMode(temporary.Path), File.GetUnixFileMode(temporary.Path + "2"));
    }

    [Fact]
    public void A_file_of_another_user_stays_theirs()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "only root gives files away");
        File.WriteAllText(temporary.Path, "");
        using (Process give = Process.Start("chown", ["12345:54321", temporary.Path]))
            give.WaitForExit();
        AtomicFile.WriteText(temporary.Path, "later");
        FileFacts facts = NativeFile.Facts(temporary.Path)!.Value;
        Assert.Equal((12345u, 54321u), (facts.Owner, facts.Group));
    }

    [Fact]
    public void Every_legal_name_can_be_written()
    {
        foreach (string name in (string[])[new string('n', 255), new string('ñ', 127), "日本語 \n%s'\"\\", "-", " ", ".hidden"])
        {
            string path = Path.Combine(temporary.Folder, name);
            AtomicFile.Check(path);
            AtomicFile.WriteText(path, name);
            Assert.Equal(name, File.ReadAllText(path));
        }
        Assert.Equal(6, Directory.GetFileSystemEntries(temporary.Folder).Length);
    }

    [Fact]
    public void What_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not()
    {
        string dead = Path.Combine(temporary.Folder, ".jepa-0123456789abcdef.tmp"), other = Path.Combine(temporary.Folder, ".jepa-mine.tmp");
        File.WriteAllText(dead, "dead");
        File.WriteAllText(other, "of a person");
        using var living = new AtomicFile(temporary.Path);
        Assert.False(File.Exists(dead));
        AtomicFile.WriteText(temporary.Path + "2", "2");
        living.Stream.Write("living"u8);
        living.Commit();
        Assert.Equal("living", File.ReadAllText(temporary.Path));
        Assert.Equal([".jepa-mine.tmp", "file", "file2"], Directory.GetFiles(temporary.Folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Many_writers_and_readers_of_one_file_see_whole_ones()
    {
        string[] texts = [.. Enumerable.Range(0, 8).Select(i => new string((char)('a' + i), 10_000 * (i + 1)))];
        AtomicFile.WriteText(temporary.Path, texts[0]);
        Parallel.For(0, 400, i =>
        {
            if (i % 2 == 0)
                AtomicFile.WriteText(temporary.Path, texts[i / 2 % 8]);
            else
                Assert.Contains(File.ReadAllText(temporary.Path), texts);
        });
        Assert.Single(Directory.GetFileSystemEntries(temporary.Folder));
    }

    private string Link(string name, string target)
    {
        string path = Path.Combine(temporary.Folder, name);
        File.CreateSymbolicLink(path, target);
        return path;
    }
}
