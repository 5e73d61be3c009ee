namespace JepaEngine.Backends.Reference;

/// <summary>
/// The complementary error function to double precision: W. J. Cody, "Rational Chebyshev approximations for the error function",
/// Mathematics of Computation 23 (1969), with the coefficients of his Fortran program CALERF (netlib, specfun/erf).
/// </summary>
internal static class ErrorFunction
{
    // |x| ≤ 0.46875: erf(x) = x P(x²)/Q(x²).
    private static readonly double[] SmallP =
    [
        1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3,
    ];
    private static readonly double[] SmallQ =
    [
        1, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3,
    ];

    // 0.46875 < x ≤ 4: erfc(x) = e^(−x²) P(x)/Q(x).
    private static readonly double[] MiddleP =
    [
        2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1, 2.98635138197400131e2,
        8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3,
    ];
    private static readonly double[] MiddleQ =
    [
        1, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
        3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3,
    ];

    // x > 4: erfc(x) = e^(−x²)/x (1/√π − P(1/x²)/(x² Q(1/x²))).
    private static readonly double[] LargeP =
    [
        1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1, 1.60837851487422766e-2,
        6.58749161529837803e-4,
    ];
    private static readonly double[] LargeQ =
    [
        1, 2.56852019228982242e0, 1.87295284992346047e0, 5.27905102951428412e-1, 6.05183413124413191e-2, 2.33520497626869185e-3,
    ];

    /// <summary>1 − erf(x), without cancellation where it is small.</summary>
    public static double Erfc(double x)
    {
        double size = Math.Abs(x);
        if (size <= 0.46875)
            return 1 - x * Polynomial(SmallP, x * x) / Polynomial(SmallQ, x * x);
        double tail = size <= 4
            ? MinusSquareExp(size) * Polynomial(MiddleP, size) / Polynomial(MiddleQ, size)
            : LargeErfc(size);
        return x < 0 ? 2 - tail : tail;
    }

    private static double LargeErfc(double x)
    {
        // Below the least double; also keeps infinity from becoming 0 · ∞.
        if (x > 27.3)
            return 0;
        double z = 1 / (x * x);
        return MinusSquareExp(x) / x * (1 / Math.Sqrt(Math.PI) - z * Polynomial(LargeP, z) / Polynomial(LargeQ, z));
    }

    /// <summary>e^(−x²): x² is split into an exact part and a small rest, since its absolute error becomes a relative one.</summary>
    private static double MinusSquareExp(double x)
    {
        double head = Math.Truncate(x * 16) / 16;
        return Math.Exp(-head * head) * Math.Exp(-(x - head) * (x + head));
    }

    /// <summary>Horner's scheme; the coefficient of the highest power stands first.</summary>
    private static double Polynomial(double[] coefficients, double x)
    {
        double value = 0;
        foreach (double coefficient in coefficients)
            value = value * x + coefficient;
        return value;
    }
}
