using JepaEngine.Jepa.Inference;
using JepaEngine.Jepa.Models;
using JepaEngine.Memory;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;
using JepaEngine.Tests.Models;

namespace JepaEngine.Tests.Inference;

/// <summary>LeWorldModel by named tensors, against PyTorch.</summary>
public sealed class LeWorldModelRunnerTests : IDisposable
{
    private readonly Golden golden = new("lewm_tiny");
    private readonly TensorScope scope = new(Device.Cpu, "test");
    private readonly LeWorldModel model;

    public LeWorldModelRunnerTests() => model = Published.Model(golden, Device.Cpu);

    public void Dispose()
    {
        model.Dispose();
        scope.Dispose();
        golden.Dispose();
    }

    [Fact]
    public void All_inputs_give_all_outputs()
    {
        var outputs = Run("pixels", "action", "goal", "action_candidates");
        Assert.Equal(["emb", "act_emb", "pred", "predicted_emb", "cost"], outputs.Keys);
        foreach ((string name, string key) in (ReadOnlySpan<(string, string)>)[("emb", "eval.emb"), ("act_emb", "train.act_emb"), ("pred", "eval.pred"),
            ("predicted_emb", "eval.predicted_emb"), ("cost", "eval.cost")])
        {
            Golden.Close(name, golden[key], outputs[name], 2e-5);
            Assert.Equal(golden.File.Entries[key].Shape, outputs[name].Shape);
        }
    }

    [Fact]
    public void Without_a_goal_nothing_is_imagined() => Assert.Equal(["emb", "act_emb", "pred"], Run("pixels", "action").Keys);

    /// <summary>As many frames as the predictor sees at once: each predicts the one after it, the last too, and sees none that comes later.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Frames_that_fill_the_history_predict_what_follows_the_last(int frames)
    {
        Dictionary<string, Tensor> inputs = Inputs("pixels", "action", "goal", "action_candidates");
        inputs["pixels"] = inputs["pixels"].Slice(1, 0, frames);
        inputs["action"] = inputs["action"].Slice(1, 0, frames);
        var outputs = model.Run(inputs).ToDictionary(output => output.Name, output => output.Tensor);
        Tensor all = golden.File.Read("eval.pred", scope);
        Golden.Close("pred", all.Slice(1, 0, frames).ToArray<double>(), outputs["pred"], 2e-5);
        Golden.Close("cost", golden["eval.cost"], outputs["cost"], 2e-5);
    }

    [Theory]
    [InlineData("input 'action' is missing", "pixels")]
    [InlineData("input 'action_candidates' is missing", "pixels", "action", "goal")]
    [InlineData("input 'directions' is not known; the model takes pixels [B, T, 3, 28, 28] and action [B, T, 10]", "pixels", "action", "directions")]
    public void Other_inputs_are_refused(string message, params string[] names) =>
        Assert.StartsWith(message, Assert.Throws<ArgumentException>(() => Run(names)).Message);

    [Fact]
    public void Other_shapes_are_refused()
    {
        Dictionary<string, Tensor> inputs = Inputs("pixels", "action");
        inputs["action"] = inputs["action"].Slice(1, 0, 2);
        string message = Assert.Throws<ArgumentException>(() => model.Run(inputs)).Message;
        Assert.StartsWith("input 'action' is [3, 2, 10]; the model takes", message);
    }

    private Dictionary<string, Tensor> Run(params string[] names) =>
        model.Run(Inputs(names)).ToDictionary(output => output.Name, output => output.Tensor);

    private Dictionary<string, Tensor> Inputs(params string[] names) => names.ToDictionary(name => name, name => golden.File.Read("in." + name, scope));
}
