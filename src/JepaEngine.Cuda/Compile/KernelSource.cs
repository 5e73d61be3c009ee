namespace JepaEngine.Cuda.Compile;

/// <summary>One compilation of a kernel file: the unit that is compiled, cached and loaded.</summary>
/// <param name="File">The file below <c>kernels/</c> without its ending, as <c>layernorm</c>.</param>
/// <param name="Real">The tier, what <c>REAL</c> is: <c>float</c> or <c>bf16</c>.</param>
/// <param name="Width">What <c>WIDTH</c> is, an attention head's columns; 0 leaves it undefined.</param>
public readonly record struct KernelSource(string File, string Real, int Width = 0)
{
    /// <summary>The file's path below <c>kernels/</c>.</summary>
    public string Path => $"{File}.cu";

    /// <summary>The compiler's options that say which compilation it is.</summary>
    public IEnumerable<string> Defines => Width == 0 ? [$"-DREAL={Real}"] : [$"-DREAL={Real}", $"-DWIDTH={Width}"];

    /// <summary>As <c>attention bf16 64</c>.</summary>
    public override string ToString() => Width == 0 ? $"{File} {Real}" : $"{File} {Real} {Width}";
}
