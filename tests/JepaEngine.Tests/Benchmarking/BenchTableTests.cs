using System.Globalization;
using JepaEngine.Jepa.Benchmarking;

namespace JepaEngine.Tests.Benchmarking;

public sealed class BenchTableTests
{
    private static readonly BenchRecord[] Records =
    [
        BenchFileTests.Sample with { References = [new BenchReference("slow", 33), new BenchReference("PyTorch", 22)] },
        BenchFileTests.Sample with { Case = "LayerNorm 256x1024", Flops = 2e6, Bytes = 1e8, Samples = [7] },
        BenchFileTests.Sample with { Device = "sim", Threads = 0, Launches = 3, PeakGflops = 0, PeakGigabytes = 0 },
    ];

    [Fact]
    public void ARowShowsWhatTheSamplesSay()
    {
        string[] rows = [.. BenchTable.Plain(Records)];
        Assert.Equal(4, rows.Length);
        // 2.2 GFLOP in 11 ms are 200 GFLOP/s, half of the peak; 100 MB in 7 ms are 14.29 GB/s of 20.
        foreach (string cell in (string[])["11.00", "11.90", "10.00", "200.0 GFLOP/s", " 50 ", "2.00x PyTorch"])
            Assert.Contains(cell, rows[1]);
        foreach (string cell in (string[])["14.29 GB/s", " 71 "])
            Assert.Contains(cell, rows[2]);
    }

    [Fact]
    public void TheSimulatorsTimesAreNotShown()
    {
        string row = BenchTable.Plain(Records).Last();
        Assert.DoesNotContain("11.00", row);
        Assert.DoesNotContain("FLOP/s", row);
        Assert.Matches(@"\b1312 +3\b", row);
    }

    [Fact]
    public void EveryLineOfMarkdownHasTheSameColumns()
    {
        string[] lines = [.. BenchTable.Markdown(Records)];
        Assert.Equal(Records.Length + 2, lines.Length);
        Assert.Single(lines.Select(line => line.Count(letter => letter == '|')).Distinct());
        Assert.Matches(@"^\|(---|--:)(\|(---|--:))*\|$", lines[1]);
    }

    [Fact]
    public void NumbersHaveADotWhateverTheCulture()
    {
        string expected = All();
        var comma = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        comma.NumberFormat.NumberDecimalSeparator = ",";
        CultureInfo before = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = comma;
            Assert.Equal(expected, All());
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }

        static string All() => string.Join('\n',
            [.. BenchTable.Plain(Records), .. BenchTable.Csv(Records), .. BenchTable.Peaks(Records), .. BenchFileTests.Sample.Machine!.Lines()]);
    }

    [Fact]
    public void CsvQuotesWhatMayHoldAComma()
    {
        string[] lines = [.. BenchTable.Csv([BenchFileTests.Sample with { Case = "a \"b\", c" }])];
        Assert.StartsWith("\"a \"\"b\"\", c\",forward,cpu,2,F32,\"JepaEngine\",True,5,11,", lines[1]);
        // The comma within quotes is no separator.
        Assert.Equal(lines[0].Count(letter => letter == ','), lines[1].Count(letter => letter == ',') - 1);
    }

    [Theory]
    [InlineData(0, "0")]
    [InlineData(0.00012345, "0.000123")]
    [InlineData(0.1234567, "0.1235")]
    [InlineData(12.34567, "12.35")]
    [InlineData(123456.7, "123457")]
    public void FourDigitsCount(double value, string text) => Assert.Equal(text, BenchTable.Digits(value));
}
