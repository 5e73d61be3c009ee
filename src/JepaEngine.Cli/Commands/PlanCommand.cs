using JepaEngine.Jepa.Environments;
using JepaEngine.Jepa.Planning;

namespace JepaEngine.Cli.Commands;

/// <summary><c>jepa plan</c>: one plan from a start to a goal, and where it really leads.</summary>
internal static class PlanCommand
{
    public static Command Create()
    {
        Argument<string> folder = CommonOptions.Run();
        var start = new Option<string>("--start") { Description = "Start x,y in pixels of the 224-pixel scene", DefaultValueFactory = _ => "50,180" };
        var goal = new Option<string>("--goal") { Description = "Goal x,y", DefaultValueFactory = _ => "170,180" };
        var seed = new Option<ulong>("--seed") { Description = "Seed of the search" };
        var device = DeviceOption.Create();
        var json = CommonOptions.Json();
        Command command = CommandLine.Verb("plan", "Plans once from a start to a goal seen as pictures, and carries the whole plan out without replanning.",
            "jepa plan runs/demo --start 50,180 --goal 170,180", folder, start, goal, seed, device, json);
        command.SetAction(parsed => Run(new RunFolder(parsed.GetValue(folder)!), Point(parsed.GetValue(start)!, "--start"),
            Point(parsed.GetValue(goal)!, "--goal"), parsed.GetValue(seed), DeviceOption.Read(parsed, device), new Output(parsed.GetValue(json))));
        return command;
    }

    private static int Run(RunFolder folder, float[] start, float[] goal, ulong seed, Device device, Output output)
    {
        RunConfig config = folder.ReadConfig();
        using LeWorldModel model = LeWorldModelCheckpoint.Load(folder.Model, device);
        using var planner = new LatentPlanner(new LeWorldModelAdaptor(model), config.Planner);
        var world = new TwoRoom(config.Model.ImageSize);
        byte[] frames = new byte[2 * world.Height * world.Width * 3];
        world.SetState(goal);
        world.Render(frames.AsSpan(frames.Length / 2));
        world.SetState(start);
        world.Render(frames.AsSpan(0, frames.Length / 2));
        ReadOnlySpan<byte> now = frames.AsSpan(0, frames.Length / 2), then = frames.AsSpan(frames.Length / 2);
        Plan plan = planner.Plan(now, then, new PlanOptions { Seed = seed });
        float[] actions = [.. plan.Blocks.SelectMany(block => block)];
        bool reached = false;
        int size = world.ActionLow.Length, perBlock = model.Config.ActionWidth / size;
        for (int step = 0; step < actions.Length / size && !reached; step++)
        {
            if (step % perBlock == 0)
                Show(step);
            world.Step(actions.AsSpan(step * size, size));
            reached = world.Reached(goal);
            if (reached)
                Show(step + 1);
        }
        output.Line(reached ? "The goal is reached." : "The goal is not reached in one plan; 'jepa eval' replans on the way.");
        output.Record(new JsonObject { ["cost"] = plan.Cost, ["reached"] = reached }.ToJsonString());
        return ExitCode.Ok;

        void Show(int step)
        {
            ReadOnlySpan<float> action = actions.AsSpan(Math.Min(step, actions.Length / size - 1) * size, size);
            output.Line($"step {step,3} | at ({world.State[0]:0.0}, {world.State[1]:0.0}) | action ({action[0]:0.00}, {action[1]:0.00})");
            output.Record(new JsonObject { ["step"] = step, ["x"] = world.State[0], ["y"] = world.State[1] }.ToJsonString());
        }
    }

    private static float[] Point(string text, string option)
    {
        string[] parts = text.Split(',');
        if (parts.Length == 2 && float.TryParse(parts[0], out float x) && float.TryParse(parts[1], out float y)
            && x is >= 0 and < TwoRoom.SceneSize && y is >= 0 and < TwoRoom.SceneSize)
        {
            var world = new TwoRoom();
            world.SetState([x, y]);
            world.Step([0, 0]);
            return world.State.SequenceEqual([x, y]) ? [x, y]
                : throw new UsageException($"{option} is '{text}', which is in a wall; the nearest place that the "
                    + $"agent can be at is {world.State[0]:0.#},{world.State[1]:0.#}");
        }
        throw new UsageException($"{option} is '{text}'; it is x,y with both in [0, {TwoRoom.SceneSize})");
    }
}
