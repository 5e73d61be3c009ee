using System.Text.Json;
using JepaEngine.Autograd;
using JepaEngine.IO;
using JepaEngine.Jepa.Checkpoints;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Planning;
using JepaEngine.Memory;
using JepaEngine.Nn;
using JepaEngine.Ops;
using JepaEngine.Optim;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.Models;

/// <summary>LeWorldModel against PyTorch: evaluation, a training step with all gradients, and the rollout.</summary>
public sealed class LeWorldModelGoldenTests : IDisposable
{
    private readonly Golden golden = new("lewm_tiny");

    public static TheoryData<Device> Devices => TestDevices.All;

    public static TheoryData<Device> Cpus => TestDevices.Cpu;

    public void Dispose() => golden.Dispose();

    [Fact]
    public void The_published_model_has_18_034_478_trained_numbers_and_the_demo_505_006()
    {
        Assert.Equal(18_034_478, new LeWorldModel(LeWorldModelConfig.Published).ParameterCount);
        Assert.Equal(505_006, new LeWorldModel(LeWorldModelConfig.Demo).ParameterCount);
    }

    [Theory, MemberData(nameof(Devices))]
    public void Evaluation(Device device)
    {
        using LeWorldModel model = Published.Model(golden, device);
        using var scope = new TensorScope(device);
        double tolerance = TestDevices.Tolerance(device);
        LeWorldModelOutput output = model.Forward(golden.File.Read("in.pixels", scope), golden.File.Read("in.action", scope));
        Golden.Close("emb", golden["eval.emb"], output.Embeddings, tolerance);
        Golden.Close("pred", golden["eval.pred"], output.Predictions, tolerance);
        Golden.Close("goal_emb", golden["eval.goal_emb"], model.Embed(golden.File.Read("in.goal", scope).Reshape(3, 3, 28, 28)), tolerance);
        Golden.Close("act_emb", golden["train.act_emb"], model.EncodeActions(golden.File.Read("in.action", scope)), tolerance);
    }

    [Theory, MemberData(nameof(Devices))]
    public void Training_step(Device device)
    {
        using LeWorldModel model = Published.Model(golden, device);
        using var optimizer = new AdamW(model);
        using var tape = new Tape(device);
        double tolerance = TestDevices.Tolerance(device);
        model.Train();
        LeWorldModelOutput output = model.Forward(golden.File.Read("in.pixels", tape), golden.File.Read("in.action", tape));
        Tensor prediction = output.Predictions.MeanSquaredError(output.Embeddings.Slice(1, 1, 3));
        Tensor sigReg = output.Embeddings.Transpose(0, 1).SigReg(golden.File.Read("in.directions", tape).Transpose(0, 1));
        Tensor loss = prediction + sigReg * golden.Config.GetProperty("sigreg_weight").GetDouble();
        tape.Backward(loss);

        Golden.Close("emb", golden["train.emb"], output.Embeddings, tolerance);
        Golden.Close("pred", golden["train.pred"], output.Predictions, tolerance);
        Golden.Close("pred_loss", golden["train.pred_loss"], prediction, tolerance);
        Golden.Close("sigreg_loss", golden["train.sigreg_loss"], sigReg, tolerance);
        Golden.Close("loss", golden["train.loss"], loss, tolerance);
        foreach ((string name, Parameter parameter) in model.Parameters())
        {
            string[] keys = LeWorldModelFamily.Published(version5: false).Find(name)!.Keys;
            if (parameter.Trainable)
                Golden.Close(name, [.. keys.SelectMany(key => golden["grad." + key])], parameter.Value.Grad, tolerance, floor: device.Compute == DType.F64 ? 1e-3 : 2e-2);
            else
                Golden.Close(name, golden["after." + keys[0]], parameter, tolerance);
        }
    }

