using System.Globalization;
using System.Xml.Linq;
using JepaEngine.Jepa.Benchmarking;

namespace JepaEngine.Tests.Benchmarking;

public sealed class RooflineChartTests
{
    private static readonly XNamespace Names = "http://www.w3.org/2000/svg";

    /// <summary>40 cases, of which 30 lie at two places: their numbers must find room.</summary>
    private static readonly BenchRecord[] Records = [.. Enumerable.Range(0, 40).Select(i => RooflineTests.Sample with
    {
        Case = $"Case <{i}> & more", Flops = i < 30 ? 1e7 * (i % 2 + 1) : 2e6 * i, Bytes = i < 30 ? 4e6 : 1e5 * i, Samples = [1 + 0.001 * i],
    })];

    [Fact]
    public void ThePictureIsXmlWithEachLabelOnceAndBothLimits()
    {
        string[] texts = [.. XDocument.Parse(Draw(Records)).Descendants(Names + "text").Select(text => text.Value)];
        Assert.All(Records, record => Assert.Single(texts, $"{record.Case} {record.Pass}"));
        Assert.Single(texts, "100.0 GFLOP/s (FMA in registers)");
        Assert.Single(texts, "10.00 GB/s (copy)");
    }

    [Fact]
    public void NumbersHideNeitherEachOtherNorADot()
    {
        XElement picture = XDocument.Parse(Draw(Records)).Root!;
        // In the plot numbers stand in the middle, in the key below it at the end.
        (double X, double Y, double Half)[] numbers =
        [
            .. picture.Descendants(Names + "text").Where(text => Has(text, "class", "n") && Has(text, "text-anchor", "middle"))
                .Select(text => (Real(text, "x"), Real(text, "y") - 4, 3.5 * text.Value.Length)),
        ];
        (double X, double Y)[] dots = [.. Dots(picture).Select(dot => (Real(dot, "cx"), Real(dot, "cy")))];
        Assert.Equal((40, 40), (numbers.Length, dots.Length));
        for (int i = 0; i < numbers.Length; i++)
        {
            Assert.All(numbers.Skip(i + 1), other =>
                Assert.True(Math.Abs(other.X - numbers[i].X) >= other.Half + numbers[i].Half || Math.Abs(other.Y - numbers[i].Y) >= 11.9));
            Assert.All(dots, dot => Assert.True(Math.Abs(dot.X - numbers[i].X) >= numbers[i].Half + 3 || Math.Abs(dot.Y - numbers[i].Y) >= 9));
        }
    }

    /// <summary>10 FLOP/B is the ridge: the dot of a case at the roof lies on both lines.</summary>
    [Fact]
    public void ACaseAtTheRidgeLiesOnTheCorner()
    {
        XElement picture = XDocument.Parse(Draw([RooflineTests.Sample with { Flops = 1e8, Bytes = 1e7 }])).Root!;
        XElement dot = Assert.Single(Dots(picture));
        Assert.True(Has(dot, "class", "dot Memory"));
        string corner = picture.Descendants(Names + "path").Single(path => Has(path, "class", "roof")).Attribute("d")!.Value.Split('L')[1];
        double[] at = [.. corner.Split(' ').Select(part => double.Parse(part, CultureInfo.InvariantCulture))];
        Assert.Equal(Real(dot, "cx"), at[0], 0.06);
        Assert.Equal(Real(dot, "cy"), at[1], 0.06);
    }

    [Fact]
    public void WhatIsNotCountedHasNoDotButALineBelow()
    {
        XElement picture = XDocument.Parse(Draw([RooflineTests.Sample with { Bytes = 0 }])).Root!;
        Assert.Empty(Dots(picture));
        Assert.Single(picture.Descendants(Names + "text"), text => text.Value == "Linear gelu 256x4096x1024 forward");
    }

    [Fact]
    public void WithoutLimitsThereIsNothingToDraw() =>
        Assert.Contains("no limits were measured", Assert.Throws<ArgumentException>(() => Draw([RooflineTests.Sample with { PeakGflops = 0 }])).Message);

    private static string Draw(BenchRecord[] records) => RooflineChart.Draw(Assert.Single(Roofline.Of(records)));

    /// <summary>Those of cases: not the three that explain the colours, nor the key's.</summary>
    private static IEnumerable<XElement> Dots(XElement picture) =>
        picture.Descendants(Names + "circle").Skip(3).Where(dot => Real(dot, "cy") < 420);

    private static bool Has(XElement element, string name, string value) => element.Attribute(name)?.Value == value;

    private static double Real(XElement element, string name) => double.Parse(element.Attribute(name)!.Value, CultureInfo.InvariantCulture);
}
