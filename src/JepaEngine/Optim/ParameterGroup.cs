using JepaEngine.Nn;

namespace JepaEngine.Optim;

/// <summary>
/// Parameters that learn at another rate, or decay otherwise, than the rest: biases that do not decay.
/// </summary>
/// <param name="Holds">Whether a parameter, by its dotted name in the trained module, belongs to the group.</param>
/// <param name="LearningRateScale">What the learning rate is multiplied by; at 0 the parameters stay.</param>
/// <param name="WeightDecayScale">What the weight decay is multiplied by.</param>
public sealed record ParameterGroup(
    Func<string, Parameter, bool> Holds, double LearningRateScale = 1, double WeightDecayScale = 1);
