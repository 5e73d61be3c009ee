using System.Reflection;
using JepaEngine.Memory;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.Ops;

public sealed class OpTableTests
{
    [Fact]
    public void Every_public_operation_has_a_case()
    {
        string[] covered = [.. OpTable.All.SelectMany(op => op.Members)];
        string[] operations = [.. typeof(TensorOps).GetMethods(BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly)
            .Select(method => method.Name).Distinct()];
        Assert.Equal([.. operations.Order()], covered.Order());
    }

    [Fact]
    public void Names_are_unique()
    {
        Assert.Distinct(OpTable.All.Select(op => op.Name));
        Assert.All(OpTable.All, op => Assert.Distinct(op.Samples.Select(sample => sample.Name)));
        Assert.All(OpTable.All, op => Assert.All(op.Samples, sample => Assert.Distinct(sample.Inputs.Select(input => input.Name))));
    }

    [Fact]
    public void Costs_of_a_product()
    {
        OpCase op = OpTable.Find("matmul");
        OpSample sample = op.Samples[0];
        using var scope = new TensorScope(Device.ReferenceF32);
        Tensor[] inputs = sample.Place(scope, sample.Draw(1));
        Assert.Equal(2.0 * 17 * 33 * 19, op.Flops(sample.Shapes));
        Assert.Equal(4.0 * (17 * 33 + 33 * 19 + 17 * 19), OpCase.Bytes(inputs, sample.Call(scope, inputs)));
    }

    [Fact]
    public void An_unknown_operation_is_named()
    {
        var error = Assert.Throws<KeyNotFoundException>(() => OpTable.Find("conv"));
        Assert.Contains("'conv'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Layouts_hold_the_same_numbers()
    {
        using var scope = new TensorScope(Device.Reference);
        double[] values = new OpInput("x", [4, 6]).Draw(new PhiloxKey(1));
        foreach (OpInputLayout layout in Enum.GetValues<OpInputLayout>())
        {
            Tensor x = new OpInput("x", [4, 6], Layout: layout).Place(scope, values);
            Assert.Equal(values, x.ToArray<double>());
            Assert.Equal(layout is OpInputLayout.Contiguous or OpInputLayout.Shifted, x.Layout.IsContiguous);
            Assert.Equal(layout is OpInputLayout.Gapped or OpInputLayout.Shifted ? 1 : 0, x.Layout.Offset);
        }
    }
}
