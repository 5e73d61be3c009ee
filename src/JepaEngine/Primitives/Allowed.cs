using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace JepaEngine.Primitives;

/// <summary>
/// Refuses settings that cannot be: the message names the setting as JSON does, its value and what is allowed, as
/// <c>planner.cem.elites is 0; it is 2 to 256</c>.
/// </summary>
/// <param name="part">What the settings are of.</param>
public readonly struct Allowed(string part)
{
    /// <summary>A number from one to another; NaN is never.</summary>
    /// <exception cref="ArgumentException">It is outside.</exception>
    public void Range<T>(T value, T least, T most, [CallerArgumentExpression(nameof(value))] string name = "")
        where T : INumber<T> =>
        Require(value >= least && value <= most, $"{part}.{Key(name)} is {value}; it is {least} to {most}");

    /// <summary>A number above one, up to another; NaN is never.</summary>
    /// <exception cref="ArgumentException">It is outside.</exception>
    public void Above<T>(T value, T bound, T most, [CallerArgumentExpression(nameof(value))] string name = "")
        where T : INumber<T> =>
        Require(value > bound && value <= most, $"{part}.{Key(name)} is {value}; it is above {bound}, up to {most}");

    /// <summary>Three numbers up to a million in size, one a colour channel.</summary>
    /// <exception cref="ArgumentException">They are others.</exception>
    public void Channels(float[] values, [CallerArgumentExpression(nameof(values))] string name = "") =>
        Require(values is { Length: 3 } && values.All(value => Math.Abs(value) <= 1e6f),
            $"{part}.{Key(name)} is {List(values)}; it is three numbers from -1e6 to 1e6");

    /// <summary>Numbers to divide by: from a billionth to a billion, so that a quotient is neither nothing nor
    /// infinite.</summary>
    /// <exception cref="ArgumentException">One is not.</exception>
    public void Divisors(float[] values, [CallerArgumentExpression(nameof(values))] string name = "") =>
        Require(values.All(value => value is >= 1e-9f and <= 1e9f), $"{part}.{Key(name)} is {List(values)}; "
            + $"each is 1e-9 to 1e9");

    /// <summary>A value that its enumeration names.</summary>
    /// <exception cref="ArgumentException">It does not.</exception>
    public void Named<T>(T value, [CallerArgumentExpression(nameof(value))] string name = "") where T : struct, Enum =>
        Require(Enum.IsDefined(value), $"{part}.{Key(name)} is {value}; it is {string.Join(" or ", Enum.GetNames<T>())}");

    /// <summary>What holds between settings.</summary>
    /// <exception cref="ArgumentException">It does not.</exception>
    public void If(bool condition, [InterpolatedStringHandlerArgument(nameof(condition))] ref RequireMessage fault)
    {
        if (!condition)
            throw new ArgumentException($"{part}: {fault.ToString()}");
    }

    private static void Require(bool condition, [InterpolatedStringHandlerArgument(nameof(condition))] ref RequireMessage fault)
    {
        if (!condition)
            throw new ArgumentException(fault.ToString());
    }

    private static string List(float[]? values) => values is null
        ? "null" : $"[{string.Join(", ", values.Take(8).Select(value => value.ToString(CultureInfo.InvariantCulture)))}]";

    /// <summary>A property's path as JSON names it.</summary>
    private static string Key(string name) =>
        string.Join('.', name.Split('.').Select(word => char.ToLowerInvariant(word[0]) + word[1..]));
}
