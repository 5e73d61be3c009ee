using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using JepaEngine.IO;
using JepaEngine.Jepa.Reporting;

namespace JepaEngine.Tests.Reporting;

public sealed partial class DemoReportTests : IDisposable
{
    private readonly string path = Path.GetTempFileName();

    public void Dispose() => File.Delete(path);

    [Fact]
    public void Report_has_its_sections_and_figures()
    {
        string html = DemoReport.Html(SampleReport.Make());
        string[] headings = [.. Headings().Matches(html).Select(match => match.Groups[1].Value)];
        Assert.Equal(["Does it reach its goals?", "What did it imagine, and what did it do?", "How did it learn?", "What does it see?",
            "How does it choose?", "Is the model sound?", "Where, with what, how long"], headings);
        Assert.Contains("reached 99 of 100 goals", html);
        Assert.Contains("94.6–99.8 % (95 %)", html);
        Assert.Contains("<td class=\"n\">89.5–99.6</td>", html);
        Assert.Contains("505,006", html);
        Assert.Contains("39.4 s", html);
        Assert.Equal(1, Regex.Count(html, "✗ outside"));
        Assert.Equal(6, Regex.Count(html, "✓ within"));
        Assert.Contains("AMD EPYC 9R14 &lt;Zen 4&gt;", html);
        // Six frames with their tokens, the landscape and its bar.
        Assert.Equal(14, Regex.Count(html, "data:image/png;base64,"));
        Assert.True(html.Length < 1 << 20);
    }

    [Fact]
    public void Report_is_well_formed_and_loads_nothing()
    {
        string html = DemoReport.Html(SampleReport.Make());
        // Apart from the void elements the page is XML, so a reader of XML finds what is not closed or nested.
        string xml = Regex.Replace(html["<!doctype html>".Length..], "<(meta|img)([^>]*)>", "<$1$2/>");
        var page = XDocument.Parse(xml);
        Assert.DoesNotContain("http", html);
        Assert.DoesNotContain("@import", html);
        Assert.DoesNotContain(page.Descendants(), element => element.Name.LocalName is "script" or "link" or "iframe");
        Assert.All(page.Descendants().Attributes().Where(a => a.Name.LocalName is "src" or "href"),
            attribute => Assert.StartsWith("data:image/png;base64,", attribute.Value));
    }

    [Fact]
    public void Numbers_have_dots_whatever_the_culture()
    {
        string expected = DemoReport.Html(SampleReport.Make());
        var before = CultureInfo.CurrentCulture;
        var commas = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        commas.NumberFormat.NumberDecimalSeparator = ",";
        commas.NumberFormat.NegativeSign = "~";
        try
        {
            CultureInfo.CurrentCulture = commas;
            Assert.Equal(expected, DemoReport.Html(SampleReport.Make()));
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void Record_survives_JSON()
    {
        var data = SampleReport.Make();
        File.WriteAllText(path, data.ToJson());
        var again = DemoReportData.Read(path);
        Assert.Equal(data.ToJson(), again.ToJson());
        Assert.Equal(DemoReport.Html(data), DemoReport.Html(again));
    }

    [Fact]
    public void Missing_and_non_finite_figures_are_shown_as_such()
    {
        var data = SampleReport.Make() with
        {
            Policies = [new("Planner", [new("same room", 0, 10, double.NaN), new("through the door", 0, 0, double.NaN)])],
            Prediction = new Curve([1, 2, 3], [float.NaN, 1, float.PositiveInfinity]),
            SigReg = new Curve([1, 2], [-5, 3]),
            EffectiveRank = new Curve([1], [float.NaN]),
            Spectrum = [],
            PatchMaps = [],
            Traces = [],
            Energy = null,
            Checks = [new("collapsed", double.NaN, 0, 1)],
        };
        File.WriteAllText(path, data.ToJson());
        string html = DemoReport.Html(DemoReportData.Read(path));
        Assert.DoesNotContain("NaN", html);
        Assert.DoesNotContain("∞", html);
        Assert.Contains("not a number", html);
        Assert.Contains("✗ outside", html);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("[1]")]
    public void Other_JSON_is_refused(string text)
    {
        File.WriteAllText(path, text);
        Assert.Throws<BadFileException>(() => DemoReportData.Read(path));
    }

    [Fact]
    public void Arrays_that_do_not_fit_together_are_refused()
    {
        var data = SampleReport.Make();
        DemoReportData[] wrong =
        [
            data with { SigReg = new Curve([1, 2], [1]) },
            data with { PatchMaps = [data.PatchMaps[0] with { Grid = 5 }] },
            data with { Traces = [data.Traces[0] with { Executed = [1, 2, 3] }] },
            data with { Energy = data.Energy! with { Size = 30 } },
            data with { Policies = [] },
            data with { Policies = [new("p", [new("k", 3, 2, 1)])] },
            data with { Policies = [new("p", [new("k", 1, 2, double.PositiveInfinity)])] },
            data with { SigReg = new Curve([1, float.PositiveInfinity], [1, 1]) },
            data with { Traces = [data.Traces[0] with { Goal = [1, float.NaN] }] },
            data with { Stages = [new("training", -1)] },
        ];
        foreach (var record in wrong)
        {
            File.WriteAllText(path, record.ToJson());
            Assert.Throws<BadFileException>(() => DemoReportData.Read(path));
        }
    }

    [GeneratedRegex("<h2>(.*?)</h2>")]
    private static partial Regex Headings();
}
