using JepaEngine.Jepa.Data;
using JepaEngine.Jepa.Models;
using JepaEngine.Optim;

namespace JepaEngine.Jepa.Planning;

/// <summary>A <see cref="LeWorldModel"/> for the planners: pictures [H, W, 3], latents [D].</summary>
public sealed class LeWorldModelAdaptor : IWorldModel
{
    private readonly LeWorldModel model;
    private readonly bool owns;

    /// <summary>Of a trained model, which is switched to evaluation; its caller disposes it.</summary>
    public LeWorldModelAdaptor(LeWorldModel model) : this(model, owns: false) { }

    private LeWorldModelAdaptor(LeWorldModel model, bool owns)
    {
        (this.model, this.owns) = (model, owns);
        model.Train(false);
    }

    /// <inheritdoc/>
    public Device Device => model.Device;

    /// <inheritdoc/>
    public Shape Observation => [model.Config.ImageSize, model.Config.ImageSize, 3];

    /// <inheritdoc/>
    public int ActionWidth => model.Config.ActionWidth;

    /// <inheritdoc/>
    public ActionScale ActionScale => model.Config.ActionScale;

    /// <inheritdoc/>
    public Tensor Encode(Tensor observations) => model.Embed(observations.Permute(0, 3, 1, 2));

    /// <inheritdoc/>
    public Tensor Imagine(Tensor starts, Tensor actions) => LatentRollout.Run(model, starts, actions);

    /// <inheritdoc/>
    public string? NotFinite() => FiniteOutputs.Parameter(model);

    /// <inheritdoc/>
    public IWorldModel Copy(Device device)
    {
        var copy = new LeWorldModel(model.Config);
        copy.Allocate(device);
        Ema.Copy(copy, model);
        return new LeWorldModelAdaptor(copy, owns: true);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (owns)
            model.Dispose();
    }
}
