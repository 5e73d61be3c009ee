namespace JepaEngine.Primitives;

/// <summary>Finds the name somebody probably meant.</summary>
public static class Nearest
{
    /// <summary>Steps that a search may take, some 20 ms: names in a file may be many and long.</summary>
    private const int Budget = 10_000_000;

    /// <summary>The candidate with the fewest single-letter edits from <paramref name="name"/>, or after ten million
    /// steps the best so far, those of a like length first; empty where there are none.</summary>
    public static string Of(string name, IEnumerable<string> candidates)
    {
        string wanted = name.ToLowerInvariant();
        string? nearest = null;
        (int best, int left) = (int.MaxValue, Budget);
        foreach (string candidate in candidates.OrderBy(candidate => Math.Abs(candidate.Length - name.Length)))
        {
            // All that come now are longer or shorter by as many letters.
            if (left <= 0 || Math.Abs(candidate.Length - name.Length) >= best)
                break;
            int distance = Distance(wanted, candidate.ToLowerInvariant(), best - 1, ref left);
            if (distance < best || nearest is null)
                (nearest, best) = (candidate, distance);
        }
        return nearest ?? "";
    }

    /// <summary>Levenshtein's distance; more than the most where it is more, or there are no steps left.</summary>
    private static int Distance(ReadOnlySpan<char> a, ReadOnlySpan<char> b, int most, ref int left)
    {
        int same = a.CommonPrefixLength(b);
        a = a[same..];
        b = b[same..];
        most = Math.Min(most, Math.Max(a.Length, b.Length));
        // Cells further from the diagonal than that are of longer ways.
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        left -= b.Length;
        for (int i = 1; i <= a.Length; i++)
        {
            (int first, int last) = (Math.Max(1, i - most), Math.Min(b.Length, i + most));
            int diagonal = row[first - 1], least = row[first - 1] = first == 1 ? i : most + 1;
            for (int j = first; j <= last; j++)
            {
                int substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1), above = j == i + most ? most + 1 : row[j];
                diagonal = row[j];
                row[j] = Math.Min(substituted, Math.Min(above, row[j - 1]) + 1);
                least = Math.Min(least, row[j]);
            }
            left -= last - first + 1;
            if (least > most || left <= 0)
                return int.MaxValue;
        }
        return row[b.Length];
    }
}
