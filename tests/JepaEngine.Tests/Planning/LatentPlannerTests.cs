using JepaEngine.IO;
using JepaEngine.Jepa.Planning;
using JepaEngine.Memory;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.Planning;

/// <summary>The planner plans with what it has never heard of, and says what is wrong with what it is given.</summary>
public sealed class LatentPlannerTests
{
    private static readonly LatentPlannerOptions Options = new()
    {
        Cem = new CemOptions { Candidates = 64, Elites = 8, Iterations = 12, Horizon = 3, ActionSize = 2, Bound = 1 },
    };

    private static readonly Picture Now = Pixel(100, 200), Goal = Pixel(200, 40);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private readonly PointWorld world = new(Device.Cpu);

    [Fact]
    public void APointReachesItsGoal()
    {
        using var planner = new LatentPlanner(world, Options);
        Plan plan = planner.Plan(Now, Goal, new PlanOptions { Seed = 1, KeepLatents = true }, Token);
        Assert.Equal((3, 64 * 12), (plan.Blocks.Length, plan.Candidates));
        // Moves are half the model's actions, which are twice the environment's less 0.5.
        float[] at = [100 / 127.5f - 1, 200 / 127.5f - 1];
        for (int block = 0; block < 3; block++)
        {
            for (int i = 0; i < 2; i++)
            {
                Assert.InRange(plan.Blocks[block][i], 0, 1);
                at[i] += plan.Blocks[block][i] - 0.5f;
                Assert.Equal(plan.Latents[2 * block + i], at[i], 1e-5f);
            }
        }
        Assert.Equal(200 / 127.5f - 1, at[0], 0.01f);
        Assert.Equal(40 / 127.5f - 1, at[1], 0.01f);
        Assert.InRange(plan.Cost, 0, 1e-4f);
    }

    [Fact]
    public void TheSameSeedGivesTheSamePlanFromPicturesBytesAndLatents()
    {
        using var planner = new LatentPlanner(world, Options);
        using var scope = new TensorScope(Device.Cpu);
        Tensor now = planner.Encode(scope, Now.Rgb), goal = planner.Encode(scope, Goal.Rgb);
        Plan[] plans =
        [
            planner.Plan(Now, Goal, null, Token), planner.Plan(Now.Rgb, Goal.Rgb, null, Token),
            planner.Plan(now, goal, null, Token),
        ];
        Assert.All(plans, plan => Assert.Equal(plans[0].Blocks.SelectMany(b => b), plan.Blocks.SelectMany(b => b)));
        Assert.Empty(plans[0].Latents);
        Plan other = planner.Plan(Now, Goal, new PlanOptions { Seed = 2 }, Token);
        Assert.NotEqual(plans[0].Blocks[0], other.Blocks[0]);
    }

    [Fact]
    public void ACostOfItsOwnTakesGoalsOfItsOwn()
    {
        using var planner = new LatentPlanner(new SumWorld(Device.Cpu), Options);
        using var scope = new TensorScope(Device.Cpu);
        Tensor now = planner.Encode(scope, Now.Rgb), wanted = scope.From<float>([0.75f], [1, 1]);
        Plan plan = planner.Plan(now, wanted, new PlanOptions { KeepLatents = true }, Token);
        Assert.Equal(0.75f, plan.Latents[^1] + plan.Latents[^2], 0.01f);
        Assert.InRange(plan.Cost, 0, 1e-4f);
    }

    [Fact]
    public void WhatCannotBePlannedIsSaid()
    {
        using var planner = new LatentPlanner(world, Options);
        using var scope = new TensorScope(Device.Cpu);
        Refused("goal is a picture of 1 rows and 2 columns, but the model sees [1, 1, 3]",
            () => planner.Plan(Now, new Picture(2, 1, new byte[6])));
        Refused("4 bytes are not whole frames of [1, 1, 3], 3 bytes each",
            () => planner.Plan(new byte[4], new byte[3]));
        Refused("now [2, 2, 1] and goal [1, 2, 1] are not one latent each",
            () => planner.Plan(scope.Zeros([2, 2, 1]), scope.Zeros([1, 2, 1])));
        Refused("now holds NaN", () => planner.Plan(scope.Full([1, 2, 1], double.NaN), scope.Zeros([1, 2, 1])));
        Refused("goal holds NaN", () => planner.Plan(scope.Zeros([1, 2, 1]), scope.Full([1, 2, 1], double.NaN)));
        Refused("2 numbers repeated 3 times do not fill the model's action block of 2",
            () => new LatentPlanner(world, Options with { ActionRepeat = 3 }).Dispose());
    }

    [Fact]
    public void AModelThatImaginesNoNumbersHasNoPlan()
    {
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        using var planner = new LatentPlanner(new LostWorld(), Options);
        Assert.Contains("no candidate's cost is finite: the model's weight holds NaN",
            Assert.Throws<NumericException>(() => planner.Plan(Now, Goal, cancellation: cancellation)).Message);
        var loop = new ClosedLoopOptions { Episodes = 2 };
        Func<Jepa.Environments.IEnvironment> rooms = () => new Jepa.Environments.TwoRoom(1);
        LatentPlannerOptions one = Options with { ExecuteBlocks = 1 }, four = one with { ExecuteBlocks = 4 };
        Assert.Throws<NumericException>(
            () => ClosedLoop.Play(new LostWorld(), one, rooms, loop, cancellation: cancellation));
        Assert.Contains("executeBlocks is 4; it is 1 to 3", Assert.Throws<ArgumentException>(
            () => ClosedLoop.Play(world, four, rooms, loop, cancellation: cancellation)).Message);
    }

    /// <summary>Imagines NaN.</summary>
    private sealed class LostWorld() : PointWorld(Device.Cpu), IWorldModel
    {
        public new Tensor Imagine(Tensor starts, Tensor actions) => base.Imagine(starts, actions) * double.NaN;

        public string? NotFinite() => "weight";

        public new IWorldModel Copy(Device other) => new LostWorld();
    }

    [Fact]
    public void CancellingEndsASearchBetweenIterations()
    {
        using var source = new CancellationTokenSource();
        var cancelling = new Cancelling(source);
        using var planner = new LatentPlanner(cancelling, Options);
        Assert.ThrowsAny<OperationCanceledException>(() => planner.Plan(Now, Goal, null, source.Token));
        Assert.Equal(1, cancelling.Imagined);
    }

    private static Picture Pixel(byte red, byte green) => new(1, 1, [red, green, 0]);

    private static void Refused(string mentions, Action action) =>
        Assert.Contains(mentions, Assert.Throws<ArgumentException>(action).Message);

    /// <summary>Cancels while the first candidates are imagined.</summary>
    private sealed class Cancelling(CancellationTokenSource source) : PointWorld(Device.Cpu), IWorldModel
    {
        public int Imagined { get; private set; }

        public new Tensor Imagine(Tensor starts, Tensor actions)
        {
            Imagined++;
            source.Cancel();
            return base.Imagine(starts, actions);
        }
    }
}
