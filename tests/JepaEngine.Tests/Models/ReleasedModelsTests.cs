using JepaEngine.Jepa.Models;

namespace JepaEngine.Tests.Models;

public sealed class ReleasedModelsTests
{
    [Fact]
    public void Each_released_model_is_recognised_as_itself_and_without_its_predictor()
    {
        Assert.Equal(15, ReleasedModels.All.Count);
        foreach ((string name, JepaConfig config) in ReleasedModels.All)
        {
            Assert.Equal(name, ReleasedModels.Name(config));
            if (config.Family != JepaFamily.VJepa2Ac)
                Assert.Equal(name, ReleasedModels.Name(config with { Predictor = null, Frames = 16 }));
            Assert.Null(ReleasedModels.Name(config with { ImageSize = 2 * config.ImageSize + config.Patch }));
            Assert.StartsWith(ReleasedModels.Name(config.Family) + " ViT-", name);
        }
    }

    [Fact]
    public void A_LeWorldModel_is_the_published_one_for_actions_of_any_width()
    {
        Assert.Equal("LeWorldModel", ReleasedModels.Name(LeWorldModelConfig.Published with { ActionWidth = 4, ActionSmoothed = 4 }));
        Assert.Null(ReleasedModels.Name(LeWorldModelConfig.Demo));
    }
}
