using System.Runtime.ExceptionServices;
using JepaEngine.Backends.Cpu;
using JepaEngine.Jepa.Environments;

namespace JepaEngine.Jepa.Planning;

/// <summary>Which episodes are played, and how long.</summary>
public sealed record ClosedLoopOptions
{
    /// <summary>Number of episodes.</summary>
    public int Episodes { get; init; } = 200;

    /// <summary>Environment steps an episode may take.</summary>
    public int Budget { get; init; } = 100;

    /// <summary>Decides starts, goals and every draw. The same seed gives every policy the same tasks.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Of the first so many episodes the imagined trajectory of each plan is kept.</summary>
    public int Traced { get; init; }
}

/// <summary>How an episode went.</summary>
/// <param name="Episode">Its number.</param>
/// <param name="Task">Start and goal.</param>
/// <param name="Success">Whether the goal was reached within the budget.</param>
/// <param name="Path">The states it went through, [steps + 1, S].</param>
/// <param name="Imagined">For each plan of a traced episode the embeddings it leads to in imagination, [H, D].</param>
public sealed record EpisodeResult(int Episode, GoalTask Task, bool Success, float[] Path, float[][] Imagined)
{
    /// <summary>Environment steps taken.</summary>
    public int Steps => Path.Length / Task.Start.Length - 1;
}

/// <summary>Plays goal-reaching episodes: with a planner that sees frames only, replanning as it goes, or with a policy that knows the state.</summary>
public static class ClosedLoop
{
    /// <summary>
    /// Plays with a world model's planner. Each core plays episodes of its own on a one-thread copy of the model: a plan is thousands of small kernels,
    /// which gain more from a core's own cache than from a second core. Results do not depend on the number of cores. On a GPU one episode is played
    /// after another, by the model itself.
    /// </summary>
    /// <param name="world">A trained model.</param>
    /// <param name="planner">How it plans.</param>
    /// <param name="createEnvironment">A new environment for a core.</param>
    /// <param name="options">Which episodes.</param>
    /// <param name="progress">Told of each episode as it ends, one at a time.</param>
    /// <param name="cancellation">Ends the evaluation between plans.</param>
    /// <exception cref="ArgumentException">The planner's settings cannot be.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <exception cref="Exception">What the environment threw, as itself; the other cores end with the episodes they
    /// play.</exception>
    public static EpisodeResult[] Play(IWorldModel world, LatentPlannerOptions planner,
        Func<IEnvironment> createEnvironment, ClosedLoopOptions options, Action<EpisodeResult>? progress = null,
        CancellationToken cancellation = default)
    {
        planner.Validate();
        using IWorldModel? copy = world.Device.IsHost ? world.Copy(world.Device.With(threads: 1)) : null;
        IWorldModel played = copy ?? world;
        var results = new EpisodeResult[options.Episodes];
        var reporting = new Lock();
        int next = -1, cores = copy is null ? 1 : Math.Min(CpuIsas.ThreadsFromEnvironment(), options.Episodes);
        try
        {
            Parallel.For(0, cores, new ParallelOptions { MaxDegreeOfParallelism = cores, CancellationToken = cancellation }, PlayOnOneCore);
        }
        catch (AggregateException error)
        {
            ExceptionDispatchInfo.Throw(error.InnerExceptions[0]);
        }
        return results;

        void PlayOnOneCore(int core, ParallelLoopState all)
        {
            using var own = new LatentPlanner(played, planner);
            var player = new Player(own, played.Device, createEnvironment(), options);
            int episode;
            while (!all.IsExceptional && (episode = Interlocked.Increment(ref next)) < options.Episodes)
            {
                EpisodeResult result = results[episode] = player.Play(episode, cancellation);
                lock (reporting)
                    progress?.Invoke(result);
            }
        }
    }

    /// <summary>Plays the same episodes with a policy that sees the true state.</summary>
    public static EpisodeResult[] Play(IEnvironment environment, Func<GoalTask, PhiloxRandom, IPolicy> createPolicy, ClosedLoopOptions options)
    {
        var results = new EpisodeResult[options.Episodes];
        float[] action = new float[environment.ActionLow.Length];
        var key = new PhiloxKey(options.Seed);
        for (int episode = 0; episode < results.Length; episode++)
        {
            GoalTask task = environment.SampleTask(key, episode);
            IPolicy policy = createPolicy(task, new PhiloxRandom(key.Child((ulong)episode).Child(1)));
            environment.SetState(task.Start);
            var path = new List<float>(environment.State.ToArray());
            bool success = false;
            for (int step = 0; step < options.Budget && !success; step++)
            {
                policy.Act(environment.State, action);
                environment.Step(action);
                path.AddRange(environment.State);
                success = environment.Reached(task.Goal);
            }
            results[episode] = new EpisodeResult(episode, task, success, [.. path], []);
        }
        return results;
    }

    /// <summary>Plays one episode after another.</summary>
    private sealed class Player(LatentPlanner planner, Device device, IEnvironment environment, ClosedLoopOptions options)
    {
        private readonly byte[] frame = new byte[environment.Height * environment.Width * 3];
        private readonly CemOptions cem = planner.Options.Cem;

        public EpisodeResult Play(int episode, CancellationToken cancellation)
        {
            var seed = new PhiloxKey(options.Seed);
            GoalTask task = environment.SampleTask(seed, episode);
            using var memory = new TensorScope(device, "episode");
            Tensor goal = Look(memory, task.Goal);
            environment.SetState(task.Start);
            var path = new List<float>(task.Start);
            var imagined = new List<float[]>();
            bool success = false;
            for (ulong plan = 0; !success && path.Count / task.Start.Length <= options.Budget; plan++)
            {
                cancellation.ThrowIfCancellationRequested();
                using var scope = new TensorScope(device, "plan");
                Tensor start = Look(scope, environment.State);
                float[] actions = new float[cem.Horizon * cem.ActionSize], cost = new float[1];
                PhiloxKey key = seed.Child((ulong)episode).Child(2).Child(plan);
                planner.Plan(start, goal, [key], actions, cost, cancellation);
                if (episode < options.Traced)
                    imagined.Add(planner.Imagine(start, actions).ToArray<float>());
                success = Execute(actions.AsSpan(0, planner.Options.ExecuteBlocks * cem.ActionSize), task, path);
            }
            return new EpisodeResult(episode, task, success, [.. path], [.. imagined]);
        }

        /// <summary>The embedding [1, D] of a state's frame; leaves the environment in that state.</summary>
        private Tensor Look(TensorScope scope, ReadOnlySpan<float> state)
        {
            environment.SetState(state);
            environment.Render(frame);
            return planner.Encode(scope, frame);
        }

        private bool Execute(ReadOnlySpan<float> actions, GoalTask task, List<float> path)
        {
            float[] steps = planner.ToEnvironment(actions);
            int size = environment.ActionLow.Length;
            for (int at = 0; at < steps.Length && path.Count / task.Start.Length <= options.Budget; at += size)
            {
                environment.Step(steps.AsSpan(at, size));
                path.AddRange(environment.State);
                if (environment.Reached(task.Goal))
                    return true;
            }
            return false;
        }
    }
}
