using System.Globalization;
using System.Runtime.CompilerServices;

namespace JepaEngine.Primitives;

/// <summary>The message of a check, formatted only where its condition fails: a check on a hot path allocates nothing.</summary>
[InterpolatedStringHandler]
public ref struct RequireMessage
{
    private DefaultInterpolatedStringHandler inner;

    /// <summary>What the compiler calls for <c>Require(condition, $"..")</c>.</summary>
    public RequireMessage(int literalLength, int formattedCount, bool condition, out bool isEnabled)
    {
        isEnabled = !condition;
        if (isEnabled)
            inner = new DefaultInterpolatedStringHandler(literalLength, formattedCount, CultureInfo.InvariantCulture);
    }

    /// <summary>Adds what stands between holes.</summary>
    public void AppendLiteral(string text) => inner.AppendLiteral(text);

    /// <summary>Adds what stands in a hole.</summary>
    public void AppendFormatted<T>(T value) => inner.AppendFormatted(value);

    /// <summary>The message; once.</summary>
    public override string ToString() => inner.ToStringAndClear();
}
