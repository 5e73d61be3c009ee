using System.Text;
using JepaEngine.IO;

namespace JepaEngine.Tests.IO;

/// <summary>Pickles of a few bytes, or of a few megabytes, that ask for far more of both memory and time than they
/// have.</summary>
public sealed class PickleBudgetTests : IDisposable
{
    private readonly TemporaryFile temporary = new();

    public void Dispose() => temporary.Dispose();

    [Fact]
    public void A_namespace_that_holds_itself_twice_each_time()
    {
        PickleBytes code = new PickleBytes().Global("argparse", "Namespace").Op(")Rq").Op(0).Op("}").Text("a").Op("Nsb");
        for (int i = 0; i < 60; i++)
            code.Op("h").Op(0).Op("b");
        Refused(code);
    }

    [Fact]
    public void A_dictionary_made_of_one_list_again_and_again()
    {
        PickleBytes code = new PickleBytes().Op("](").Text("a").Op("N").Op(0x86).Op("q").Op(2).Op(Repeated("h\u0002", 200_000)).Op("eq").Op(0)
            .Global("collections", "OrderedDict").Op("q").Op(1).Op("0");
        for (int i = 0; i < 400; i++)
            code.Op("h").Op(1).Op("h").Op(0).Op(0x85).Op("R0");
        Refused(code);
    }

    [Fact]
    public void Bytes_made_of_one_text_again_and_again()
    {
        PickleBytes code = new PickleBytes().Text(new string('a', 5_000_000)).Text("latin1").Op(0x86).Op("q").Op(0).Global("_codecs", "encode").Op("q").Op(1);
        for (int i = 0; i < 2000; i++)
            code.Op("h").Op(1).Op("h").Op(0).Op("R0");
        Refused(code);
    }

    [Fact]
    public void A_device_of_many_parts() => Refused(new PickleBytes().Text(new string('a', 1_000_000)).Op("q").Op(0).Global("torch", "device").Op("q").Op(1)
        .Op("(").Op(Repeated("h\0", 2000)).Op("tR"), "is missing");

    [Fact]
    public void A_tensor_of_half_a_million_dimensions()
    {
        PickleBytes code = new PickleBytes().Op("(").Op(Repeated("K\u0001", 500_000)).Op("tq").Op(0).Op("0").Global("torch._utils", "_rebuild_tensor_v2").Op("((")
            .Text("storage").Global("torch", "FloatStorage").Text("0").Text("cpu").Number(1).Op("tQ").Number(0).Op("h").Op(0).Op("h").Op(0)
            .Op(0x89).Global("collections", "OrderedDict").Op(")RtR");
        Refused(code, "a tensor of 500000 dimensions");
    }

    [Theory]
    [InlineData("N")]
    [InlineData("]")]
    [InlineData("}")]
    [InlineData("(")]
    [InlineData(")")]
    [InlineData("K\u0001")]
    [InlineData("\u008A\u0001\u0001")]
    [InlineData("\u0094")]
    [InlineData("\u0085")]
    [InlineData("]]\u0086")]
    [InlineData("h\0")]
    [InlineData("](h\0h\0h\0h\0e0")]
    [InlineData("(t0")]
    [InlineData("U\u0001a")]
    [InlineData("\u008C\0")]
    [InlineData("ctorch\nSize\n")]
    [InlineData("ccollections\nOrderedDict\n)R")]
    public void One_operation_a_million_times(string operation) =>
        Hostile.Case(operation, temporary, new PickleBytes().Op("Nq").Op(0).Op(Repeated(operation, 1_000_000)).Zip(), TensorFile.Open);

    private static byte[] Repeated(string operation, int times)
    {
        byte[] one = Encoding.Latin1.GetBytes(operation), all = new byte[one.Length * times];
        for (int i = 0; i < times; i++)
            one.CopyTo(all, i * one.Length);
        return all;
    }

    private void Refused(PickleBytes code, string message = "too much for a file of its size") =>
        Assert.Contains(message, Hostile.Case("pickle", temporary, code.Zip(), TensorFile.Open)?.Message);
}
