namespace JepaEngine.Memory;

/// <summary>The device has no memory for a block; the message says how much is in use and what to change.</summary>
public sealed class MemoryRefusedException(string message, Exception? inner = null) : Exception(message, inner);
