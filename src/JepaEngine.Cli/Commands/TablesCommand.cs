namespace JepaEngine.Cli.Commands;

/// <summary><c>jepa bench tables</c>: the tables of README and docs from the committed results and proofs.</summary>
internal static class TablesCommand
{
    private static readonly string[] Documents = ["README.md", "docs/benchmarks.md", "docs/hardware.md"];

    public static Command Create()
    {
        var root = new Option<string>("--root") { Description = "The repository, with benchmarks/results", DefaultValueFactory = _ => "." };
        Command command = CommandLine.Verb(
            "tables", $"Writes the tables of {string.Join(", ", Documents)} anew, from benchmarks/results.",
            "jepa bench tables --root .", root);
        command.SetAction(parsed =>
        {
            string folder = parsed.GetValue(root)!;
            var output = new Output(json: false);
            string results = Path.Combine(folder, "benchmarks", "results");
            BenchFile file = BenchFile.ReadFolder(results);
            IReadOnlyList<ProofRecord> proofs = ProofRecord.ReadFolder(results);
            foreach (string path in Documents.Select(document => Path.Combine(folder, document)))
            {
                string text = File.ReadAllText(path), anew = Rewrite(path, text, file.Records, proofs);
                if (anew != text)
                    AtomicFile.WriteText(path, anew);
                output.Line($"{path} {(anew == text ? "is as it was" : "has new tables")}");
            }
            if (file.Skipped > 0)
                output.Line($"{file.Skipped} damaged lines were skipped.");
        });
        return command;
    }

    private static string Rewrite(
        string path, string text, IReadOnlyList<BenchRecord> records, IReadOnlyList<ProofRecord> proofs)
    {
        try
        {
            return BenchDocument.Rewrite(text, records, proofs);
        }
        catch (FormatException fault)
        {
            throw new BadFileException(path, fault.Message);
        }
    }
}
