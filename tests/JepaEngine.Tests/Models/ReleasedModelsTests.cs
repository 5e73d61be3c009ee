using JepaEngine.Jepa.Models;

namespace JepaEngine.Tests.Models;

public sealed class ReleasedModelsTests
{
    [Fact]
    public void Each_released_model_is_recognised_as_itself_and_without_its_predictor()
    {
        Assert.Equal(16, JepaFamilies.All.Sum(family => family.Released.Count));
        foreach (JepaFamily family in JepaFamilies.All)
        {
            foreach ((string name, IModelConfig released) in family.Released)
            {
                Assert.Equal(name, family.ReleasedName(released));
                Assert.StartsWith(family.Name + " ViT-", name);
                if (released is not JepaConfig config)
                    continue;
                if (family != VJepa2Ac.Family)
                    Assert.Equal(name, family.ReleasedName(config with { Predictor = null, Frames = 16 }));
                Assert.Null(family.ReleasedName(config with { ImageSize = 2 * config.ImageSize + config.Patch }));
            }
        }
    }

    [Fact]
    public void A_LeWorldModel_is_the_published_one_for_actions_of_any_width()
    {
        JepaFamily family = LeWorldModel.Family;
        Assert.Equal(family.Released[0].Name, family.ReleasedName(LeWorldModelConfig.Published with { ActionWidth = 4, ActionSmoothed = 4 }));
        Assert.Null(family.ReleasedName(LeWorldModelConfig.Demo));
    }
}
