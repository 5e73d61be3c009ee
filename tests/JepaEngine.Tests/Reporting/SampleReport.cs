using JepaEngine.Jepa.Environments;
using JepaEngine.Jepa.Reporting;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.Reporting;

/// <summary>A record with invented but plausible figures, to look at the report and to test it.</summary>
internal static class SampleReport
{
    public static DemoReportData Make()
    {
        var random = new PhiloxRandom(1);
        var traces = Enumerable.Range(0, 6).Select(MakeTrace).ToArray();
        return new DemoReportData
        {
            Created = "2026-01-31 12:34 UTC",
            Parameters = 505_006,
            RecordedStates = 61_000,
            Machine = new MachineFacts("cpu avx512, 2 threads", "AMD EPYC 9R14 <Zen 4>", "Linux 6.8, x64", ".NET 10.0.12"),
            Settings =
            [
                new("Frames", "56 × 56 RGB, 4 a window, 5 steps apart"), new("Batch", "64 windows"), new("Training steps", "400"),
                new("Encoder", "ViT, patch 14, width 96, depth 3, 3 heads"), new("Embedding", "32 numbers"),
                new("Loss", "prediction + 0.1 × SIGReg"), new("Optimiser", "AdamW, lr 0.002, warm-up 20 steps, cosine"),
                new("Planner", "CEM, 256 candidates, 4 iterations, 14 blocks of 5 steps"), new("Seed", "0"),
            ],
            Stages =
            [
                new("Record 1000 episodes", .12), new("Train", 39.41), new("Measure", 2.07), new("Plan and act", 11.84),
                new("Compare", .31), new("Write report", .22),
            ],
            Policies =
            [
                new("World model and planner", [new("same room", 50, 50, 24.1), new("through the door", 49, 50, 45.7)]),
                new("Random, held actions", [new("same room", 12, 50, 48.2), new("through the door", 1, 50, 71)]),
                new("Expert with the true state", [new("same room", 50, 50, 16.2), new("through the door", 50, 50, 31.9)]),
            ],
            Prediction = MakeCurve(400, step =>
                (.022 + .5 * Math.Exp(-step / 45.0) * (1 - .5 * Math.Exp(-step / 4.0))) * Noise(random, .08)),
            SigReg = MakeCurve(400, step => (1.9 + 15 * Math.Exp(-step / 6.0) + 2 * Math.Exp(-step / 90.0)) * Noise(random, .05)),
            EffectiveRank = new Curve([1, 50, 100, 200, 300, 400], [1.6f, 5.2f, 9.1f, 12.6f, 13.9f, 14.3f]),
            Spectrum = [.. Enumerable.Range(0, 32).Select(i => (float)(3.6 * Math.Exp(-i / 5.5)))],
            PatchMaps = [.. Enumerable.Range(0, 6).Select(MakePatchMap)],
            Traces = traces,
            Energy = MakeEnergy(),
            Checks =
            [
                new("R² of the position, read by a linear probe", .9921, .97, null), new("Probe error", 5.62, null, 12, "px"),
                new("Effective rank", 14.3, 9, 17), new("Prediction error / variance, 1 block", .0193, null, .035),
                new("Prediction error / variance, 8 blocks", .1623, null, .15), new("Final prediction loss", .0231, null, .035),
                new("Final SIGReg", 1.93, 1.5, 2.6),
            ],
        };
    }

    private static double Noise(PhiloxRandom random, double size) => Math.Exp(size * random.NextNormal());

    private static Curve MakeCurve(int steps, Func<int, double> value)
    {
        int[] at = [.. Enumerable.Range(1, steps)];
        return new Curve([.. at.Select(step => (float)step)], [.. at.Select(step => (float)value(step))]);
    }

    private static EpisodeTrace MakeTrace(int episode)
    {
        var room = new TwoRoom(56);
        var task = room.SampleTask(new PhiloxKey(5), episode);
        var random = new PhiloxRandom((ulong)episode + 50);
        float[] executed = [.. Walk(room, task, task.Start, random, .5f, episode == 5 ? 12 : 100)];
        var imagined = new List<float[]>();
        for (int from = 0; from < executed.Length / 2; from += 10)
        {
            var walk = Walk(room, task, executed[(2 * from)..(2 * from + 2)], random, .7f, 70);
            imagined.Add([.. walk.Chunk(10).SelectMany(block => block.Take(2))]);
        }
        return new EpisodeTrace(task.Kind, episode != 5, task.Start, task.Goal, executed, [.. imagined]);
    }

    private static List<float> Walk(TwoRoom room, GoalTask task, float[] start, PhiloxRandom random, float noise, int budget)
    {
        room.SetState(start);
        var expert = new ExpertPolicy(task.Goal);
        var path = new List<float>();
        float[] action = new float[2];
        for (int step = 0; step < budget && !room.Reached(task.Goal); step++)
        {
            expert.Act(room.State, action);
            action[0] += noise * random.NextNormal();
            action[1] += noise * random.NextNormal();
            room.Step(action);
            path.AddRange(room.State);
        }
        return path;
    }

    private static PatchMap MakePatchMap(int index)
    {
        var room = new TwoRoom(56);
        float x = 35 + 31 * index, y = 180 - 24 * index;
        room.SetState([x, y]);
        byte[] frame = new byte[56 * 56 * 3];
        room.Render(frame);
        float[] components = new float[4 * 4 * 3];
        for (int i = 0; i < 16; i++)
        {
            float dx = i % 4 * 56 + 28 - x, dy = i / 4 * 56 + 28 - y, near = MathF.Exp(-(dx * dx + dy * dy) / 3000);
            components[3 * i] = 2 * near;
            components[3 * i + 1] = MathF.Sin(i % 4) * .6f + .3f * near;
            components[3 * i + 2] = MathF.Cos(i / 4) * .5f;
        }
        return new PatchMap(56, frame, 4, components);
    }

    private static EnergyLandscape MakeEnergy()
    {
        const int Size = 31;
        float[] costs = new float[Size * Size];
        for (int i = 0; i < costs.Length; i++)
        {
            float x = i % Size / 15f - 1, y = i / Size / 15f - 1;
            costs[i] = 18 * ((x - .7f) * (x - .7f) + .6f * (y + .4f) * (y + .4f)) + 3 * MathF.Sin(4 * x + y);
        }
        return new EnergyLandscape(Size, costs, [.82f, -.31f], 1);
    }
}
