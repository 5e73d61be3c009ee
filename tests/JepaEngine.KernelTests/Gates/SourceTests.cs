using System.Text.RegularExpressions;
using JepaEngine.Cuda.Compile;

namespace JepaEngine.KernelTests.Gates;

/// <summary>The rules that kernels are written by, as far as a text shows them.</summary>
public sealed partial class SourceTests
{
    private const string Vocabulary = "include/ptx.cuh";

    [Fact]
    public void InlineAssemblerStandsInOneFile() => Assert.Equal([Vocabulary], FilesWith(Assembler()));

    [Fact]
    public void SharedMemoryIsDynamicOnly()
    {
        Assert.Equal([Vocabulary], FilesWith(Shared()));
        Assert.All(Shared().Matches(Code(Vocabulary)).Select(match => match.Value), declaration => Assert.StartsWith("extern", declaration, StringComparison.Ordinal));
    }

    [Fact]
    public void AtomicsAreOfIntegersAndStandInOneFile()
    {
        Assert.Equal([Vocabulary], FilesWith(Atomic()));
        Assert.Empty(FloatAtomic().Matches(Code(Vocabulary)));
    }

    [Fact]
    public void OnlyTheVocabularyIsIncluded()
    {
        Assert.All(Kernels(), name => Assert.All(Include().Matches(KernelFiles.Embedded.Read(name)).Select(match => match.Groups["name"].Value),
            included => Assert.True(included == "machine.h" || KernelFiles.Embedded.Names().Contains($"include/{included}"), $"{name} includes {included}")));
    }

    [Theory]
    [InlineData("asm volatile(\"x\");", true)]
    [InlineData("// asm(\"x\")", false)]
    public void TheRuleOfAssemblerSeesCodeOnly(string text, bool expected) => Assert.Equal(expected, Assembler().IsMatch(WithoutComments(text)));

    private static IEnumerable<string> Kernels() =>
        KernelFiles.Embedded.Names().Where(name => (name.EndsWith(".cu", StringComparison.Ordinal) || name.EndsWith(".cuh", StringComparison.Ordinal))).Order(StringComparer.Ordinal);

    private static IEnumerable<string> FilesWith(Regex rule) => Kernels().Where(name => rule.IsMatch(Code(name)));

    private static string Code(string name) => WithoutComments(KernelFiles.Embedded.Read(name));

    private static string WithoutComments(string text) => Comment().Replace(text, "");

    [GeneratedRegex(@"//.*|/\*(?s:.*?)\*/")]
    private static partial Regex Comment();

    [GeneratedRegex(@"\basm\b")]
    private static partial Regex Assembler();

    [GeneratedRegex(@"(extern\s+)?__shared__")]
    private static partial Regex Shared();

    [GeneratedRegex(@"\batomic[A-Z]\w*|\b(red|atom)\.")]
    private static partial Regex Atomic();

    [GeneratedRegex(@"atomic_\w+\((float|double|bf16|f16)|\b(red|atom)\.[\w.]*\.(f|bf)(16|32|64)")]
    private static partial Regex FloatAtomic();

    [GeneratedRegex("""#\s*include\s*[<"](?<name>[^>"]+)""")]
    private static partial Regex Include();
}
