using JepaEngine.IO;
using JepaEngine.Jepa.Training;

namespace JepaEngine.Tests.Training;

/// <summary>The trainer trains what it has never heard of.</summary>
public sealed class InventedRecipeTests : IDisposable
{
    private readonly TemporaryFile file = new();

    public void Dispose() => file.Dispose();

    [Fact]
    public void TermsAndMeasuresAreReported()
    {
        using var recipe = new InventedRecipe();
        TrainStep[] steps = Train(recipe, out int skipped);
        Assert.Equal(0, skipped);
        Assert.Equal(Enumerable.Range(1, 12), steps.Select(step => step.Step));
        Assert.True(steps[^1].Loss < steps[0].Loss, $"{steps[0].Loss} to {steps[^1].Loss}");
        Assert.All(steps, step =>
        {
            Assert.Equal((step["match"] + 0.5 * step["size"])!.Value, step.Loss, 1e-5);
            Assert.Equal(step.Step == 1 || step.Step % 4 == 0, step["largest"] is not null);
            Assert.Equal(step.ToJson(), TrainStep.Parse(step.ToJson()).ToJson());
        });
        Assert.StartsWith("step     1/12 | loss ", steps[0].ToString());
        Assert.Contains("= match ", steps[0].ToString());
        Assert.Contains("| largest ", steps[0].ToString());
    }

    /// <summary>Step 3 is skipped: it moves nothing, and later draws and rates are those of their numbers.</summary>
    [Theory]
    [InlineData(0, 5)]
    [InlineData(3, 2)]
    [InlineData(3, 3)]
    [InlineData(3, 5)]
    public void ARunThatWasStoppedEndsWithTheBitsOfOneThatWasNot(int planted, int stop)
    {
        using var whole = new InventedRecipe(planted);
        TrainStep[] expected = Train(whole, out int skipped);
        Assert.Equal(planted > 0 ? 1 : 0, skipped);

        List<TrainStep> steps = [];
        using (var first = new InventedRecipe(planted))
        using (var trainer = new Trainer(first))
        {
            while (trainer.Step < stop)
                steps.Add(trainer.Advance());
            trainer.Save(file.Path);
        }
        using var second = new InventedRecipe(planted);
        using var resumed = new Trainer(second);
        resumed.Resume(file.Path);
        Assert.Equal(stop, resumed.Step);
        Assert.Equal(TrainOutcome.Completed, resumed.Run(steps.Add, TestContext.Current.CancellationToken));
        Assert.Equal(expected.Select(Recorded), steps.Select(Recorded));
        Assert.Equal(whole.Numbers(), second.Numbers());
    }

    [Fact]
    public void ASkippedStepMovesNothing()
    {
        using var recipe = new InventedRecipe(plantedStep: 2);
        using var trainer = new Trainer(recipe);
        trainer.Advance();
        float[] before = recipe.Numbers();
        TrainStep skipped = trainer.Advance();
        Assert.True(skipped.Skipped && double.IsNaN(skipped.Loss) && double.IsNaN(skipped.GradientNorm));
        Assert.EndsWith("not finite: skipped", skipped.ToString());
        Assert.Equal(skipped.ToJson(), TrainStep.Parse(skipped.ToJson()).ToJson());
        Assert.Equal(before, recipe.Numbers());
        Assert.False(trainer.Advance().Skipped);
        Assert.NotEqual(before, recipe.Numbers());
    }

    /// <summary>Files from before the progress was kept: nobody can say which draws come next.</summary>
    [Fact]
    public void AFileWithoutAStepIsNotTrainedFurther()
    {
        using var recipe = new InventedRecipe();
        using var trainer = new Trainer(recipe);
        trainer.Advance();
        trainer.Save(file.Path);
        using (var scope = new TensorScope(Device.Cpu))
        {
            List<(string, JepaEngine.Tensors.Tensor)> tensors = [];
            Dictionary<string, string> metadata;
            using (TensorFile saved = TensorFile.Open(file.Path))
            {
                metadata = new(saved.Metadata);
                tensors.AddRange(saved.Entries.Keys.Select(key => (key, saved.Read(key, scope))));
            }
            Assert.Equal("1", metadata["step"]);
            metadata.Remove("step");
            Safetensors.Write(file.Path, tensors, metadata);
        }
        Assert.Contains("cannot be trained further", Assert.Throws<BadFileException>(() => trainer.Resume(file.Path)).Message);
    }

    private static TrainStep[] Train(InventedRecipe recipe, out int skipped)
    {
        using var trainer = new Trainer(recipe);
        List<TrainStep> steps = [];
        Assert.Equal(TrainOutcome.Completed, trainer.Run(steps.Add, TestContext.Current.CancellationToken));
        skipped = trainer.Progress.Skipped;
        return [.. steps];
    }

    /// <summary>A step without its times.</summary>
    private static string Recorded(TrainStep step) => (step with { SamplesPerSecond = 0, SecondsLeft = 0 }).ToJson();
}
