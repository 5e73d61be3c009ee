using System.Security.Cryptography;
using System.Text;

namespace JepaEngine.Jepa.Models;

/// <summary>The config.json of a folder that this engine writes. It and the weights are two files, and a process may be
/// killed between them. So the weights, which come first, carry the text that goes with them and the checksum of the one
/// it replaces: a folder whose config.json still is that one counts as if the new one stood there.</summary>
internal static class FolderConfig
{
    private const string Text = "jepa_config_json", Replaced = "jepa_config_replaced", None = "none";

    /// <summary>What the weights carry.</summary>
    public static Dictionary<string, string> Notes(string path, string text) => new() { [Text] = text, [Replaced] = Checksum(path) };

    /// <summary>What is to be read in place of config.json; null where that one counts.</summary>
    public static byte[]? Pending(TensorFile weights, string path) =>
        weights.Metadata.TryGetValue(Text, out string? text) && weights.Metadata.GetValueOrDefault(Replaced) == Checksum(path)
            ? Encoding.UTF8.GetBytes(text)
            : null;

    private static string Checksum(string path)
    {
        if (!File.Exists(path))
            return None;
        try
        {
            using FileStream file = File.OpenRead(path);
            return Convert.ToHexStringLower(SHA256.HashData(file));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new BadFileException(path, "it cannot be read: " + error.Message, error);
        }
    }
}
