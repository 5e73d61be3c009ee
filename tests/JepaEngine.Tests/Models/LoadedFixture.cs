using JepaEngine.IO;
using JepaEngine.Jepa.Checkpoints;
using JepaEngine.Jepa.Inference;
using JepaEngine.Jepa.Models;
using JepaEngine.Memory;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.Models;

/// <summary>A <see cref="RuleFile"/> written as its family's files are, and loaded from there.</summary>
internal sealed class LoadedFixture : IDisposable
{
    private readonly TemporaryFile folder = new();
    private readonly RuleFile rule;

    public LoadedFixture(string name, Device device, LoadOptions? options = null, JepaConfig? probeOf = null)
    {
        Gpus.Require(device);
        rule = new RuleFile(name);
        Scope = new TensorScope(device, name);
        string weights = Path.Combine(folder.Folder, "model.safetensors");
        rule.Write(weights);
        string config = rule.Golden.File.Metadata["config"];
        if (config.Contains("model_type"))
            File.WriteAllText(Path.Combine(folder.Folder, "config.json"), config);
        if (probeOf is null)
        {
            Model = ModelFile.Load(folder.Folder, device, options);
            return;
        }
        // A probe stands on an encoder: any of its width does.
        string encoder = Path.Combine(folder.Folder, "encoder.safetensors");
        using (JepaModel any = JepaModel.Create(probeOf))
        {
            any.Allocate(device);
            ModelWriter.Write(encoder, any, ModelLayout.JepaEngine, DType.F32);
        }
        Model = ModelFile.Load(encoder, device, new LoadOptions { Probe = weights, ProbeHeads = 2 });
    }

    public JepaModel Model { get; }

    public TensorScope Scope { get; }

    public Tensor Input(string name) => rule.Input(name, Scope);

    /// <summary>A tensor of the fixture itself: a mask.</summary>
    public Tensor Given(string name) => rule.Golden.File.Read(name, Scope);

    /// <summary>Encodes an input and holds each block's output against the fixture's.</summary>
    public Tensor EncodeByBlocks(string input, string blocks)
    {
        int held = 0;
        Tensor tokens = Model.Encode(Input(input), observe: (block, output) =>
        {
            if (!rule.Golden.Has($"{blocks}.{block}"))
                return;
            Close($"{blocks}.{block}", output);
            held++;
        });
        Assert.True(held >= 2, $"{blocks} holds {held} blocks");
        return tokens;
    }

    /// <summary>Runs the model as <c>jepa run</c> does; an input is named by what the model calls it and what the fixture does.</summary>
    public Dictionary<string, Tensor> Run(params (string Name, string Fixture)[] inputs) => Run(new RunOptions(), inputs);

    public Dictionary<string, Tensor> Run(RunOptions options, params (string Name, string Fixture)[] inputs) => Model
        .Run(inputs.ToDictionary(i => i.Name, i => i.Name.Contains("mask") ? Given(i.Fixture) : Input(i.Fixture)), options)
        .ToDictionary(output => output.Name, output => output.Tensor);

    public void Close(string name, Tensor actual) => Golden.Close(name, rule.Golden[name], actual, Scope.Device.Compute == DType.F64 ? 1e-6 : 2e-5);

    public void Dispose()
    {
        Model.Dispose();
        Scope.Dispose();
        rule.Dispose();
        folder.Dispose();
    }
}
