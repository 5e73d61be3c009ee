using JepaEngine.Autograd;
using JepaEngine.Backends;
using JepaEngine.Devices;
using JepaEngine.Tensors;

namespace JepaEngine.Ops;

public static partial class TensorOps
{
    /// <summary>
    /// SIGReg (LeJEPA, arXiv 2511.08544; the N-scaled form of LeWM): how far samples are from an isotropic Gaussian, by the Epps-Pulley statistic of
    /// their projections. z [T, N, D] holds N samples for each of T groups; directions [K, D] are unit rows (<see cref="RandomDirections"/>), drawn anew
    /// each step. The mean over groups and directions.
    /// </summary>
    /// <exception cref="ArgumentException">The shapes do not fit, or are empty.</exception>
    public static Tensor SigReg(this Tensor z, Tensor directions, int knots = 17)
    {
        Op.Require(z.Shape.Rank == 3 && directions.Shape.Rank == 2 && z.Shape[2] == directions.Shape[1],
            $"SigReg: z {z.Shape} is not [T, N, D] with directions {directions.Shape} [K, D]");
        Op.Require(z.Shape.Count > 0 && directions.Shape[0] > 0 && knots >= 2, $"SigReg: {z.Shape} with {directions.Shape} and {knots} knots is empty");
        Tensor u = z.To(directions.DType).MatMul(directions.Transpose(0, 1));
        TensorScope scope = Op.Scope("SigReg", u);
        Tensor y = scope.Empty([], u.DType);
        Backend backend = y.Backend;
        backend.SigReg(u.Operand, knots, y.Operand);
        if (Op.IsRecorded(scope, out Tape? tape, u))
            tape.Record(y, dy => tape.Contribute(u, du => backend.SigRegGrad(u.Operand, knots, dy.Operand, du)));
        return y;
    }

    /// <summary>K unit vectors [K, D], uniform on the sphere; the key decides them.</summary>
    public static Tensor RandomDirections(this TensorScope scope, int count, int width, PhiloxKey key)
    {
        Tensor directions = scope.RandomNormal([count, width], key, dtype: scope.Device.Statistics);
        directions.Backend.NormalizeRows(directions.Operand);
        return directions;
    }
}
