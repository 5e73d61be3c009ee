using System.Text.Json;
using System.Text.Json.Serialization;

namespace JepaEngine.Jepa.Reporting;

/// <summary>Everything that a demo's report shows, as plain numbers: kept as JSON, from which the report can be made again.</summary>
public sealed record DemoReportData : IValidated
{
    /// <summary>When the run ended, UTC, as text.</summary>
    public required string Created { get; init; }

    /// <summary>Which checkpoint was measured, by its id; null in records of earlier versions.</summary>
    public string? Checkpoint { get; init; }

    /// <summary>Number of trained parameters.</summary>
    public required int Parameters { get; init; }

    /// <summary>Number of recorded states that the model learned from.</summary>
    public required int RecordedStates { get; init; }

    /// <summary>What it ran on.</summary>
    public required MachineFacts Machine { get; init; }

    /// <summary>The run's settings, in the order to show them.</summary>
    public required Setting[] Settings { get; init; }

    /// <summary>The run's parts, in order.</summary>
    public required Stage[] Stages { get; init; }

    /// <summary>Results on the same tasks: the world model's planner first, then what it is compared with.</summary>
    public required PolicyResult[] Policies { get; init; }

    /// <summary>Prediction loss by training step.</summary>
    public required Curve Prediction { get; init; }

    /// <summary>SIGReg by training step, not weighted.</summary>
    public required Curve SigReg { get; init; }

    /// <summary>Effective rank of the embeddings by training step.</summary>
    public required Curve EffectiveRank { get; init; }

    /// <summary>Eigenvalues of the embeddings' covariance, largest first.</summary>
    public required float[] Spectrum { get; init; }

    /// <summary>Frames with the principal components of their patch tokens.</summary>
    public required PatchMap[] PatchMaps { get; init; }

    /// <summary>Episodes to show from above.</summary>
    public required EpisodeTrace[] Traces { get; init; }

    /// <summary>The planner's cost over the first action, if it was evaluated.</summary>
    public EnergyLandscape? Energy { get; init; }

    /// <summary>Measured figures against the range that is accepted.</summary>
    public required Check[] Checks { get; init; }

    /// <summary>Seconds of all stages.</summary>
    [JsonIgnore]
    public double Seconds => Stages.Sum(stage => stage.Seconds);

    /// <summary>The record as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, DemoReportJson.Default.DemoReportData);

    /// <summary>Reads a record that <see cref="ToJson"/> wrote.</summary>
    /// <exception cref="BadFileException">The file is missing, no such record, or its arrays do not fit together.</exception>
    public static DemoReportData Read(string path)
    {
        try
        {
            return JsonRecord.Parse(File.ReadAllText(path), path, DemoReportJson.Default.DemoReportData);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new BadFileException(path, $"it cannot be read ({error.Message}); check the path and its permissions", error);
        }
    }

    /// <inheritdoc/>
    public void Validate()
    {
        if (Fault() is { } fault)
            throw new ArgumentException($"{fault}; give the JSON file that the demo wrote");
    }

    private string? Fault()
    {
        if (new[] { Prediction, SigReg, EffectiveRank }.Any(curve => curve.Steps.Length != curve.Values.Length))
            return "a curve has other numbers of steps and of values";
        if (!Finite(Prediction.Steps, SigReg.Steps, EffectiveRank.Steps))
            return "a curve's steps hold NaN or infinity";
        if (PatchMaps.Any(map => map.Size < 1 || map.Frame.Length != (long)map.Size * map.Size * 3 || map.Grid < 1
            || map.Components.Length != (long)map.Grid * map.Grid * 3))
        {
            return "a patch map's arrays do not have the lengths that its sizes say";
        }
        if (Traces.Any(trace => trace.Start.Length != 2 || trace.Goal.Length != 2
            || trace.Imagined.Append(trace.Executed).Any(path => path.Length % 2 != 0)))
        {
            return "a trace has an odd number of coordinates";
        }
        if (!Traces.All(trace => Finite([trace.Start, trace.Goal, trace.Executed, .. trace.Imagined])))
            return "a trace's coordinates hold NaN or infinity";
        if (Energy is { } map && (map.Size < 2 || map.Costs.Length != (long)map.Size * map.Size || map.Chosen.Length != 2))
            return "the energy landscape's arrays do not have the lengths that its size says";
        if (Policies.Length == 0)
            return "there are no results";
        if (Policies.SelectMany(policy => policy.Groups).Any(group => group.Successes < 0 || group.Successes > group.Episodes))
            return "there are more successes than episodes";
        if (Policies.Any(policy => policy.Groups.Sum(group => (long)group.Episodes) > int.MaxValue))
            return $"there are more than {int.MaxValue} episodes";
        if (Policies.SelectMany(policy => policy.Groups).Any(
            group => group.Successes > 0 && group.MeanSteps is not (>= 0 and <= int.MaxValue)))
            return "the mean steps of successful episodes are no number of steps";
        return Stages.All(stage => stage.Seconds is >= 0 and <= 1e12) ? null : "a stage's seconds are no time";
    }

