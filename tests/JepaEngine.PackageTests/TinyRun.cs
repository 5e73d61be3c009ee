namespace JepaEngine.PackageTests;

/// <summary>A run so small that a process trains it in a second.</summary>
internal static class TinyRun
{
    public const int Steps = 40;

    /// <summary>Writes its configuration.</summary>
    /// <param name="folder">Where to.</param>
    /// <param name="train">More of the recipe, as JSON members that end with a comma.</param>
    /// <returns>The file.</returns>
    public static string Config(string folder, string train = "")
    {
        string path = Path.Combine(folder, $"tiny{train.Length}.json");
        File.WriteAllText(path, $$"""
            {
              "model": { "imageSize": 56, "patch": 14, "encoderWidth": 24, "encoderDepth": 1, "encoderHeads": 2, "encoderMlp": 24,
                         "projectorHidden": 16, "embeddingWidth": 16, "predictorDepth": 1 },
              "train": { {{train}} "steps": {{Steps}}, "batch": 4, "slices": 16 }
            }
            """);
        return path;
    }
}
