namespace JepaEngine.Cli;

/// <summary>What the verbs print of a run, and the codes they end with.</summary>
internal sealed class RunLines(RunFolder folder, Output output)
{
    private bool saved;

    /// <summary>An event as it happens.</summary>
    public void Show(RunEvent now)
    {
        switch (now)
        {
            case RunEvent.Recording recording:
                output.Line($"Recording {recording.Episodes} episodes of random moves ...");
                break;
            case RunEvent.Training training:
                output.Line($"A world model of {training.Parameters:N0} parameters learns from {training.Episodes} "
                    + $"episodes on {training.Device}.");
                break;
            case RunEvent.Stepped { Step: var step }:
                output.Record(step.ToJson());
                output.Line(step.ToString());
                break;
            case RunEvent.NotSaved failed:
                Console.Error.WriteLine($"jepa: step {failed.Step} is not saved ({failed.Fault}); training "
                    + $"goes on and tries again");
                break;
            case RunEvent.NotKept failed:
                Console.Error.WriteLine($"jepa: step {failed.Step} is saved, but not kept ({failed.Fault}); training "
                    + "goes on and tries again");
                break;
            case RunEvent.OtherDevice other:
                output.Line($"It was trained on {other.Before} and goes on on {other.Now}: the last bits of its "
                    + "numbers may differ from those of a run on one of them.");
                break;
            case RunEvent.Trained trained:
                saved = trained.Saved;
                if (trained.Skipped > 0)
                    output.Line($"{trained.Skipped} steps were skipped because loss or gradient were not finite.");
                break;
            case RunEvent.Played played when played.Done % 20 == 0 || played.Done == played.Episodes:
                output.Line($"episodes {played.Done,4}/{played.Episodes} | reached {played.Reached} "
                    + $"({100.0 * played.Reached / played.Done:0.0} %)");
                break;
            default:
                break;
        }
    }

    /// <summary>Says how a training run that is not complete ended.</summary>
    /// <returns>The exit code.</returns>
    public int Explain(TrainOutcome outcome)
    {
        switch (outcome)
        {
            case TrainOutcome.Interrupted when !saved:
                output.Line($"Interrupted before a step was done; nothing is saved, and {folder.Root} is as it was.");
                return ExitCode.Interrupted;
            case TrainOutcome.Interrupted:
                output.Line($"Interrupted; saved to {folder.Model}. Go on with: jepa train {folder.Root} --resume");
                return ExitCode.Interrupted;
            case TrainOutcome.Diverged:
                Console.Error.WriteLine($"jepa: {folder.Log}: losses or parameters are not finite any more; lower "
                    + "train.learningRate or look at the data" + (File.Exists(folder.Model) ? $"; {folder.Model} is whole" : ""));
                return ExitCode.Numeric;
            default:
                return ExitCode.Ok;
        }
    }

    /// <summary>Shows the results.</summary>
    /// <returns>The exit code: a figure outside its accepted range is a failed check.</returns>
    public int Show(DemoReportData data)
    {
        output.Line();
        output.Lines(SuccessTable.Lines(data));
        output.Line();
        output.Line($"Report: {Path.GetFullPath(folder.Report)}");
        foreach (PolicyResult policy in data.Policies)
            foreach (GroupResult group in policy.Groups)
                output.Record(SuccessTable.Record(policy, group));
        return data.Checks.All(check => check.Passed) ? ExitCode.Ok : ExitCode.CheckFailed;
    }
}
