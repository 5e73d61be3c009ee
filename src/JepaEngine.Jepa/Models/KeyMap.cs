namespace JepaEngine.Jepa.Models;

/// <summary>
/// Where a parameter lies in a file: the <paramref name="Part"/>-th of <paramref name="Parts"/> equal pieces of a
/// tensor, or several tensors; pieces and
/// tensors are stacked along the first dimension.
/// </summary>
/// <param name="Keys">The tensor, or the tensors in their order.</param>
/// <param name="Part">Which piece.</param>
/// <param name="Parts">Of how many; 1 is the whole tensor.</param>
public sealed record KeyPlace(string[] Keys, int Part, int Parts)
{
    /// <summary>The shape of each tensor in the file, where the parameter has this one.</summary>
    public Shape Whole(in Shape parameter) =>
        parameter.Rank == 0 ? parameter : parameter.With(0, parameter[0] * Parts / Keys.Length);
}

/// <summary>How one layout of a family's files names the model's parameters. A pattern names modules or parameters; *
/// is a block's number, and weight, bias and so on keep their names. A target ending with [i/n] is the i-th of n
/// pieces, one with + is several tensors.</summary>
public sealed class KeyMap(params IEnumerable<(string Ours, string Theirs)> patterns)
{
    private readonly Dictionary<string, string> map = patterns.ToDictionary(p => p.Ours, p => p.Theirs);

    /// <summary>The same names on both sides.</summary>
    public static KeyMap Own { get; } = new();

    /// <summary>Keys whose tensors have another number of dimensions in the file than their parameters, and these
    /// dimensions.</summary>
    public Func<string, Shape, Shape> Written { get; init; } = (_, shape) => shape;

    /// <summary>Where a parameter lies; null where the layout has no place for it: Hugging Face's I-JEPA has none for
    /// the predictor.</summary>
    public KeyPlace? Find(string name)
    {
        string[] words = name.Split('.');
        int number = Array.FindIndex(words, word => char.IsAsciiDigit(word[0]));
        string block = number < 0 ? "" : words[number], ending = "." + words[^1];
        if (number >= 0)
            words[number] = "*";
        string pattern = string.Join('.', words);
        if (map.Count == 0)
            return new KeyPlace([name], 0, 1);
        int cut = Math.Max(0, name.Length - ending.Length), patternCut = Math.Max(0, pattern.Length - ending.Length);
        return Place(name, "") ?? Place(pattern, "") ?? Place(name[..cut], ending) ?? Place(pattern[..patternCut], ending);

        KeyPlace? Place(string ours, string rest)
        {
            if (!map.TryGetValue(ours, out string? theirs))
                return null;
            theirs = theirs.Replace("*", block);
            int bracket = theirs.IndexOf('['), slash = theirs.IndexOf('/');
            return bracket < 0
                ? new KeyPlace(Array.ConvertAll(theirs.Split(" + "), key => key + rest), 0, 1)
                : new KeyPlace([theirs[..bracket] + rest], Number(theirs[(bracket + 1)..slash]), Number(theirs[(slash + 1)..^1]));
        }
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
