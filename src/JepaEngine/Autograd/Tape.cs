using JepaEngine.Devices;
using JepaEngine.Tensors;

namespace JepaEngine.Autograd;

/// <summary>Writes a gradient; with <paramref name="accumulate"/> adds it to what is there.</summary>
internal delegate void GradWriter(in Operand destination, bool accumulate);

/// <summary>
/// A scope that records: what is computed in it from tensors that require gradients can be differentiated by <see cref="Backward(Tensor)"/>. The tape
/// knows no operation; each records how its own gradient is written. Dispose it after the optimiser's step.
/// </summary>
public sealed class Tape(Device device, string name = "tape") : TensorScope(device, name)
{
    private readonly record struct Node(Tensor Output, Action<Tensor> Backward);

    private readonly List<Node> nodes = [];
    private bool gradGiven, spent;

    /// <summary>Number of recorded operations.</summary>
    public int Count => nodes.Count;

    /// <summary>Records how the gradient of <paramref name="output"/> flows to what it was computed from.</summary>
    /// <param name="output">An operation's result.</param>
    /// <param name="backward">Takes the gradient of the output and contributes to the inputs'.</param>
    internal void Record(Tensor output, Action<Tensor> backward)
    {
        // What the earlier operations recorded is gone: a gradient from here would lose its way silently.
        if (spent)
            return;
        output.RequiresGrad = true;
        nodes.Add(new Node(output, backward));
    }

    /// <summary>
    /// Computes the gradient of a scalar with respect to every tensor that requires one; parameters keep theirs in <see cref="Tensor.Grad"/>
    /// (added to what an earlier tape left there), results of operations give theirs back as soon as it has been used. Works once; what is computed here
    /// later is not recorded.
    /// </summary>
    /// <exception cref="ArgumentException"><paramref name="loss"/> is no scalar, or nothing of it was recorded here.</exception>
    public void Backward(Tensor loss)
    {
        if (loss.Shape.Count != 1)
            throw new ArgumentException($"Backward: {loss} is no scalar; reduce it with Mean or Sum first", nameof(loss));
        Backward(loss, this.Full(loss.Shape, 1, loss.DType));
    }

    /// <summary>As <see cref="Backward(Tensor)"/> from a given gradient of <paramref name="output"/>.</summary>
    /// <exception cref="ArgumentException">The shapes differ, or nothing of <paramref name="output"/> was recorded here.</exception>
    /// <exception cref="InvalidOperationException">The tape has been differentiated already.</exception>
    public void Backward(Tensor output, Tensor gradient)
    {
        if (output.Shape != gradient.Shape)
            throw new ArgumentException($"Backward: the gradient is {gradient.Shape}, the output {output.Shape}", nameof(gradient));
        if (spent)
            throw new InvalidOperationException($"Backward: '{Name}' has been differentiated already; add the outputs first, or record them on two tapes");
        if (!output.RequiresGrad || !ReferenceEquals(output.Scope, this))
            throw new ArgumentException($"Backward: {output} was not recorded on this tape; compute it in the tape's scope from tensors that "
                + "require gradients", nameof(output));
        output.Grad = this.Empty(output.Shape, output.DType);
        output.Backend.Copy(gradient.Operand, output.Grad.Operand);
        for (int i = nodes.Count - 1; i >= 0; i--)
        {
            (Tensor result, Action<Tensor> backward) = nodes[i];
            if (result.Grad is not { IsDisposed: false } grad)
                continue;
            gradGiven = false;
            backward(grad);
            if (!gradGiven)
                grad.Release();
            result.Grad = null;
        }
        nodes.Clear();
        spent = true;
    }

    /// <summary>Contributes to an input's gradient by a kernel that can add to what is there.</summary>
    internal void Accumulate(Tensor input, GradWriter write)
    {
        if (!input.RequiresGrad)
            return;
        bool first = StartGrad(input, out Tensor grad);
        write(grad.Operand, !first);
    }

    /// <summary>Contributes to an input's gradient by a kernel that overwrites its destination.</summary>
    internal void Contribute(Tensor input, Action<Operand> write)
    {
        if (!input.RequiresGrad)
            return;
        if (StartGrad(input, out Tensor grad))
        {
            write(grad.Operand);
            return;
        }
        Tensor part = this.Empty(input.Shape, input.DType);
        write(part.Operand);
        part.Backend.Binary(Backends.BinaryOp.Add, grad.Operand, part.Operand, grad.Operand);
        part.Release();
    }

    /// <summary>
    /// Contributes the output's own gradient unchanged. The last reader may hand the memory over: call this after everything else of
    /// the operation that reads <paramref name="gradient"/>.
    /// </summary>
    internal void Give(Tensor input, Tensor gradient)
    {
        if (!input.RequiresGrad)
            return;
        if (input.Grad is not { IsDisposed: false } && input.GradBuffer is null && !gradGiven && gradient.Shape == input.Shape
            && ReferenceEquals(gradient.Scope, this) && gradient.Layout.IsContiguous)
        {
            input.Grad = gradient;
            gradGiven = true;
            return;
        }
        Add(input, gradient.Operand);
    }

    /// <summary>Adds an operand to an input's gradient.</summary>
    internal void Add(Tensor input, Operand part)
    {
        if (!input.RequiresGrad)
            return;
        if (StartGrad(input, out Tensor grad))
            grad.Backend.Copy(part, grad.Operand);
        else
            grad.Backend.Binary(Backends.BinaryOp.Add, grad.Operand, part, grad.Operand);
    }

    /// <summary>The gradient slot of an input.</summary>
    /// <returns>True where nothing has been written yet.</returns>
    internal bool StartGrad(Tensor input, out Tensor grad)
    {
        if (input.Grad is { IsDisposed: false } existing)
        {
            grad = existing;
            return false;
        }
        input.Grad = grad = input.GradBuffer ?? this.Empty(input.Shape, input.DType);
        grad.HoldIn(this);
        return true;
    }
}
