namespace JepaEngine.Cli;

/// <summary>Layouts as the command line names them.</summary>
internal static class LayoutName
{
    private static readonly (string Name, ModelLayout Layout)[] Names =
        [("original", ModelLayout.Original), ("hf", ModelLayout.HuggingFace), ("jepa", ModelLayout.JepaEngine)];

    /// <summary>A layout's name.</summary>
    public static string Of(ModelLayout layout) => Names.Single(known => known.Layout == layout).Name;

    /// <summary>The layout of a name.</summary>
    /// <exception cref="UsageException">There is none.</exception>
    public static ModelLayout Parse(string name) => Names.FirstOrDefault(known => known.Name == name) is ({ }, var layout)
        ? layout
        : throw new UsageException($"--layout is '{name}'; it is original, hf or jepa");
}
