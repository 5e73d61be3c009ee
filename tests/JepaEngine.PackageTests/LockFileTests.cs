using System.Text.Json.Nodes;
using System.Xml.Linq;

namespace JepaEngine.PackageTests;

/// <summary>Every project says which packages it takes, down to their hashes.</summary>
public sealed class LockFileTests
{
    [Fact]
    public void EveryProjectLocksItsPackagesAtTheVersionsOfTheRepository()
    {
        Dictionary<string, string> versions = XDocument.Load(Path.Combine(Repository.Root, "Directory.Packages.props")).Descendants("PackageVersion")
            .ToDictionary(package => package.Attribute("Include")!.Value, package => package.Attribute("Version")!.Value);
        string[] projects = [.. new[] { "src", "tests", "benchmarks" }
            .SelectMany(folder => Directory.GetFiles(Path.Combine(Repository.Root, folder), "*.csproj", SearchOption.AllDirectories))];
        Assert.InRange(projects.Length, 8, 100);
        foreach (string project in projects)
        {
            string folder = Path.GetDirectoryName(project)!;
            Check(Path.Combine(folder, "packages.lock.json"));
            // The bundle for a GPU machine is published for this system.
            if (folder.StartsWith(Path.Combine(Repository.Root, "src"), StringComparison.Ordinal))
                Check(Path.Combine(folder, "packages.linux-x64.lock.json"));

            void Check(string file)
            {
                JsonObject packages = JsonNode.Parse(File.ReadAllText(file))!["dependencies"]!["net10.0"]!.AsObject();
                string[] wanted = [.. XDocument.Load(project).Descendants("PackageReference").Select(reference => reference.Attribute("Include")!.Value),
                    "Meziantou.Analyzer", "Microsoft.CodeAnalysis.BannedApiAnalyzers"];
                foreach (string name in wanted)
                    Assert.Equal((file, name, versions[name]), (file, name, packages[name]?["resolved"]?.GetValue<string>()));
                Assert.All(packages.Where(package => package.Value!["type"]!.GetValue<string>() != "Project"),
                    package => Assert.NotNull(package.Value!["contentHash"]));
            }
        }
    }
}
