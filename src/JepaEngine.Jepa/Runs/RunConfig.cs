using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using JepaEngine.Jepa.Checkpoints;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Planning;
using JepaEngine.Jepa.Training;

namespace JepaEngine.Jepa.Runs;

/// <summary>Everything that decides a run: the model's sizes, the recipe and the planner. As JSON it is a file <c>jepa train --config</c> takes.</summary>
public sealed record RunConfig : IValidated
{
    /// <summary>The model's sizes.</summary>
    public LeWorldModelConfig Model { get; init; } = new();

    /// <summary>The recipe.</summary>
    public TrainOptions Train { get; init; } = new();

    /// <summary>The planner.</summary>
    public LatentPlannerOptions Planner { get; init; } = new();

    /// <summary>The published model, recipe and planner.</summary>
    public static RunConfig Published => new();

    /// <summary>What <c>jepa demo</c> uses.</summary>
    public static RunConfig Demo => new() { Model = LeWorldModelConfig.Demo, Train = TrainOptions.Demo, Planner = LatentPlannerOptions.Demo };

    /// <summary>Whether the model has the demo's sizes, so that its figures can be held to the demo's.</summary>
    [JsonIgnore]
    public bool IsDemo => Json(Model) == Json(LeWorldModelConfig.Demo);

    /// <summary>Where another configuration trains otherwise than this one; null where the planner alone may
    /// differ.</summary>
    internal string? Difference(RunConfig here) => JsonDifference.Of("", Trained(this), Trained(here));

    /// <summary>Where its planner differs from another configuration's; null where it does not.</summary>
    internal string? PlannerDifference(RunConfig here) =>
        JsonDifference.Of("planner", JsonNode.Parse(Json(Planner)), JsonNode.Parse(Json(here.Planner)));

    /// <summary>The parts as JSON.</summary>
    internal static string Json(LeWorldModelConfig model) =>
        JsonSerializer.Serialize(model, ConfigJson.Default.LeWorldModelConfig);

    /// <summary>The parts as JSON.</summary>
    internal static string Json(LatentPlannerOptions planner) =>
        JsonSerializer.Serialize(planner, RunJson.Default.LatentPlannerOptions);

    private static JsonObject Trained(RunConfig config)
    {
        JsonObject json = JsonSerializer.SerializeToNode(config, RunJson.Default.RunConfig)!.AsObject();
        json.Remove("planner");
        return json;
    }

    /// <summary>Reads a file; what it does not name is as published.</summary>
    /// <exception cref="BadFileException">It is missing, has a key or a value that does not belong, or describes what cannot be.</exception>
    public static RunConfig Read(string path) => StrictJson.ReadFile(path, Published, RunJson.Default.RunConfig);

    /// <inheritdoc/>
    public void Validate()
    {
        Model.Validate();
        Train.Validate(Model.History);
        Planner.Validate();
        Planner.Require(Model.ActionWidth);
    }

    /// <summary>Writes a file, whole or not at all.</summary>
    public void Write(string path) => AtomicFile.WriteText(path, JsonSerializer.Serialize(this, RunJson.Default.RunConfig) + "\n");
}

/// <summary>How runs are written as JSON.</summary>
[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true,
    RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(RunConfig))]
internal sealed partial class RunJson : JsonSerializerContext;
