namespace JepaEngine.Jepa.Benchmarking;

/// <summary>The other end of a <see cref="TurnClient"/>.</summary>
/// <param name="to">Where answers go to.</param>
/// <param name="from">Where questions come from, and then the results.</param>
public sealed class TurnHost(TextWriter to, TextReader from)
{
    private readonly List<string> lines = [];

    /// <summary>How many visits it will make, once it has asked for the first.</summary>
    public int Visits { get; private set; }

    /// <summary>Whether it waits for a turn.</summary>
    public bool Asks { get; private set; }

    /// <summary>The lines that were no questions: its results.</summary>
    public IReadOnlyList<string> Lines => lines;

    /// <summary>Lets two benches take turns, visit by visit, until both have ended or one has without a result.</summary>
    /// <remarks>
    /// A pair of visits lasts a fraction of a second, so both meet the machine in the same state. Which goes first is drawn: in a fixed order a row of the grid would
    /// always come second, behind the same other row.
    /// </remarks>
    /// <param name="a">One, which asks.</param>
    /// <param name="b">The other.</param>
    /// <param name="visited">Called with the number of pairs done, from 0.</param>
    /// <param name="cancellation">Ends it between two lines.</param>
    public static async Task Alternate(TurnHost a, TurnHost b, Action<int> visited, CancellationToken cancellation)
    {
        var coin = new Random(1);
        for (int pair = 0; (a.Asks || b.Asks) && !a.IsDead && !b.IsDead; pair++)
        {
            bool isReversed = coin.Next(2) == 1;
            await (isReversed ? b : a).Take(cancellation);
            await (isReversed ? a : b).Take(cancellation);
            visited(pair);
        }
    }

    /// <summary>Waits until it asks for a turn or ends.</summary>
    public async Task Listen(CancellationToken cancellation)
    {
        Asks = false;
        while (!Asks && await from.ReadLineAsync(cancellation) is { } line)
        {
            if (TurnClient.Visits(line) is { } visits)
                (Visits, Asks) = (visits, true);
            else
                lines.Add(line);
        }
    }

    /// <summary>Lets it take its turn, where it asks for one, and waits until it asks for the next or ends.</summary>
    public async Task Take(CancellationToken cancellation)
    {
        if (!Asks)
            return;
        try
        {
            await to.WriteLineAsync("go".AsMemory(), cancellation);
            await to.FlushAsync(cancellation);
        }
        catch (IOException)
        {
            // It has ended, as its next line says.
        }
        await Listen(cancellation);
    }

    private bool IsDead => !Asks && lines.Count == 0;
}
