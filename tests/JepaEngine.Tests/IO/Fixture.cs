namespace JepaEngine.Tests.IO;

/// <summary>The files that other libraries wrote; see Fixtures/files/make_file_fixtures.py.</summary>
internal static class Fixture
{
    public static string Of(string name) => Path.Combine(AppContext.BaseDirectory, "Fixtures", "files", name);
}
