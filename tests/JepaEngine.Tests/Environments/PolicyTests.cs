using JepaEngine.Jepa.Environments;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.Environments;

public sealed class PolicyTests
{
    [Fact]
    public void Expert_reaches_every_goal_and_sets_the_yardstick()
    {
        var room = new TwoRoom(56);
        int longest = 0, total = 0, crossings = 0;
        for (int episode = 0; episode < 1000; episode++)
        {
            var task = room.SampleTask(new PhiloxKey(11), episode);
            (bool success, int steps) = Run(room, task, new ExpertPolicy(task.Goal), 100);
            Assert.True(success, $"episode {episode}");
            longest = Math.Max(longest, steps);
            total += steps;
            if (task.Kind == TwoRoom.ThroughDoor)
            {
                Assert.Equal(TwoRoom.IsLeft(task.Goal[0]), TwoRoom.IsLeft(room.State[0]));
                crossings++;
            }
        }
        Assert.Equal(500, crossings);
        // An independent implementation: 24 steps on average, 63 at most over 200 tasks.
        Assert.InRange(total / 1000.0, 22, 26);
        Assert.InRange(longest, 50, 70);
    }

    [Fact]
    public void Held_actions_get_farther_than_white_noise()
    {
        // An independent implementation: 12.9 % held, 4.8 % white.
        Assert.InRange(RandomSuccess(1f / 5), .09, .17);
        Assert.InRange(RandomSuccess(1), .02, .08);
    }

    [Fact]
    public void Held_random_actions_are_clipped_and_last_six_steps_on_average()
    {
        var room = new TwoRoom(56);
        var policy = new HeldRandomPolicy(room, new PhiloxRandom(2));
        float[] action = new float[2];
        float previous = float.NaN;
        int changes = 0, clipped = 0;
        for (int t = 0; t < 12000; t++)
        {
            policy.Act(room.State, action);
            Assert.All(action, value => Assert.InRange(value, -1, 1));
            changes += action[0] == previous ? 0 : 1;
            clipped += Math.Abs(action[0]) == 1 ? 1 : 0;
            previous = action[0];
        }
        // Two draws that both clip to the same bound do not show: 2 x .159² = 5 %.
        Assert.InRange(changes, 1700, 2100);
        Assert.InRange(clipped / 12000.0, .27, .36); // P(|N| > 1) = .317
    }

    private static double RandomSuccess(float redraw)
    {
        var room = new TwoRoom(56);
        int successes = 0;
        for (int episode = 0; episode < 1000; episode++)
        {
            var policy = new HeldRandomPolicy(room, new PhiloxRandom(new PhiloxKey(7, (ulong)episode)), redraw);
            successes += Run(room, room.SampleTask(new PhiloxKey(11), episode), policy, 100).Success ? 1 : 0;
        }
        return successes / 1000.0;
    }

    private static (bool Success, int Steps) Run(TwoRoom room, GoalTask task, IPolicy policy, int budget)
    {
        room.SetState(task.Start);
        float[] action = new float[2];
        for (int step = 1; step <= budget; step++)
        {
            policy.Act(room.State, action);
            room.Step(action);
            if (room.Reached(task.Goal))
                return (true, step);
        }
        return (false, budget);
    }
}
