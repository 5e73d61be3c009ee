using System.CommandLine;
using JepaEngine.IO;
using JepaEngine.Jepa.Benchmarking;

namespace JepaEngine.Cli.Commands;

/// <summary><c>jepa bench tables</c>: the tables of README and docs from the committed results.</summary>
internal static class TablesCommand
{
    public static Command Create()
    {
        var root = new Option<string>("--root") { Description = "The repository, with benchmarks/results", DefaultValueFactory = _ => "." };
        Command command = CommandLine.Verb("tables", "Writes the tables of README.md and docs/benchmarks.md anew, from benchmarks/results.",
            "jepa bench tables --root .", root);
        command.SetAction(parsed =>
        {
            string folder = parsed.GetValue(root)!;
            var output = new Output(json: false);
            BenchFile file = BenchFile.ReadFolder(Path.Combine(folder, "benchmarks", "results"));
            foreach (string path in (string[])[Path.Combine(folder, "README.md"), Path.Combine(folder, "docs", "benchmarks.md")])
            {
                string text = File.ReadAllText(path), anew = Rewrite(path, text, file);
                if (anew != text)
                    AtomicFile.WriteText(path, anew);
                output.Line($"{path} {(anew == text ? "is as it was" : "has new tables")}");
            }
            if (file.Skipped > 0)
                output.Line($"{file.Skipped} damaged lines were skipped.");
        });
        return command;
    }

    private static string Rewrite(string path, string text, BenchFile file)
    {
        try
        {
            return BenchDocument.Rewrite(text, file.Records);
        }
        catch (FormatException fault)
        {
            throw new BadFileException(path, fault.Message);
        }
    }
}
