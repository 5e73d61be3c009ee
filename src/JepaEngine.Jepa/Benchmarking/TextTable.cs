using System.Text;

namespace JepaEngine.Jepa.Benchmarking;

/// <summary>Rows of text under heads; columns of text are aligned left, of numbers right.</summary>
internal static class TextTable
{
    /// <summary>Text whose numbers have a dot on every machine.</summary>
    public static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>As <see cref="Plain"/>, a row an item.</summary>
    public static IEnumerable<string> Plain<T>((string Head, bool IsText, Func<T, string> Cell)[] columns, IEnumerable<T> items) =>
        Plain(Heads(columns), Rows(columns, items));

    /// <summary>As <see cref="Markdown"/>, a row an item.</summary>
    public static IEnumerable<string> Markdown<T>((string Head, bool IsText, Func<T, string> Cell)[] columns, IEnumerable<T> items) =>
        Markdown(Heads(columns), Rows(columns, items));

    /// <summary>Aligned with spaces, for a terminal.</summary>
    public static IEnumerable<string> Plain((string Head, bool IsText)[] columns, IEnumerable<string[]> rows) => Aligned(columns, rows, "  ", "", "");

    /// <summary>Markdown, which is aligned too.</summary>
    public static IEnumerable<string> Markdown((string Head, bool IsText)[] columns, IEnumerable<string[]> rows)
    {
        string[] lines = [.. Aligned(columns, rows, " | ", "| ", " |")];
        return [lines[0], "|" + string.Join('|', columns.Select(column => column.IsText ? "---" : "--:")) + "|", .. lines[1..]];
    }

    private static (string Head, bool IsText)[] Heads<T>((string Head, bool IsText, Func<T, string> Cell)[] columns) =>
        [.. columns.Select(column => (column.Head, column.IsText))];

    private static IEnumerable<string[]> Rows<T>((string Head, bool IsText, Func<T, string> Cell)[] columns, IEnumerable<T> items) =>
        items.Select(item => columns.Select(column => column.Cell(item)).ToArray());

    private static IEnumerable<string> Aligned((string Head, bool IsText)[] columns, IEnumerable<string[]> rows, string between, string before, string after)
    {
        string[][] all = [[.. columns.Select(column => column.Head)], .. rows];
        int[] widths = [.. columns.Select((_, i) => all.Max(row => row[i].Length))];
        foreach (string[] row in all)
        {
            var line = new StringBuilder(before);
            for (int i = 0; i < row.Length; i++)
                line.Append(i == 0 ? "" : between).Append(columns[i].IsText ? row[i].PadRight(widths[i]) : row[i].PadLeft(widths[i]));
            yield return line.Append(after).ToString().TrimEnd();
        }
    }
}
