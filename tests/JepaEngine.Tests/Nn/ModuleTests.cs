using JepaEngine.Backends;
using JepaEngine.Memory;
using JepaEngine.Nn;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.Nn;

public class ModuleTests
{
    [Fact]
    public void Parameters_come_under_dotted_names_in_the_order_of_registration()
    {
        using var net = new Net();
        Assert.Equal(["scale", "first.weight", "first.bias", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var"],
            net.Parameters().Select(p => p.Name));
        Assert.Equal(1 + 12 + 4 + 4 + 4, net.ParameterCount);
    }

    [Fact]
    public void The_seed_decides_the_start_on_every_device()
    {
        double[] Numbers(Device device, ulong seed)
        {
            using var net = new Net();
            net.Allocate(device, seed);
            return [.. net.Parameters().SelectMany(p => p.Parameter.Value.ToArray<double>())];
        }
        double[] reference = Numbers(Device.ReferenceF32, 7);
        Assert.Equal(reference, Numbers(Device.ReferenceF32, 7));
        Assert.NotEqual(reference, Numbers(Device.ReferenceF32, 8));
        foreach ((double expected, double actual) in reference.Zip(Numbers(Device.Cpu, 7)))
            Assert.Equal(expected, actual, 1e-7);
        // Scale and norm start as constants; the layer uniform within 1/√3, its weight and bias of different streams.
        double[] layer = reference[1..17];
        Assert.All(layer, value => Assert.InRange(Math.Abs(value), 0, 1 / Math.Sqrt(3)));
        Assert.Equal(layer.Length, layer.Distinct().Count());
        Assert.Equal([1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1], reference[17..]);
    }

    [Fact]
    public void Training_reaches_every_child()
    {
        using var net = new Net();
        net.Allocate(Device.Reference);
        using var scope = new TensorScope(Device.Reference);
        Tensor x = scope.RandomNormal([50, 3], new PhiloxKey(1));
        double[] evaluated = net.Forward(x).ToArray<double>();
        Assert.Equal(evaluated, net.Forward(x).ToArray<double>());
        net.Train();
        double[] trained = net.Forward(x).ToArray<double>();
        // Half of the elements fall, the batch's own mean is 0, and the running one has moved.
        Assert.InRange(trained.Count(value => value == 0), 70, 130);
        net.Train(false);
        Assert.NotEqual(evaluated, net.Forward(x).ToArray<double>());
    }

    [Fact]
    public void A_module_without_memory_says_what_to_call()
    {
        using var net = new Net();
        Assert.Contains("Net has no device yet; call Allocate(device, seed) first", Assert.Throws<InvalidOperationException>(() => net.Device).Message);
        Assert.Contains("scale [1] has no memory yet; call Allocate", Assert.Throws<InvalidOperationException>(
            () => net.Parameters().First().Parameter.Value).Message);
    }

    [Fact]
    public void A_disposed_module_gives_its_memory_back()
    {
        var net = new Net();
        net.Allocate(Device.Reference);
        Tensor value = net.Parameters().First().Parameter;
        net.Dispose();
        Assert.True(value.IsDisposed);
        Assert.Contains("'Net parameters'", Assert.Throws<ObjectDisposedException>(() => value.ToArray<float>()).Message);
    }

    [Fact]
    public void Patches_with_a_tubelet_come_from_clips()
    {
        using var embed = new PatchEmbed(channels: 3, patch: 4, width: 5, tubelet: 2);
        embed.Allocate(Device.Cpu);
        using var scope = new TensorScope(Device.Cpu);
        Tensor clips = scope.RandomNormal([2, 3, 4, 8, 8], new PhiloxKey(1)), visible = scope.FromRaw<int>([7, 0, 3, 3], [2, 2]);
        Assert.Equal([5, 3, 2, 4, 4], embed.Parameters().First().Parameter.Value.Shape.ToArray());
        Tensor all = embed.Forward(clips);
        Assert.Equal([2, 2 * 2 * 2, 5], all.Shape.ToArray());
        Assert.Equal(all.Gather(visible).ToArray<float>(), embed.Forward(clips, visible: visible).ToArray<float>());
    }

    private sealed class Net : Module
    {
        private readonly Parameter scale;
        private readonly Linear first;
        private readonly BatchNorm norm;
        private readonly Dropout dropout;

        public Net()
        {
            first = Child("first", new Linear(3, 4));
            norm = Child("norm", new BatchNorm(4));
            dropout = Child("dropout", new Dropout(0.5));
            scale = Trained("scale", [1], new Init.Constant(2));
        }

        public Tensor Forward(Tensor x) => dropout.Forward(norm.Forward(first.Forward(x, Activation.Silu)), new PhiloxKey(3)) * scale.Value;
    }
}
