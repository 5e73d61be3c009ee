using System.ComponentModel;

namespace JepaEngine.Cli;

/// <summary>A build's <c>jepa bench</c> that is paced from here. Killed with all it started when this ends before it does.</summary>
internal sealed class BuildProcess : IDisposable
{
    /// <summary>Longer than a runtime needs to start on a busy machine.</summary>
    private static readonly TimeSpan LongestStart = TimeSpan.FromMinutes(2);

    private readonly string path;
    private readonly Process process;
    private readonly Task<string> errors;

    /// <summary>Starts it.</summary>
    /// <param name="path">A folder with jepa.dll or jepa, or such a file.</param>
    /// <param name="arguments">Of the command.</param>
    /// <exception cref="BadFileException">There is no such build.</exception>
    /// <exception cref="BuildException">It cannot be started.</exception>
    public BuildProcess(string path, IEnumerable<string> arguments)
    {
        this.path = path;
        try
        {
            process = OwnProcess.Start(Find(path), arguments);
        }
        catch (Win32Exception error)
        {
            throw new BuildException($"{path} cannot be started: {error.Message}", 0);
        }
        Turns = new TurnHost(process.StandardInput, process.StandardOutput);
        errors = process.StandardError.ReadToEndAsync();
    }

    /// <summary>Its turns.</summary>
    public TurnHost Turns { get; }

    /// <summary>Whether a name is a results file's; any other is a build's.</summary>
    public static bool IsResults(string path) => path.EndsWith(".jsonl", StringComparison.OrdinalIgnoreCase);

    /// <summary>Waits until it asks for its first turn.</summary>
    /// <exception cref="BuildException">It does not.</exception>
    public async Task Ready(CancellationToken cancellation)
    {
        try
        {
            await Turns.Listen(cancellation).WaitAsync(LongestStart, cancellation);
        }
        catch (TimeoutException)
        {
            throw new BuildException($"{path} did not ask for its first turn within {LongestStart.TotalMinutes:0} minutes; is it a build of jepa that 'compare' can pace?", 0);
        }
    }

    /// <summary>Its results, and what it says of rows that it could not measure.</summary>
    /// <exception cref="BuildException">It failed.</exception>
    public async Task<(BenchFile Results, string[] Faults)> Finish(CancellationToken cancellation)
    {
        (int code, string[] said) = await Exit(cancellation);
        if (code is ExitCode.Ok or ExitCode.CheckFailed && Turns.Lines.Count > 0 && !Turns.Asks)
            return (BenchFile.Parse(Turns.Lines), [.. said.Select(line => $"{path}: {line}")]);
        string reason = said.FirstOrDefault("it gave no reason");
        throw new BuildException($"{path} ended with exit code {code}: {reason}", code);
    }

    /// <summary>Its exit code and the lines it wrote to the error stream, once it has ended.</summary>
    public async Task<(int Code, string[] Said)> Exit(CancellationToken cancellation)
    {
        await process.WaitForExitAsync(cancellation);
        return (process.ExitCode, OwnProcess.Complaints(await errors));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (Exception error) when (error is InvalidOperationException or Win32Exception or AggregateException)
        {
            // It has ended meanwhile.
        }
        process.Dispose();
    }

    private static string Find(string path)
    {
        if (File.Exists(path))
            return Path.GetFullPath(path);
        if (!Directory.Exists(path))
            throw new BadFileException(path, "there is no such build or results file; a results file's name ends in .jsonl");
        return ((IEnumerable<string>)["jepa.dll", "jepa", "jepa.exe"]).Select(name => Path.GetFullPath(name, Path.GetFullPath(path))).FirstOrDefault(File.Exists)
            ?? throw new BadFileException(path, "it holds no jepa.dll and no jepa; name what 'dotnet build' made, as src/JepaEngine.Cli/bin/Release/net10.0");
    }
}
