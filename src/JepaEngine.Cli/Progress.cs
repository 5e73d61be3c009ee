namespace JepaEngine.Cli;

/// <summary>A line at the terminal that says how far work has come and how long it still takes; nothing where the errors go to no terminal.</summary>
/// <param name="step">What a step is called.</param>
/// <param name="steps">How many there are.</param>
internal sealed class Progress(string step, int steps)
{
    private readonly Stopwatch clock = Stopwatch.StartNew();
    private int width;

    /// <summary>Step <paramref name="index"/>, from 0, is done; the last one wipes the line.</summary>
    public void Done(int index)
    {
        if (Console.IsErrorRedirected)
            return;
        int done = index + 1;
        string text = done == steps ? "" : $"{step} {done} of {steps}, {clock.Elapsed.TotalSeconds / done * (steps - done):0} s left";
        Console.Error.Write($"\r{text.PadRight(width)}{(done == steps ? "\r" : "")}");
        width = text.Length;
    }
}
