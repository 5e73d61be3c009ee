namespace JepaEngine.Optim;

/// <summary>Learning rates and other numbers that change with the step; the first step is 0.</summary>
public static class Schedule
{
    /// <summary>
    /// Linear from <paramref name="start"/> to <paramref name="peak"/> over the warm-up, then half a cosine down to <paramref name="end"/> at
    /// <paramref name="totalSteps"/>.
    /// </summary>
    public static double WarmupCosine(long step, long warmupSteps, long totalSteps, double peak, double start = 0, double end = 0)
    {
        if (step < warmupSteps)
            return start + (peak - start) * step / warmupSteps;
        double progress = Math.Min(1, (step - warmupSteps) / (double)Math.Max(1, totalSteps - warmupSteps));
        return end + (peak - end) * 0.5 * (1 + Math.Cos(Math.PI * progress));
    }

    /// <summary>Linear from <paramref name="start"/> to <paramref name="end"/> over all steps: the EMA decay of I-JEPA and V-JEPA.</summary>
    public static double Linear(long step, long totalSteps, double start, double end) =>
        start + (end - start) * Math.Min(1, step / (double)Math.Max(1, totalSteps));
}
