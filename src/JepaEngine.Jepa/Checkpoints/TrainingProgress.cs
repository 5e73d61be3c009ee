namespace JepaEngine.Jepa.Checkpoints;

/// <summary>How far a training has come: with model, optimiser and average all that its next step needs.</summary>
public readonly record struct TrainingProgress
{
    /// <summary>What the running loss keeps of itself a step.</summary>
    private const double Kept = 0.98;

    private const string StepKey = "step", SkippedKey = "skipped", InARowKey = "skippedInARow", LossKey = "loss";

    /// <summary>Steps done, skipped ones included.</summary>
    public int Step { get; init; }

    /// <summary>Steps that were skipped because loss or gradient were not finite.</summary>
    public int Skipped { get; init; }

    /// <summary>How many of them were the latest ones.</summary>
    public int SkippedInARow { get; init; }

    /// <summary>Running mean of the loss over the latest steps; null before the first that was applied.</summary>
    public double? Loss { get; init; }

    /// <summary>The progress one step later.</summary>
    /// <param name="loss">Of the step.</param>
    /// <param name="applied">False where it was skipped.</param>
    public TrainingProgress After(double loss, bool applied) => new()
    {
        Step = Step + 1,
        Skipped = Skipped + (applied ? 0 : 1),
        SkippedInARow = applied ? 0 : SkippedInARow + 1,
        Loss = !applied ? Loss : Loss is { } mean ? Kept * mean + (1 - Kept) * loss : loss,
    };

    /// <summary>Puts the progress into a file's metadata.</summary>
    internal void Write(Dictionary<string, string> metadata)
    {
        metadata[StepKey] = Step.ToString(CultureInfo.InvariantCulture);
        metadata[SkippedKey] = Skipped.ToString(CultureInfo.InvariantCulture);
        metadata[InARowKey] = SkippedInARow.ToString(CultureInfo.InvariantCulture);
        if (Loss is { } loss)
            metadata[LossKey] = loss.ToString("R", CultureInfo.InvariantCulture);
    }

    /// <summary>The progress of a file's metadata; null where they tell none.</summary>
    internal static TrainingProgress? Read(IReadOnlyDictionary<string, string> metadata)
    {
        if (Number(StepKey) is not { } step || Number(SkippedKey) is not { } skipped || Number(InARowKey) is not { } row
            || skipped > step || row > skipped)
            return null;
        double? loss = null;
        if (metadata.TryGetValue(LossKey, out string? text))
        {
            if (!double.TryParse(text, CultureInfo.InvariantCulture, out double value) || !double.IsFinite(value))
                return null;
            loss = value;
        }
        return new TrainingProgress { Step = step, Skipped = skipped, SkippedInARow = row, Loss = loss };

        int? Number(string key) => metadata.TryGetValue(key, out string? text)
            && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : null;
    }
}
