using System.Runtime.InteropServices;

namespace JepaEngine.Cuda.Loading;

/// <summary>
/// Finds programs on the search path alone, in its folders that are named in full: the system and .NET also look into
/// the current folder, where a data set may have brought a program of its own.
/// </summary>
internal static partial class ProgramPath
{
    private static readonly string[] Endings = OperatingSystem.IsWindows() ? ["", ".exe"] : [""];

    /// <summary>The full path of a program; null where there is none.</summary>
    /// <param name="program">A name, which is looked for on the search path, or a path, which is taken as it
    /// is.</param>
    /// <param name="folders">The search path; null for the environment's.</param>
    public static string? Find(string program, string? folders = null)
    {
        if (Path.GetFileName(program) != program)
            return IsProgram(program) ? Path.GetFullPath(program) : null;
        return (folders ?? Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .Where(folder => Path.IsPathFullyQualified(folder))
            .SelectMany(folder => Endings.Select(ending => Path.Combine(folder, program + ending)))
            .FirstOrDefault(IsProgram);
    }

    /// <summary>Whether this user may run it: bits for others do not count.</summary>
    private static bool IsProgram(string path)
    {
        const int run = 1;
        return File.Exists(path) && (OperatingSystem.IsWindows() || Access(path, run) == 0);
    }

    [LibraryImport("libc", EntryPoint = "access", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Access(string path, int mode);
}
