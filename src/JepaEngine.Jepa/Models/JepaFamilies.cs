using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace JepaEngine.Jepa.Models;

/// <summary>All families; nothing else lists them.</summary>
public static class JepaFamilies
{
    private static ImmutableArray<JepaFamily> all =
        [IJepa.Family, VJepa.Family, VJepa2.Family, VJepa21.Family, VJepa2Ac.Family, LeWorldModel.Family];

    /// <summary>The published ones, then those that were added.</summary>
    public static IReadOnlyList<JepaFamily> All => all;

    /// <summary>Makes a family of one's own known to loading and to the commands of this process.</summary>
    /// <exception cref="ArgumentException">A family has this id already.</exception>
    public static void Add(JepaFamily family) => ImmutableInterlocked.Update(ref all, known => Find(family.Id) is null
        ? known.Add(family)
        : throw new ArgumentException($"there is a family '{family.Id}' already"));

    /// <summary>A family by its id, however it is punctuated: V-JEPA-2.1 is vjepa2.1; null where there is
    /// none.</summary>
    public static JepaFamily? Find(string id) => All.FirstOrDefault(family => Letters(family.Id) == Letters(id));

    private static string Letters(string id) => string.Concat(id.Where(char.IsAsciiLetterOrDigit)).ToUpperInvariant();
}

/// <summary>Writes a family as its id.</summary>
internal sealed class FamilyJson : JsonConverter<JepaFamily>
{
    /// <inheritdoc/>
    public override JepaFamily Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        JepaFamilies.Find(reader.GetString() ?? "") ?? throw new JsonException($"there is no family '{reader.GetString()}'");

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, JepaFamily value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.Id);
}

/// <summary>How configurations of models are written as JSON.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true,
    RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    IgnoreReadOnlyProperties = true)]
[JsonSerializable(typeof(JepaConfig))]
[JsonSerializable(typeof(LeWorldModelConfig))]
internal sealed partial class ConfigJson : JsonSerializerContext;
