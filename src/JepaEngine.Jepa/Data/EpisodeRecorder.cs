using JepaEngine.Jepa.Environments;

namespace JepaEngine.Jepa.Data;

/// <summary>Lets a policy act in an environment and writes down what happens.</summary>
public static class EpisodeRecorder
{
    /// <summary>Records episodes without frames into a file, whole or not at all; who reads it draws them from the states.</summary>
    /// <param name="path">The file.</param>
    /// <param name="environment">The world.</param>
    /// <param name="policy">A new policy for an episode, drawing from the episode's stream.</param>
    /// <param name="episodes">How many.</param>
    /// <param name="steps">Steps of each.</param>
    /// <param name="key">Seed and stream of the recording.</param>
    public static void Record(string path, IEnvironment environment, Func<PhiloxRandom, IPolicy> policy, int episodes, int steps, PhiloxKey key)
    {
        using var writer = new EpisodeFileWriter(path, new EpisodeFormat(environment.Name, environment.StateSize, environment.ActionLow.Length));
        Record(writer, environment, policy, episodes, steps, key);
        writer.Complete();
    }

    /// <summary>Records episodes; each has its own random stream, so its content does not depend on the others.</summary>
    /// <param name="writer">Where they go; frames are recorded if its format has them.</param>
    /// <param name="environment">The world.</param>
    /// <param name="policy">A new policy for an episode, drawing from the episode's stream.</param>
    /// <param name="episodes">How many.</param>
    /// <param name="steps">Steps of each.</param>
    /// <param name="key">Seed and stream of the recording.</param>
    public static void Record(EpisodeFileWriter writer, IEnvironment environment, Func<PhiloxRandom, IPolicy> policy, int episodes,
        int steps, PhiloxKey key)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(environment);
        ArgumentNullException.ThrowIfNull(policy);
        int stateSize = environment.StateSize, actionSize = environment.ActionLow.Length, frameBytes = (int)writer.Format.FrameBytes;
        float[] states = new float[(steps + 1) * stateSize], actions = new float[steps * actionSize];
        byte[] frames = new byte[(steps + 1) * frameBytes];
        for (int episode = 0; episode < episodes; episode++)
        {
            var random = new PhiloxRandom(key.Child((ulong)episode));
            environment.Reset(random);
            var actor = policy(random);
            for (int t = 0; t <= steps; t++)
            {
                environment.State.CopyTo(states.AsSpan(t * stateSize));
                if (frameBytes > 0)
                    environment.Render(frames.AsSpan(t * frameBytes, frameBytes));
                if (t == steps)
                    break;
                var action = actions.AsSpan(t * actionSize, actionSize);
                actor.Act(environment.State, action);
                environment.Step(action);
            }
            writer.Add(states, actions, frames);
        }
    }
}
