using System.Text.Json;

namespace JepaEngine.IO;

/// <summary>
/// Reads files that belong together through their index, as transformers writes it (model.safetensors.index.json,
/// pytorch_model.bin.index.json): {"metadata": {...}, "weight_map": {tensor: file}}, the files beside the index.
/// </summary>
internal sealed class ShardedFile : TensorFile
{
    /// <summary>No model is cut into more; each is an open file.</summary>
    private const int MaxShards = 1000;

    private const int MaxIndex = 32 << 20, MaxDepth = 16;

    private readonly Dictionary<string, TensorFile> shards = [];

    public ShardedFile(FileBytes file) : base(file)
    {
        try
        {
            Dictionary<string, string> map = ReadIndex(file);
            foreach (string name in map.Values.Distinct().Order())
                CheckName(name);
            OpenShards(map.Values.Distinct().Order(), file.MayMap);
            AddTensors(map);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public override string Format => $"{shards.Values.First().Format} in {shards.Count} shards";

    protected override void Dispose(bool disposing)
    {
        foreach (TensorFile shard in shards.Values)
            shard.Dispose();
        base.Dispose(disposing);
    }

    private Dictionary<string, string> ReadIndex(FileBytes file)
    {
        if (file.Length > MaxIndex)
            throw new BadFileException(Path, $"an index of {file.Length} bytes is none; at most {MaxIndex} are read");
        var json = new JsonTokens(file, 0, file.Length, MaxDepth);
        Dictionary<string, string>? map = null;
        json.Expect(JsonTokenType.StartObject, "an index that starts with {");
        while (json.Next() && json.Kind == JsonTokenType.PropertyName)
        {
            if (json.Text != "weight_map")
                json.Skip();
            else
                map = map is null ? ReadMap(json) : throw new BadFileException(Path, "'weight_map' stands there twice");
        }
        json.Next();
        return map is { Count: > 0 } ? map : throw new BadFileException(Path, "it is JSON without a 'weight_map', so "
            + "no index of a model's files");
    }

    private Dictionary<string, string> ReadMap(JsonTokens json)
    {
        Dictionary<string, string> map = [];
        json.Expect(JsonTokenType.StartObject, "the { of weight_map");
        while (json.Next() && json.Kind == JsonTokenType.PropertyName)
        {
            string name = json.Text;
            json.Expect(JsonTokenType.String, "the name of a file in weight_map");
            if (map.Count == MaxTensors || !map.TryAdd(name, json.Text))
                throw new BadFileException(Path, $"'{name}' stands in its weight_map twice, or after {MaxTensors} others");
        }
        return map;
    }

    private void CheckName(string name)
    {
        if (name.Length is 0 or > 255 || name is "." or ".." || name.AsSpan().ContainsAny("/\\:\0"))
            throw new BadFileException(Path,
                $"its shard '{name[..Math.Min(name.Length, 80)]}' is no name of a file beside it; shards lie in the index's folder");
    }

    private void OpenShards(IEnumerable<string> names, bool mapped)
    {
        string folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(Path))!;
        string[] all = [.. names], missing = [.. all.Where(name => !File.Exists(System.IO.Path.Combine(folder, name)))];
        if (missing.Length > 0)
            throw new BadFileException(Path,
                $"{missing.Length} of its {all.Length} shards are missing: {string.Join(", ", missing.Take(20))}; copy them beside it");
        if (all.Length > MaxShards)
            throw new BadFileException(Path, $"it names {all.Length} shards; at most {MaxShards} are read");
        foreach (string name in all)
            shards.Add(name, FileKind.OpenWhole(new FileBytes(System.IO.Path.Combine(folder, name), mapped)));
    }

    private void AddTensors(Dictionary<string, string> map)
    {
        string[] missing = [.. map.Where(item => !Has(shards[item.Value], item.Key)).Select(item => $"{item.Key} in {item.Value}")];
        if (missing.Length > 0)
            throw new BadFileException(Path,
                $"{missing.Length} tensors are not where it says: {string.Join(", ", missing.Take(20))}; its shards belong to another model");
        string[] extra =
        [
            .. shards.SelectMany(shard => shard.Value.Entries.Keys.Concat(shard.Value.Skipped.Keys).Where(name => map.GetValueOrDefault(name) != shard.Key)),
        ];
        if (extra.Length > 0)
            throw new BadFileException(Path,
                $"its shards hold {extra.Length} tensors that it does not name: {string.Join(", ", extra.Take(20))}");
        foreach ((string name, string shard) in map)
            if (shards[shard].Skipped.TryGetValue(name, out string? reason))
                Skip(name, reason);
            else
                Add(shards[shard].Entries[name]);
        // What the shards do not agree on says nothing about the whole.
        foreach (var notes in shards.Values.SelectMany(shard => shard.Metadata).Distinct().GroupBy(note => note.Key).Where(notes => notes.Count() == 1))
            AddMetadata(notes.Key, notes.Single().Value);

        static bool Has(TensorFile shard, string name) => shard.Entries.ContainsKey(name) || shard.Skipped.ContainsKey(name);
    }
}
