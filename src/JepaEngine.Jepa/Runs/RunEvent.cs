using JepaEngine.Jepa.Training;

namespace JepaEngine.Jepa.Runs;

/// <summary>
/// What happens in a run, told as it happens, on the thread that runs it or, of episodes, one at a time.
/// </summary>
public abstract record RunEvent
{
    private RunEvent() { }

    /// <summary>Episodes of random moves are being recorded.</summary>
    public sealed record Recording(int Episodes) : RunEvent;

    /// <summary>Training begins.</summary>
    /// <param name="Parameters">Trained numbers of the model.</param>
    /// <param name="Episodes">Episodes it learns from.</param>
    /// <param name="Device">What computes.</param>
    public sealed record Training(long Parameters, int Episodes, string Device) : RunEvent;

    /// <summary>A resumed run computes otherwise than until then: its numbers may differ in their last bits from those
    /// of a run that was left alone.</summary>
    /// <param name="Before">What computed.</param>
    /// <param name="Now">What computes.</param>
    public sealed record OtherDevice(string Before, string Now) : RunEvent;

    /// <summary>A training step is done.</summary>
    public sealed record Stepped(TrainStep Step) : RunEvent;

    /// <summary>A checkpoint or the log could not be written; training goes on, and tries again.</summary>
    /// <param name="Step">The latest step.</param>
    /// <param name="Fault">What could not be written, and why.</param>
    public sealed record NotSaved(int Step, string Fault) : RunEvent;

    /// <summary>A checkpoint was saved, but its copy cannot be kept or an earlier one not removed; training goes on,
    /// and tries again.</summary>
    /// <param name="Step">The latest step.</param>
    /// <param name="Fault">What could not be done, and why.</param>
    public sealed record NotKept(int Step, string Fault) : RunEvent;

    /// <summary>Training is over.</summary>
    /// <param name="Outcome">How it ended.</param>
    /// <param name="Skipped">Steps that were not finite.</param>
    /// <param name="Saved">Whether the folder holds the run; false where it ended before a step was done, and all is
    /// as it was.</param>
    public sealed record Trained(TrainOutcome Outcome, int Skipped, bool Saved) : RunEvent;

    /// <summary>An episode was played by planning.</summary>
    /// <param name="Done">Episodes played so far.</param>
    /// <param name="Episodes">Of so many.</param>
    /// <param name="Reached">Of those played, how many reached their goal.</param>
    public sealed record Played(int Done, int Episodes, int Reached) : RunEvent;
}
