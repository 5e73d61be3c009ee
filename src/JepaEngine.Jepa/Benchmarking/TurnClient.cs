namespace JepaEngine.Jepa.Benchmarking;

/// <summary>
/// A bench that another process paces: it asks for every visit with a line, and makes the visit when a line comes back. So two builds are measured by turns, each
/// started and compiled once, and never both at work.
/// </summary>
/// <param name="from">Where answers come from.</param>
/// <param name="to">Where questions go to.</param>
/// <param name="visits">How many visits there will be.</param>
public sealed class TurnClient(TextReader from, TextWriter to, int visits)
{
    private const string Question = "turn of ";

    /// <summary>A visit is done: waits for the next one's turn. Before the first one, call it with −1.</summary>
    /// <param name="visit">Its number, from 0; after the last nothing is asked for.</param>
    /// <exception cref="OperationCanceledException">Nobody answers any more.</exception>
    public void Done(int visit)
    {
        if (visit + 1 == visits)
            return;
        to.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Question}{visits}"));
        to.Flush();
        if (from.ReadLine() is null)
            throw new OperationCanceledException();
    }

    /// <summary>How many visits a question says that there are; null where the line is no question.</summary>
    internal static int? Visits(string line) =>
        line.StartsWith(Question, StringComparison.Ordinal) && int.TryParse(line.AsSpan(Question.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int visits)
            ? visits
            : null;
}