    [Theory, MemberData(nameof(Devices))]
    public void Rollout_and_its_cost(Device device)
    {
        using LeWorldModel model = Published.Model(golden, device);
        using var scope = new TensorScope(device);
        double tolerance = TestDevices.Tolerance(device);
        double[] expected = golden["eval.predicted_emb"], cost = golden["eval.cost"];
        int steps = 5, width = 24, rollouts = 15;
        Tensor first = model.Embed(golden.File.Read("in.pixels", scope).Select(1, 0));
        Tensor goal = model.Embed(golden.File.Read("in.goal", scope).Select(1, 0)).Reshape(3, 1, width);
        Tensor start = first.Reshape(3, 1, width).Broadcast([3, 5, width]).Reshape(rollouts, width);
        Tensor predicted = LatentRollout.Run(model, start, golden.File.Read("in.action_candidates", scope).Reshape(rollouts, steps, 10));
        Assert.Equal(steps, predicted.Shape[1]);
        for (int t = 0; t < steps; t++)
        {
            double[] frame = [.. Enumerable.Range(0, rollouts).SelectMany(r => expected.Skip((r * (steps + 1) + t + 1) * width).Take(width))];
            Golden.Close($"predicted_emb[{t + 1}]", frame, predicted.Select(1, t), tolerance);
        }
        Golden.Close("cost", cost, (predicted.Select(1, -1).Reshape(3, 5, width) - goal).Square().Sum([-1]), tolerance);
    }

    [Theory, MemberData(nameof(Devices))]
    public void Slot_by_slot_and_last_slot_only_give_what_the_whole_window_gives(Device device)
    {
        using LeWorldModel model = Published.Model(golden, device);
        using var scope = new TensorScope(device);
        Tensor z = golden.File.Read("eval.emb", scope).Slice(1, 0, 3);
        Tensor actions = model.EncodeActions(golden.File.Read("in.action", scope).Slice(1, 0, 3));
        double[] whole = model.Predictor.Forward(z, actions, default).Transpose(0, 1).ToArray<double>();
        Tensor[] modulations = model.Predictor.Modulations(actions);
        double tolerance = TestDevices.Tolerance(device);
        var cache = new KeyValueCache(scope, model.Config, z.Shape[0]);
        for (int t = 0; t < 3; t++)
        {
            Tensor slot = model.Predictor.Append(z.Slice(1, t, 1), [.. modulations.Select(m => m.Slice(1, t, 1))], cache);
            Golden.Close($"slot {t}", whole.AsSpan(t * whole.Length / 3, whole.Length / 3), slot, tolerance);
        }
        Golden.Close("last slot", whole.AsSpan(2 * whole.Length / 3), model.Predictor.ForwardLast(z, modulations), tolerance);
    }

    [Theory, MemberData(nameof(Devices))]
    public void Stored_pixels_are_normalised_inside(Device device)
    {
        using LeWorldModel model = Published.Model(golden, device);
        using var scope = new TensorScope(device);
        byte[] bytes = [.. Enumerable.Range(0, 2 * 28 * 28 * 3).Select(i => (byte)(i * 37 % 256))];
        float[] normalised = [.. bytes.Select((b, i) => (b / 255f - model.Config.PixelMean[i % 3]) / model.Config.PixelStd[i % 3])];
        Tensor stored = model.Embed(scope.FromRaw<byte>(bytes, [2, 28, 28, 3]).Permute(0, 3, 1, 2));
        Tensor floats = model.Embed(scope.From<float>(normalised, [2, 28, 28, 3]).Permute(0, 3, 1, 2));
        Golden.Close("embedding", floats.ToArray<double>(), stored, 2e-5);
    }

    [Theory, MemberData(nameof(Cpus))]
    public void Many_threads_share_a_model(Device device)
    {
        using LeWorldModel model = Published.Model(golden, device);
        double[] pixels = golden["in.pixels"], expected = Encode(0);
        Parallel.For(0, 32, i => Assert.Equal(expected, Encode(i)));

        double[] Encode(int i)
        {
            using var scope = new TensorScope(device, $"request {i}");
            return model.Embed(scope.From<double>(pixels, [12, 3, 28, 28])).ToArray<double>();
        }
    }

