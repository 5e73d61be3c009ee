using JepaEngine.Devices;

namespace JepaEngine.Tensors;

/// <summary>Makes tensors in a scope. Where no dtype is named it is what the scope's device computes in.</summary>
public static class TensorFactory
{
    extension(TensorScope scope)
    {
        /// <summary>A tensor with arbitrary content.</summary>
        /// <exception cref="ObjectDisposedException">The scope is disposed.</exception>
        /// <exception cref="MemoryRefusedException">There is no memory for it.</exception>
        public Tensor Empty(in Shape shape, DType? dtype = null)
        {
            DType type = dtype ?? scope.Device.Compute;
            return new Tensor(scope, scope.Rent(shape.Count * type.Size()), type, new Layout(shape));
        }

        /// <summary>A tensor whose elements are all <paramref name="value"/>.</summary>
        public Tensor Full(in Shape shape, double value, DType? dtype = null)
        {
            Tensor result = scope.Empty(shape, dtype);
            scope.Device.Backend.Fill(result.Operand, value);
            return result;
        }

        /// <summary>A tensor of zeros.</summary>
        public Tensor Zeros(in Shape shape, DType? dtype = null) => scope.Full(shape, 0, dtype);

        /// <summary>A tensor with these elements in row-major order, converted to what the device computes in, or to <paramref name="dtype"/>.</summary>
        /// <exception cref="ArgumentException">The shape needs another number of elements.</exception>
        public Tensor From<T>(ReadOnlySpan<T> values, in Shape shape, DType? dtype = null) where T : unmanaged
        {
            Tensor result = scope.Empty(shape, dtype);
            result.CopyFrom(values);
            return result;
        }

        /// <summary>A tensor with these elements in row-major order, in their own dtype: indices and pixels.</summary>
        /// <exception cref="ArgumentException">The shape needs another number of elements.</exception>
        public Tensor FromRaw<T>(ReadOnlySpan<T> values, in Shape shape) where T : unmanaged
        {
            Tensor result = scope.Empty(shape, DTypes.Of<T>());
            result.CopyFrom(values);
            return result;
        }

        /// <summary>Normally distributed numbers; the key decides them on every device.</summary>
        public Tensor RandomNormal(in Shape shape, PhiloxKey key, double mean = 0, double std = 1, DType? dtype = null)
        {
            Tensor result = scope.Empty(shape, dtype);
            scope.Device.Backend.RandomNormal(result.Operand, key, mean, std);
            return result;
        }

        /// <summary>Numbers uniform in [low, high).</summary>
        public Tensor RandomUniform(in Shape shape, PhiloxKey key, double low = 0, double high = 1)
        {
            Tensor result = scope.Empty(shape);
            scope.Device.Backend.RandomUniform(result.Operand, key, low, high);
            return result;
        }
    }
}
