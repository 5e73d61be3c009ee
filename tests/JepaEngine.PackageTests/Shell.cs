using System.Diagnostics;

namespace JepaEngine.PackageTests;

/// <summary>The command as a line of a shell, which gives it its streams and its limits.</summary>
internal static class Shell
{
    /// <summary>Runs a script in which <c>jepa</c> is the command.</summary>
    public static (int Code, string Output, string Error) Run(string folder, string script)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "bash and /proc");
        string jepa = $"jepa() {{ dotnet '{Path.Combine(AppContext.BaseDirectory, "jepa.dll")}' \"$@\"; }}\n";
        var start = new ProcessStartInfo("bash", ["-c", jepa + script])
        {
            WorkingDirectory = folder, UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }

    /// <summary>Runs a script that ends with a code and says one line of the command's on the error stream.</summary>
    /// <returns>The line.</returns>
    public static string Fails(int code, string folder, string script)
    {
        (int ended, _, string error) = Run(folder, script);
        Assert.True(ended == code, $"exit code {ended}, not {code}: {error}");
        Assert.StartsWith("jepa: ", error);
        Assert.Equal(1, error.Count(letter => letter == '\n'));
        return error;
    }
}
