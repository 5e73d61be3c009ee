using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using JepaEngine.Autograd;
using JepaEngine.Devices;
using JepaEngine.Tensors;

namespace JepaEngine.Ops;

/// <summary>What every operation does first: check its inputs and find the scope of its result.</summary>
internal static class Op
{
    /// <summary>
    /// The youngest scope among the inputs that takes results, where this one will live. All inputs must be alive, on one device and, unless they are named as raw,
    /// in one dtype: what the device computes in, or what it keeps statistics in. The operation computes in it.
    /// </summary>
    public static TensorScope Scope(string operation, params ReadOnlySpan<Tensor?> inputs)
    {
        Tensor first = inputs[0]!;
        TensorScope scope = first.Scope;
        foreach (Tensor? input in inputs)
        {
            if (input is null)
                continue;
            if (input.Device != first.Device)
                throw Apart(operation, first, input);
            if (input.DType != input.Device.Compute && input.DType != input.Device.Statistics)
                throw new ArgumentException($"{operation}: {input} is not in the {input.Device.Compute} its device computes in; convert it with To");
            if (input.DType != first.DType)
                throw new ArgumentException($"{operation}: {first} and {input} are of different dtypes; convert one with To");
            scope = Younger(operation, scope, input);
        }
        return Holding(Checked(operation, scope), inputs);
    }

    /// <summary>As <see cref="Scope"/>, with one more input whose dtype is the operation's own business: indices, pixels.</summary>
    public static TensorScope ScopeWithRaw(string operation, Tensor raw, params ReadOnlySpan<Tensor?> inputs)
    {
        TensorScope scope = raw.Scope;
        foreach (Tensor? input in inputs)
        {
            if (input is null)
                continue;
            if (input.Device != raw.Device)
                throw Apart(operation, raw, input);
            scope = Younger(operation, scope, input);
        }
        raw.HoldIn(Checked(operation, scope));
        return Holding(scope, inputs);
    }

    /// <summary>The scope as a tape, if it is one and something flows back to an input.</summary>
    public static bool IsRecorded(TensorScope scope, [NotNullWhen(true)] out Tape? tape, params ReadOnlySpan<Tensor?> inputs)
    {
        tape = scope as Tape;
        if (tape is null)
            return false;
        foreach (Tensor? input in inputs)
            if (input is { RequiresGrad: true })
                return true;
        tape = null;
        return false;
    }

    /// <summary>The tensor itself if its rows lie evenly, else a contiguous copy.</summary>
    public static Tensor Rows(Tensor x) => x.Layout.TryRows(out _, out _) ? x : x.Contiguous();

    /// <summary>An operand as [rows, D].</summary>
    public static Operand Matrix(Tensor x) => Matrix(x.Operand);

    /// <summary>An operand as [rows, D]; its rows lie evenly.</summary>
    public static Operand Matrix(in Operand x)
    {
        if (!x.Layout.TryRows(out long rows, out long stride))
            throw new InvalidOperationException($"{x.Shape} has no even rows");
        int columns = x.Shape.Rank == 0 ? 1 : x.Shape[^1];
        return x with { Layout = new Layout(new Shape(checked((int)rows), columns), [stride, 1], x.Layout.Offset) };
    }

    /// <summary>An operand with its first two dimensions exchanged.</summary>
    public static Operand Transposed(in Operand matrix) => matrix with { Layout = matrix.Layout.Transpose(-1, -2) };

    /// <summary>Refuses with the operation's name and both shapes.</summary>
    public static void Require([DoesNotReturnIf(false)] bool condition, [InterpolatedStringHandlerArgument(nameof(condition))] ref RequireMessage message)
    {
        if (!condition)
            throw new ArgumentException(message.ToString());
    }

    private static ArgumentException Apart(string operation, Tensor a, Tensor b) => new(
        $"{operation}: {a} and {b} are on different devices{Device.OfOneName(a.Device, b.Device)}; "
        + "copy one over with From(ToArray)");

    private static TensorScope Younger(string operation, TensorScope scope, Tensor input)
    {
        if (input.IsDisposed)
            throw new ObjectDisposedException(nameof(Tensor),
                $"{operation}: {input} was made in '{input.Scope.Name}', whose memory has gone back; use it before its scope ends, or copy it out");
        // A scope that takes no results never wins, so a model may be younger than the scope it is used in.
        return input.Scope.AcceptsResults && (input.Scope.Age > scope.Age || !scope.AcceptsResults) ? input.Scope : scope;
    }

    /// <summary>Another thread may dispose a model meanwhile: no kernel is to find its memory gone.</summary>
    private static TensorScope Holding(TensorScope scope, ReadOnlySpan<Tensor?> inputs)
    {
        foreach (Tensor? input in inputs)
            input?.HoldIn(scope);
        return scope;
    }

    private static TensorScope Checked(string operation, TensorScope scope) => scope.AcceptsResults
        ? scope
        : throw new InvalidOperationException(
            $"{operation}: all inputs are in '{scope.Name}', where a result would stay for ever; bring one into a scope with scope.Use(tensor)");
}
