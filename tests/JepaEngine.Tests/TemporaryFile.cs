namespace JepaEngine.Tests;

/// <summary>A path nothing is at, in a folder that goes with it.</summary>
internal sealed class TemporaryFile : IDisposable
{
    public TemporaryFile() => Folder = Directory.CreateTempSubdirectory("jepa-test-").FullName;

    public string Folder { get; }

    public string Path => System.IO.Path.Combine(Folder, "file");

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
