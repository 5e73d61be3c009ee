namespace JepaEngine.Primitives;

/// <summary>What was computed is not finite; the message is one line that names the first place where it is
/// not.</summary>
public sealed class NumericException(string message) : ArithmeticException(message);