    private static bool Finite(params ReadOnlySpan<float[]> lists)
    {
        foreach (float[] list in lists)
            if (!Array.TrueForAll(list, float.IsFinite))
                return false;
        return true;
    }
}

/// <summary>One setting.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Value">Its value as text.</param>
public sealed record Setting(string Name, string Value);

/// <summary>One part of a run.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Seconds">How long it took.</param>
public sealed record Stage(string Name, double Seconds);

/// <summary>How one policy did.</summary>
/// <param name="Name">The policy's name.</param>
/// <param name="Groups">Its results by kind of task; every policy has the same kinds in the same order.</param>
public sealed record PolicyResult(string Name, GroupResult[] Groups)
{
    /// <summary>All kinds together.</summary>
    [JsonIgnore]
    public GroupResult Total
    {
        get
        {
            int successes = Groups.Sum(group => group.Successes);
            double steps = Groups.Where(group => group.Successes > 0).Sum(group => group.Successes * group.MeanSteps);
            return new GroupResult("all", successes, Groups.Sum(group => group.Episodes), steps / successes);
        }
    }
}

/// <summary>Results on the tasks of one kind.</summary>
/// <param name="Kind">The kind of task.</param>
/// <param name="Successes">Tasks whose goal was reached.</param>
/// <param name="Episodes">Tasks tried.</param>
/// <param name="MeanSteps">Mean steps of the successful ones; not a number if there are none.</param>
public sealed record GroupResult(string Kind, int Successes, int Episodes, double MeanSteps);

/// <summary>Values over training steps.</summary>
/// <param name="Steps">Training steps.</param>
/// <param name="Values">A value for each.</param>
public sealed record Curve(float[] Steps, float[] Values);

/// <summary>A frame and what its patch tokens look like.</summary>
/// <param name="Size">Side of the frame.</param>
/// <param name="Frame">[Size, Size, 3].</param>
/// <param name="Grid">Side of the token grid.</param>
/// <param name="Components">[Grid, Grid, 3]: the first three principal components of each token less its place's mean, on one scale for all frames.</param>
public sealed record PatchMap(int Size, byte[] Frame, int Grid, float[] Components);

/// <summary>One episode seen from above.</summary>
/// <param name="Kind">The kind of task.</param>
/// <param name="Success">Whether the goal was reached.</param>
/// <param name="Start">Start position (x, y), in scene pixels.</param>
/// <param name="Goal">Goal position.</param>
/// <param name="Executed">Positions x, y, x, y ... after each step, without the start.</param>
/// <param name="Imagined">For each plan: the positions that a probe reads from the imagined embeddings.</param>
public sealed record EpisodeTrace(string Kind, bool Success, float[] Start, float[] Goal, float[] Executed, float[][] Imagined);

/// <summary>The planner's cost over a first action that is held, in a start state.</summary>
/// <param name="Size">Grid points along each action dimension, from -1 to 1.</param>
/// <param name="Costs">[Size, Size]: rows are the second action dimension, columns the first.</param>
/// <param name="Chosen">The action that the planner chose.</param>
/// <param name="Trace">Which of the traces it belongs to, counted from 0; -1 for none.</param>
public sealed record EnergyLandscape(int Size, float[] Costs, float[] Chosen, int Trace);

/// <summary>A measured figure against its accepted range.</summary>
/// <param name="Name">What was measured.</param>
/// <param name="Value">The figure.</param>
/// <param name="Low">Smallest accepted value, if any.</param>
/// <param name="High">Largest accepted value, if any.</param>
/// <param name="Unit">Unit, or empty.</param>
public sealed record Check(string Name, double Value, double? Low, double? High, string Unit = "")
{
    /// <summary>Whether the figure is in its range; a figure that is not a number is not.</summary>
    [JsonIgnore]
    public bool Passed => !double.IsNaN(Value) && !(Value < Low) && !(Value > High);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(DemoReportData))]
internal sealed partial class DemoReportJson : JsonSerializerContext;
