using System.Text.Json;
using JepaEngine.Memory;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.Models;

public sealed class RuleFileTests
{
    /// <summary>What rule.py gives for the same names.</summary>
    [Theory]
    [InlineData("encoder.layernorm.weight", new[] { 3 }, 0.83284914f, 1.1872694f, 0.8269857f)]
    [InlineData("encoder.layernorm.bias", new[] { 3 }, 0.07651537f, 0.025787521f, 0.19937165f)]
    [InlineData("input.video", new[] { 3 }, -1.2042379f, -1.2371743f, -0.019546747f)]
    [InlineData("input.actions", new[] { 3 }, -0.7904303f, -0.15178394f, 0.119259596f)]
    [InlineData("predictor.embeddings.mask_tokens", new[] { 1, 1, 3 }, -0.48751026f, -0.4396f, 0.22812438f)]
    [InlineData("encoder.layer.0.mlp.fc1.weight", new[] { 5, 7 }, -0.2665094f, -0.05315796f, 0.5317983f)]
    public void The_rule_gives_Pythons_bits(string name, int[] shape, float first, float second, float third) =>
        Assert.Equal([first, second, third], RuleFile.Numbers(name, new Shape(shape))[..3]);

    [Fact]
    public void A_fixture_gives_its_inputs_and_weights_by_name()
    {
        using var file = new RuleFile("vjepa2_hd64");
        using var scope = new TensorScope(Device.Reference, "test");
        Assert.Equal([2, 4, 3, 64, 64], file.Input("video", scope).Shape);
        List<(string Name, Tensor Tensor)> encoder = file.StateDict(scope, "encoder.");
        Assert.Equal(2 + 2 * 16 + 2, encoder.Count);
        Tensor bias = encoder.Single(weight => weight.Name == "layernorm.bias").Tensor;
        Assert.Equal([0.07651537f, 0.025787521f], bias.ToArray<float>()[..2]);
        Assert.Equal(64, file.Golden.Config.GetProperty("crop_size").GetInt32());
    }

    /// <summary>Inputs, weights and results together: I-JEPA's first layer from the rule is what PyTorch got.</summary>
    [Theory]
    [InlineData("ijepa_hd80")]
    [InlineData("ijepa_hd88")]
    public void The_rule_and_the_results_belong_together(string name)
    {
        using var file = new RuleFile(name);
        using var scope = new TensorScope(Device.Reference, "test");
        Tensor patches = file.Input("image", scope)
            .PatchEmbed(file.Weight("embeddings.patch_embeddings.projection.weight", scope), file.Weight("embeddings.patch_embeddings.projection.bias", scope));
        Golden.Close(name, file.Golden["image.embeddings"], patches + file.Weight("embeddings.position_embeddings", scope), RuleFile.Rounding);
    }

    [Fact]
    public void A_table_comes_from_the_fixture()
    {
        using var file = new RuleFile("ijepa_original");
        using var scope = new TensorScope(Device.Reference, "test");
        // Row 0, column 1 of 4: the first half of the channels is the column.
        float[] row = file.Weight("encoder.module.pos_embed", scope).ToArray<float>()[160..320];
        Assert.Equal([0.841471f, 0.540302f, 0, 1], new[] { row[0], row[40], row[80], row[120] }.Select(x => MathF.Round(x, 6)));
    }

    [Fact]
    public void The_keys_of_transformers_5_are_those_of_4_renamed()
    {
        string json = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Fixtures", "models", "lewm_keys.json"));
        JsonProperty[] keys = [.. JsonElement.Parse(json).EnumerateObject()];
        Assert.Equal(303, keys.Length);
        Assert.Equal(303, keys.Select(key => key.Value.GetString()).Distinct().Count());
        Assert.Contains(keys, key => key.Value.GetString() == "encoder.layers.11.attention.o_proj.weight");
        Assert.Equal(12 * 16, keys.Count(key => key.Name != key.Value.GetString()));
    }
}
