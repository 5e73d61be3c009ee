using System.Globalization;

namespace JepaEngine.IO;

/// <summary>The dictionary of an npy header, as in <c>{'descr': '&lt;f4', 'fortran_order': False, 'shape': (3, 4), }</c>.</summary>
internal sealed class NpyHeader
{
    /// <summary>The type of what has several fields; its header is not read on.</summary>
    public const string Records = "[";

    private readonly string path, name, text;
    private int position;

    public NpyHeader(string path, string name, string text)
    {
        (this.path, this.name, this.text) = (path, name, text);
        string? type = null;
        bool? fortran = null;
        List<long>? shape = null;
        Expect('{');
        while (!Next('}'))
        {
            string key = Quoted();
            Expect(':');
            if (key == "descr" && Next('['))
            {
                (Type, Shape) = (Records, []);
                return;
            }
            if (key == "descr" && type is null)
                type = Quoted();
            else if (key == "fortran_order" && fortran is null)
                fortran = Word("True") || (Word("False") ? false : throw Damaged());
            else if (key == "shape" && shape is null)
                shape = Tuple();
            else
                throw Damaged();
            if (!Next(','))
            {
                Expect('}');
                break;
            }
        }
        (Type, IsFortran, Shape) = (type ?? throw Damaged(), fortran ?? throw Damaged(), shape ?? throw Damaged());
    }

    /// <summary>Type of an element, as numpy writes it.</summary>
    public string Type { get; }

    /// <summary>Whether columns are neighbours instead of rows.</summary>
    public bool IsFortran { get; }

    /// <summary>The lengths.</summary>
    public IReadOnlyList<long> Shape { get; }

    private List<long> Tuple()
    {
        List<long> lengths = [];
        Expect('(');
        while (!Next(')'))
        {
            int digits = text.AsSpan(position).IndexOfAnyExceptInRange('0', '9');
            if (digits < 1 || !long.TryParse(text.AsSpan(position, digits), CultureInfo.InvariantCulture, out long length))
                throw Damaged();
            lengths.Add(length);
            position += digits;
            if (!Next(','))
            {
                Expect(')');
                break;
            }
        }
        return lengths;
    }

    private string Quoted()
    {
        Expect('\'');
        int end = text.IndexOf('\'', position);
        if (end < 0)
            throw Damaged();
        string quoted = text[position..end];
        position = end + 1;
        return quoted;
    }

    private bool Word(string word)
    {
        bool found = string.CompareOrdinal(text, position, word, 0, word.Length) == 0;
        position += found ? word.Length : 0;
        return found;
    }

    private bool Next(char letter)
    {
        while (position < text.Length && text[position] is ' ' or '\n')
            position++;
        bool found = position < text.Length && text[position] == letter;
        position += found ? 1 : 0;
        while (found && position < text.Length && text[position] == ' ')
            position++;
        return found;
    }

    private void Expect(char letter)
    {
        if (!Next(letter))
            throw Damaged();
    }

    private BadFileException Damaged() => new(path, $"'{name}' has no npy header about letter {position} of it; the file is damaged");
}