    [Theory, MemberData(nameof(Cpus))]
    public void One_thread_and_four_give_the_same_bits(Device device)
    {
        double[] one = StepBits(device.With(threads: 1)), four = StepBits(device.With(threads: 4));
        Assert.Equal(one, four);
    }

    private static double[] StepBits(Device device)
    {
        using var model = new LeWorldModel(LeWorldModelConfig.Demo with { Dropout = 0.1 });
        model.Allocate(device, seed: 3);
        model.Train();
        using var tape = new Tape(device);
        Tensor pixels = tape.RandomNormal([8, 3, 3, 56, 56], new PhiloxKey(1)), actions = tape.RandomNormal([8, 2, 10], new PhiloxKey(2));
        LeWorldModelOutput output = model.Forward(pixels, actions, new PhiloxKey(4));
        Tensor loss = output.Predictions.MeanSquaredError(output.Embeddings.Slice(1, 1, 2))
            + output.Embeddings.Transpose(0, 1).SigReg(tape.RandomDirections(64, 32, new PhiloxKey(5)));
        tape.Backward(loss);
        return [loss.Item(), .. model.Parameters().Where(p => p.Parameter.Trainable).SelectMany(p => p.Parameter.Value.Grad!.ToArray<double>())];
    }
}

/// <summary>The fixture's model, by way of a published state dict.</summary>
internal static class Published
{
    public static LeWorldModelConfig Config(Golden golden)
    {
        JsonElement config = golden.Config;
        int Int(string name) => config.GetProperty(name).GetInt32();
        return new LeWorldModelConfig
        {
            ImageSize = Int("image"),
            Patch = Int("patch"),
            EncoderWidth = Int("hidden"),
            EncoderDepth = Int("layers"),
            EncoderHeads = Int("heads"),
            EncoderMlp = Int("mlp"),
            EncoderEpsilon = config.GetProperty("encoder_eps").GetDouble(),
            ProjectorHidden = Int("projector_hidden"),
            EmbeddingWidth = Int("dim"),
            ActionWidth = Int("action"),
            ActionSmoothed = Int("action_smoothed"),
            ActionHidden = Int("action_hidden"),
            History = Int("history"),
            PredictorDepth = Int("depth"),
            PredictorHeads = Int("predictor_heads"),
            PredictorHeadWidth = Int("dim_head"),
            PredictorMlp = Int("predictor_mlp"),
            Dropout = config.GetProperty("dropout").GetDouble(),
        };
    }

    public static LeWorldModel Model(Golden golden, Device device)
    {
        using var file = new TemporaryFile();
        List<(string Name, Tensor Tensor)> state = StateDict(golden, out TensorScope scope);
        WriteFolder(file.Folder, golden, state);
        scope.Dispose();
        return LeWorldModelCheckpoint.Load(file.Folder, device);
    }

    /// <summary>As the published folders: the weights, and what shapes do not tell.</summary>
    public static void WriteFolder(string folder, Golden golden, List<(string Name, Tensor Tensor)> state)
    {
        LeWorldModelConfig config = Config(golden);
        Safetensors.Write(Path.Combine(folder, "model.safetensors"), state);
        File.WriteAllText(Path.Combine(folder, "config.json"), JsonSerializer.Serialize(new
        {
            encoder = new { num_attention_heads = config.EncoderHeads },
            predictor = new { heads = config.PredictorHeads, dim_head = config.PredictorHeadWidth, dropout = config.Dropout },
        }));
    }

    /// <summary>The fixture's state dict without the inputs and results that share its file.</summary>
    public static List<(string Name, Tensor Tensor)> StateDict(Golden golden, out TensorScope scope)
    {
        var memory = scope = new TensorScope(Device.ReferenceF32, "state dict");
        string[] others = ["in.", "eval.", "train.", "grad.", "after."];
        return [.. golden.File.Entries.Keys.Where(key => !others.Any(key.StartsWith)).Select(key => (key, golden.File.Read(key, memory)))];
    }
}
