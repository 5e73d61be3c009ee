using JepaEngine.Autograd;
using JepaEngine.Devices;
using JepaEngine.Tensors;

namespace JepaEngine.Ops;

public static partial class TensorOps
{
    /// <summary>Zeroes each element with probability <paramref name="rate"/> and divides the others by 1 − rate. The key decides which; no mask is stored.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="rate"/> is not in [0, 1).</exception>
    public static Tensor Dropout(this Tensor x, double rate, PhiloxKey key)
    {
        if (rate is not (>= 0 and < 1))
            throw new ArgumentOutOfRangeException(nameof(rate), rate, "Dropout: a rate is in [0, 1)");
        TensorScope scope = Op.Scope("Dropout", x);
        x = x.Contiguous();
        Tensor y = scope.Empty(x.Shape, x.DType);
        x.Backend.Dropout(x.Operand, rate, key, y.Operand);
        if (Op.IsRecorded(scope, out Tape? tape, x))
            tape.Record(y, dy => tape.Contribute(x, dx => x.Backend.Dropout(dy.Operand, rate, key, dx)));
        return y;
    }
}
