using JepaEngine.Memory;
using JepaEngine.Nn;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.Memory;

public class TensorScopeTests
{
    [Fact]
    public void A_result_lives_in_the_youngest_scope_of_its_inputs()
    {
        using var old = new TensorScope(Device.Reference, "old");
        using var young = new TensorScope(Device.Reference, "young");
        Tensor a = old.Full([2], 1), b = young.Full([2], 2);
        Assert.Same(young, (a + b).Scope);
        Assert.Same(young, (b + a).Scope);
        Assert.Same(old, (a + a).Scope);
        Assert.Same(young, young.Use(a).Gelu().Scope);
        Assert.Same(young, TensorOps.Concat(0, a, b, a).Scope);
    }

    [Fact]
    public void A_disposed_tensor_names_its_scope_and_the_operation()
    {
        using var open = new TensorScope(Device.Reference, "open");
        var closed = new TensorScope(Device.Reference, "the closed one");
        Tensor gone = closed.Full([2, 3], 1), view = gone.Transpose(0, 1), here = open.Full([2, 3], 1);
        closed.Dispose();
        closed.Dispose();
        Assert.True(gone.IsDisposed && view.IsDisposed && !here.IsDisposed);
        foreach (string part in (string[])["Add", "F64 [2, 3] on reference", "'the closed one'", "before its scope ends"])
            Assert.Contains(part, Assert.Throws<ObjectDisposedException>(() => here + gone).Message);
        Assert.Contains("'the closed one'", Assert.Throws<ObjectDisposedException>(() => gone.ToArray<float>()).Message);
        Assert.Contains("'the closed one'", Assert.Throws<ObjectDisposedException>(() => view.Reshape(6)).Message);
        Assert.Throws<ObjectDisposedException>(() => closed.Zeros([1]));
        // The memory may be somebody else's by now: that must not revive the tensor.
        Tensor next = open.Full([2, 3], 5);
        Assert.True(gone.IsDisposed && !next.IsDisposed);
    }

    [Fact]
    public void A_result_of_parameters_alone_is_refused_with_the_mend()
    {
        using var layer = new Linear(2, 2);
        layer.Allocate(Device.Reference);
        string message = Assert.Throws<InvalidOperationException>(() => layer.Weight.Value + layer.Weight.Value).Message;
        Assert.Contains("Add: all inputs are in 'Linear parameters'", message);
        Assert.Contains("scope.Use(tensor)", message);
        using var scope = new TensorScope(Device.Reference);
        Assert.Same(scope, (scope.Use(layer.Weight) + layer.Weight.Value).Scope);
    }

    [Fact]
    public void A_scope_says_what_it_holds()
    {
        using var scope = new TensorScope(Device.Reference, "batch");
        _ = scope.Zeros([100]);
        _ = scope.Zeros([3]);
        Assert.Equal("batch on reference (F64): 2 blocks, 896 bytes", scope.ToString());
        Assert.Equal(896, scope.BytesInUse);
    }

    [Fact]
    public void A_scope_that_was_forgotten_is_named()
    {
        string name = $"forgotten {Guid.NewGuid()}";
        var scope = new TensorScope(Device.Cpu, name);
        Assert.DoesNotContain(Device.Cpu.Allocator.Holders(), holder => holder.Name == name);
        scope.Zeros([3, 5]);
        MemoryScope found = Assert.Single(Device.Cpu.Allocator.Holders(), holder => holder.Name == name);
        Assert.Contains($"{name} on cpu: 1 blocks", found.ToString());
        scope.Dispose();
        Assert.DoesNotContain(Device.Cpu.Allocator.Holders(), holder => holder.Name == name);
    }
}
