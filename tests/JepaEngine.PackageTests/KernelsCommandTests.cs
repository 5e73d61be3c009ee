using System.Text.Json;
using static JepaEngine.PackageTests.JepaProcess;

namespace JepaEngine.PackageTests;

/// <summary><c>jepa kernels</c> as a performance engineer meets it; skipped where there is no NVRTC.</summary>
public sealed class KernelsCommandTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("jepa-kernels").FullName;

    private string Table => Path.Combine(Repository.Root, "kernels", "resources.txt");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void KernelsAreCompiledOnceAndComparedWithTheTable()
    {
        (string, string)[] cache = [("JEPA_CACHE", folder)];
        string first = Compiled(
            cache, "kernels", "planner", "--compile", "--arch", "sm_80,sm_90a", "--jobs", "2", "--table", Table);
        Assert.Contains($"cache     {Path.Combine(folder, "JepaEngine", "kernels")}\n", first);
        // Two tiers for two architectures, three kernels each.
        Assert.Contains("4 modules, 0 of them cached before, 0 with errors; 12 kernels, 0 spill, 0 warnings.", first);
        Assert.Matches("(?m)^cem_score +planner bf16 +sm_90a +[0-9]+ +0 +0 +0( |$)", first);
        Assert.Equal(4, Directory.GetFiles(Path.Combine(folder, "JepaEngine", "kernels")).Length);
        string again = Compiled(cache, "kernels", "planner", "--arch", "sm_80,sm_90a", "--table", Table);
        Assert.Contains("4 modules, 4 of them cached before, 0 with errors; 12 kernels", again);

        // What differs from the table is named, and so is what it does not hold.
        string[] lines = File.ReadAllLines(Table);
        int score = Array.FindIndex(lines, line =>
            line.StartsWith("cem_score planner bf16 0 sm_80 ", StringComparison.Ordinal));
        string[] words = lines[score].Split(' ');
        words[5] = $"{int.Parse(words[5]) - 7}";
        string other = Path.Combine(folder, "table.txt");
        IEnumerable<string> kept = lines[1..].Where((_, i) => i + 1 != score)
            .Where(line => !line.StartsWith("cem_refit planner", StringComparison.Ordinal));
        File.WriteAllLines(other, [lines[0], .. kept, string.Join(' ', words)]);
        string compared = Compiled(cache, "kernels", "planner", "--arch", "sm_80,sm_90a", "--table", other);
        Assert.Matches("(?m)^cem_score +planner bf16 +sm_80 .* \\+7 registers$", compared);
        Assert.Matches("(?m)^cem_refit .* new$", compared);
        Assert.Contains("; 4 are not in it.", compared);
    }

    [Fact]
    public void AProgramGetsALineAKernel()
    {
        string output = Compiled(
            [("JEPA_CACHE", folder)], "kernels", "planner", "--compile", "--arch", "sm_80", "--json");
        JsonElement[] lines = [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonDocument.Parse(line).RootElement.Clone())];
        Assert.Equal(6, lines.Length);
        Assert.All(lines, line =>
        {
            Assert.Equal(("planner", "sm_80", 0, 0),
                (line.GetProperty("file").GetString(), line.GetProperty("architecture").GetString(),
                    line.GetProperty("spillBytes").GetInt32(), line.GetProperty("warnings").GetArrayLength()));
            Assert.InRange(line.GetProperty("registers").GetInt32(), 8, 255);
            Assert.StartsWith("NVRTC 1", line.GetProperty("compiler").GetString());
        });
    }

    [Fact]
    public void AKernelThatDoesNotCompileFailsAndTheOthersAreShown()
    {
        string kernels = Path.Combine(folder, "kernels");
        Repository.CopyKernels(kernels);
        File.AppendAllText(Path.Combine(kernels, "planner.cu"), "#error planted\n");
        (int code, string output, string error) = Run(
            [("JEPA_CACHE", folder), ("JEPA_KERNELS", kernels)],
            "kernels", "planner", "random", "--compile", "--arch", "sm_80");
        Assert.SkipWhen(code == 4, error);
        Assert.Equal(1, code);
        Assert.Contains("planner bf16 sm_80 does not compile: ", output);
        Assert.Contains("#error planted", output);
        Assert.Contains("4 modules, 0 of them cached before, 2 with errors; 6 kernels", output);
    }

    [Theory]
    [InlineData("no kernel file is called 'gem'; there are attention,", "kernels", "gem")]
    [InlineData("--arch names '90'", "kernels", "--arch", "90")]
    [InlineData("--jobs is 0", "kernels", "--compile", "--jobs", "0")]
    public void AMistakeIsOneLine(string message, params string[] arguments)
    {
        (int code, _, string error) = Run(arguments);
        Assert.SkipWhen(code == 4, error);
        Assert.Equal(2, code);
        Assert.StartsWith($"jepa: {message}", error);
    }

    [Fact]
    public void WithoutACompilerTheMendIsNamed()
    {
        (int code, _, string error) = Run([("JEPA_NVRTC", "/no/such/folder")], "kernels");
        Assert.Equal(4, code);
        Assert.StartsWith("jepa: no NVRTC was found; install it", error);
    }

    [Fact]
    public void ATableThatIsNoneIsABadFile()
    {
        string file = Path.Combine(folder, "table.txt");
        File.WriteAllText(file, "# NVRTC 12.4: kernels\nno kernel\n");
        Assert.Contains("'no kernel' is no kernel's line", Fails(3, "kernels", "--table", file));
        Assert.Contains("missing.txt", Fails(3, "kernels", "--table", Path.Combine(folder, "missing.txt")));
    }

    private static string Compiled((string, string)[] variables, params string[] arguments)
    {
        (int code, string output, string error) = Run(variables, arguments);
        Assert.SkipWhen(code == 4, error);
        Assert.True(code == 0, output + error);
        return output;
    }
}
