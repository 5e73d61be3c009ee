namespace JepaEngine.Cli;

/// <summary>Another build's <c>jepa</c> could not be started, or failed.</summary>
internal sealed class BuildException(string message, int code) : Exception(message)
{
    /// <summary>What this process ends with: the build's own code where it has a meaning here.</summary>
    public int Code { get; } = code is > ExitCode.CheckFailed and <= ExitCode.Interrupted ? code : ExitCode.BadInput;
}
