namespace JepaEngine.Cli;

/// <summary>What a model is called in a line of text.</summary>
internal static class ModelName
{
    /// <summary>The released model of these sizes, or the family.</summary>
    public static string Of(IModelConfig config) => config.Family.ReleasedName(config) ?? config.Family.Name;
}
