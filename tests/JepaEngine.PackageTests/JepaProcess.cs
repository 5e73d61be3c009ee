using System.Diagnostics;

namespace JepaEngine.PackageTests;

/// <summary>The command as a process.</summary>
internal static class JepaProcess
{
    /// <summary>Runs it to its end.</summary>
    public static (int Code, string Output, string Error) Run(params string[] arguments) => Run([], arguments);

    /// <summary>Runs it to its end with environment variables.</summary>
    public static (int Code, string Output, string Error) Run((string Name, string Value)[] variables, params string[] arguments)
    {
        using Process process = Start(variables, arguments);
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output.ReplaceLineEndings("\n"), error.Result.ReplaceLineEndings("\n"));
    }

    /// <summary>Runs it to its end at a terminal of 40 columns; what it says on the error stream goes nowhere.</summary>
    /// <returns>Its exit code and what it shows, without the modes that the runtime sets in any terminal.</returns>
    public static (int Code, string Output) RunAtTerminal(params string[] arguments)
    {
        const string Script = "/usr/bin/script";
        Assert.SkipUnless(File.Exists(Script), "script, of util-linux, gives a program a terminal");
        string quoted = string.Join(' ', arguments.Prepend(Path.Combine(AppContext.BaseDirectory, "jepa.dll")).Select(argument => $"'{argument}'"));
        var start = new ProcessStartInfo(Script, ["-qec", $"stty cols 40; TERM=xterm-256color dotnet {quoted} 2>/dev/null", "/dev/null"])
        {
            UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardInput = true,
        };
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        string shown = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, shown.ReplaceLineEndings("\n").Replace("\e[?1h\e=", "", StringComparison.Ordinal).Replace("\e[?1l\e>", "", StringComparison.Ordinal));
    }

    /// <summary>Runs it and expects that it does its work.</summary>
    /// <returns>What it prints.</returns>
    public static string Works(params string[] arguments)
    {
        (int code, string output, string error) = Run(arguments);
        Assert.True(code == 0, $"exit code {code}: {error}");
        return output;
    }

    /// <summary>Runs it and expects one line and a code.</summary>
    /// <returns>The line.</returns>
    public static string Fails(int expected, params string[] arguments)
    {
        (int code, _, string error) = Run(arguments);
        Assert.True(code == expected, $"exit code {code}, not {expected}: {error}");
        Assert.StartsWith("jepa: ", error);
        Assert.Equal(1, error.Count(letter => letter == '\n'));
        return error;
    }

    public static Process Start(params string[] arguments) => Start([], arguments);

    public static Process Start((string Name, string Value)[] variables, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "jepa.dll"), .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string value) in variables)
            start.Environment[name] = value;
        return Process.Start(start)!;
    }
}
