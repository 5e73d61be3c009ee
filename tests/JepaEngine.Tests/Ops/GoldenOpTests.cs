using JepaEngine.Autograd;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.Ops;

/// <summary>Operations and their gradients against PyTorch's f64.</summary>
public sealed class GoldenOpTests : IDisposable
{
    private readonly Golden golden = new("ops");

    /// <summary>Names as in the fixture, with the arguments' order.</summary>
    private static readonly Dictionary<string, (string[] Inputs, Func<Tensor[], Tensor> Run)> Cases = Build();

    public static TheoryData<string, Device> Data
    {
        get
        {
            TheoryData<string, Device> data = [];
            foreach (string name in Cases.Keys)
                foreach (Device device in (IEnumerable<Device>)
                    [Device.Reference, Device.ReferenceF32, .. TestDevices.Cpu.Select(row => row.Data)])
                    data.Add(name, device);
            return data;
        }
    }

    public void Dispose() => golden.Dispose();

    [Fact]
    public void Every_case_of_the_fixture_is_run() => Assert.Equal(
        golden.File.Entries.Keys.Where(key => key.EndsWith(".y", StringComparison.Ordinal) || key.EndsWith(".loss", StringComparison.Ordinal))
            .Select(key => key[..key.LastIndexOf('.')]).Order(),
        Cases.Keys.Order());

    [Theory, MemberData(nameof(Data))]
    public void Is_PyTorchs(string name, Device device)
    {
        using var tape = new Tape(device);
        (string[] inputs, Func<Tensor[], Tensor> run) = Cases[name];
        Tensor[] arguments = [.. inputs.Select(input => Input(tape, $"{name}.{input}"))];
        Tensor y = run(arguments);
        bool loss = golden.Has(name + ".loss");
        tape.Backward(y, loss ? tape.Full([], 1) : golden.File.Read(name + ".dy", tape));
        double tolerance = Tolerance(name, device);
        Golden.Close(name, golden[name + (loss ? ".loss" : ".y")], y, tolerance);
        foreach ((string input, Tensor argument) in inputs.Zip(arguments))
        {
            string gradient = $"{name}.d{input}";
            if (golden.Has(gradient))
                Golden.Close(gradient, golden[gradient], argument.Grad, tolerance);
            else if (golden.Has($"{name}.{input}_after"))
                Golden.Close(input, golden[$"{name}.{input}_after"], argument, tolerance);
        }
    }

    [Theory, MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void Batch_norm_in_evaluation(Device device)
    {
        using var tape = new Tape(device);
        Tensor[] x = [.. new[] { "x", "weight", "bias", "running_mean", "running_var" }.Select(name => golden.File.Read("batch_norm." + name, tape))];
        Golden.Close("y", golden["batch_norm.y_eval"], x[0].BatchNorm(x[1], x[2], x[3], x[4], training: false),
            TestDevices.Tolerance(device));
    }

    [Theory, MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void Attention_of_packed_projections_is_attention_of_their_parts(Device device)
    {
        using var tape = new Tape(device);
        Tensor[] parts = [.. new[] { "q", "k", "v" }.Select(name => golden.File.Read($"attention.24.causal.{name}", tape).Reshape(1, 7, 48))];
        Tensor packed = TensorOps.Concat(2, parts);
        packed.RequiresGrad = true;
        Tensor y = packed.SelfAttention(2, causalBlock: 1);
        tape.Backward(y, golden.File.Read("attention.24.causal.dy", tape).Reshape(1, 7, 48));
        double tolerance = TestDevices.Tolerance(device);
        Golden.Close("y", golden["attention.24.causal.y"], y, tolerance);
        foreach ((string name, int i) in new[] { "q", "k", "v" }.Select((name, i) => (name, i)))
            Golden.Close("d" + name, golden[$"attention.24.causal.d{name}"], packed.Grad!.Slice(2, i * 48, 48), tolerance);
    }

    private Tensor Input(Tape tape, string key)
    {
        bool differentiated = golden.Has(key.Insert(key.LastIndexOf('.') + 1, "d"));
        return differentiated ? golden.Input(key, tape) : golden.File.Read(key, tape);
    }

    /// <summary>The rows of ada_layer_norm and layer_norm have a variance below f32's resolution of their mean: f32 cannot do better there.</summary>
    private static double Tolerance(string name, Device device) => device.Compute == DType.F64 ? 1e-9
        : name.Contains("layer_norm", StringComparison.Ordinal) ? 1e-4 : TestDevices.Tolerance(device);

    private static Dictionary<string, (string[] Inputs, Func<Tensor[], Tensor> Run)> Build()
    {
        var cases = new Dictionary<string, (string[] Inputs, Func<Tensor[], Tensor> Run)>
        {
            ["gelu"] = (["x"], x => x[0].Gelu()),
            ["silu"] = (["x"], x => x[0].Silu()),
            ["ada_layer_norm"] = (["x", "shift", "scale"], x => x[0].AdaLayerNorm(x[1], x[2], 1e-6)),
            ["batch_norm"] = (["x", "weight", "bias", "running_mean", "running_var"], x => x[0].BatchNorm(x[1], x[2], x[3], x[4], training: true)),
            ["mse"] = (["prediction", "target"], x => x[0].MeanSquaredError(x[1])),
            ["l1"] = (["prediction", "target"], x => x[0].L1Loss(x[1])),
            ["smooth_l1"] = (["prediction", "target"], x => x[0].SmoothL1Loss(x[1])),
            ["patch_embed"] = (["pixels", "weight", "bias"], x => x[0].PatchEmbed(x[1], x[2])),
            ["sigreg"] = (["z", "directions"], x => x[0].SigReg(x[1].Transpose(0, 1))),
            // One direction a column: the statistic of u itself.
            ["epps_pulley"] = (["u"], x => x[0].SigReg(Identity(x[0]))),
            ["epps_pulley.known"] = (["u"], x => x[0].SigReg(Identity(x[0]))),
        };
        foreach (string eps in (string[])["1e-5", "1e-6", "1e-12"])
            cases.Add("layer_norm." + eps, (["x", "weight", "bias"], x => x[0].LayerNorm(x[1], x[2], double.Parse(eps))));
        foreach (string size in (string[])["24", "32", "64", "80", "88", "cross"])
            foreach (bool causal in (bool[])[false, true])
                cases.Add($"attention.{size}{(causal ? ".causal" : "")}", (["q", "k", "v"], x => x[0].Attention(x[1], x[2], causal ? 1 : 0)));
        return cases;
    }

    private static Tensor Identity(Tensor u)
    {
        int width = u.Shape[^1];
        float[] identity = new float[width * width];
        for (int i = 0; i < width; i++)
            identity[i * (width + 1)] = 1;
        return u.Scope.From<float>(identity, [width, width]);
    }
}
