using System.Globalization;
using JepaEngine.Primitives;

namespace JepaEngine.Jepa.Checkpoints;

/// <summary>
/// Where a parameter lies in a file: the <paramref name="Part"/>-th of <paramref name="Parts"/> equal pieces of a tensor, cut along its first dimension.
/// </summary>
/// <param name="Key">The tensor.</param>
/// <param name="Part">Which piece.</param>
/// <param name="Parts">Of how many; 1 is the whole tensor.</param>
internal readonly record struct Piece(string Key, int Part, int Parts)
{
    /// <summary>The tensor's shape in the file, if the piece has this one.</summary>
    public Shape Whole(in Shape piece) => Parts == 1 ? piece : piece.With(0, piece[0] * Parts);
}

/// <summary>
/// How one layout of a family's files names the model's parameters. A pattern names modules or parameters; * is a block's number, and weight, bias and so on
/// keep their names. A target ending with [i/n] is the i-th of n pieces.
/// </summary>
internal sealed class KeyMap(params IEnumerable<(string Ours, string Theirs)> patterns)
{
    private readonly Dictionary<string, string> map = patterns.ToDictionary(p => p.Ours, p => p.Theirs);

    /// <summary>The same names on both sides.</summary>
    public static KeyMap Own { get; } = new();

    /// <summary>Where a parameter lies.</summary>
    /// <returns>False where the layout has no place for it: Hugging Face's I-JEPA has none for the predictor.</returns>
    public bool TryFind(string name, out Piece piece)
    {
        string[] words = name.Split('.');
        int number = Array.FindIndex(words, word => char.IsAsciiDigit(word[0]));
        string block = number < 0 ? "" : words[number], ending = "." + words[^1];
        if (number >= 0)
            words[number] = "*";
        string pattern = string.Join('.', words);
        Piece? found = map.Count == 0
            ? new Piece(name, 0, 1)
            : Find(name, "") ?? Find(pattern, "") ?? Find(name[..^ending.Length], ending) ?? Find(pattern[..^ending.Length], ending);
        piece = found.GetValueOrDefault();
        return found is not null;

        Piece? Find(string ours, string rest)
        {
            if (!map.TryGetValue(ours, out string? theirs))
                return null;
            theirs = theirs.Replace("*", block);
            int bracket = theirs.IndexOf('['), slash = theirs.IndexOf('/');
            return bracket < 0
                ? new Piece(theirs + rest, 0, 1)
                : new Piece(theirs[..bracket] + rest, Number(theirs[(bracket + 1)..slash]), Number(theirs[(slash + 1)..^1]));
        }
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
