using System.Text.RegularExpressions;

namespace JepaEngine.Cli;

/// <summary>Looks at the files a command will write before its work.</summary>
internal static partial class Outputs
{
    /// <summary>Refuses what cannot be written, and an output that would take the place of another one or of what the
    /// command reads.</summary>
    /// <param name="outputs">Files; null where one is not asked for.</param>
    /// <param name="inputs">Files, and folders whose files are read.</param>
    /// <exception cref="UsageException">An output is an input or another output.</exception>
    /// <exception cref="IOException">One cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">One may not be written.</exception>
    public static void Check(IEnumerable<string?> outputs, params IEnumerable<string?> inputs)
    {
        List<string> read = [.. inputs.OfType<string>().SelectMany(Files)], written = [];
        foreach (string output in outputs.OfType<string>())
        {
            AtomicFile.Check(output);
            if (read.Find(input => AtomicFile.IsSame(output, input)) is { } same)
                throw new UsageException($"{output} is what this command reads ({same}); write to another file");
            if (written.Exists(other => AtomicFile.IsSame(output, other)))
                throw new UsageException($"{output} is named for two outputs; give each its own file");
            written.Add(output);
        }
    }

    /// <summary>What a path is read from: itself; of a model's folder its weights and configurations; of another one
    /// all that lies in it.</summary>
    private static IEnumerable<string> Files(string path)
    {
        if (!Directory.Exists(path))
            return File.Exists(path) ? [path] : [];
        string[] all = Directory.GetFiles(path);
        string[] model = Array.FindAll(all, file => OfModel().IsMatch(Path.GetFileName(file)));
        return model.Length > 0 ? model : all;
    }

    [GeneratedRegex("^(model|pytorch_model|weights)|config\\.json$", RegexOptions.ExplicitCapture)]
    private static partial Regex OfModel();
}
