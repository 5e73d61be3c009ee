using JepaEngine.Jepa.Data;

namespace JepaEngine.Tests.Data;

/// <summary>Scaling of actions by the data's statistics.</summary>
public sealed class ActionScaleTests
{
    [Fact]
    public void StatisticsAreUnbiasedAndLeaveOutRowsWithNaN()
    {
        float[] first = [1000, 1, 1002, 3], second = [float.NaN, float.NaN, 1004, 8];
        ActionScale scale = ActionScale.Of([first, second], 2);
        Assert.Equal([1002, 4], scale.Mean);
        Assert.Equal(2, scale.Std[0], 1e-6f);
        Assert.Equal(MathF.Sqrt(13), scale.Std[1], 1e-6f);
    }

    [Fact]
    public void RevertUndoesApplyAndNaNBecomesTheMean()
    {
        var scale = new ActionScale([1, -2], [2, 0.5f]);
        float[] actions = [3, -2, float.NaN, -1];
        scale.Apply(actions);
        Assert.Equal([1, 0, 0, 2], actions);
        scale.Revert(actions);
        Assert.Equal([3, -2, 1, -1], actions);
        ActionScale.None.Apply(actions);
        Assert.Equal([3, -2, 1, -1], actions);
    }

    [Fact]
    public void AnActionThatNeverChangesIsRefused() => Assert.Throws<ArgumentException>(() => ActionScale.Of([new float[] { 1, 2, 1, 3 }], 2));
}
