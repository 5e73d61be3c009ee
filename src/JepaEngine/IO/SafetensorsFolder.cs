using System.Text.Json;
using System.Text.RegularExpressions;
using JepaEngine.Tensors;

namespace JepaEngine.IO;

/// <summary>
/// A model's folder, replaced in one step whatever lay there, so that a kill leaves the earlier model or the new one. Who reads it takes
/// model.safetensors where there is one, else the index, as transformers does. So the step is the one file taking its name; or, with shards, whose
/// names are none that lie there, the index taking its name and, where there was one file, that one going. What no reader then finds is removed.
/// </summary>
internal static partial class SafetensorsFolder
{
    private const string One = "model.safetensors", Index = "model.safetensors.index.json";

    public static void Write(string folder, List<List<(string Name, Tensor Tensor)>> shards, IReadOnlyDictionary<string, string> metadata, DType? floats)
    {
        if (shards.Count == 1)
        {
            Safetensors.Write(Path.Combine(folder, One), shards[0], metadata, floats);
            RemoveOthers(folder, Index, []);
        }
        else
        {
            string[] names = FreeNames(folder, shards.Count);
            WriteShards(folder, names, shards, metadata, floats);
            RemoveOthers(folder, One, names);
        }
    }

    private static void WriteShards(string folder, string[] names, List<List<(string Name, Tensor Tensor)>> shards,
        IReadOnlyDictionary<string, string> metadata, DType? floats)
    {
        using var index = new AtomicFile(Path.Combine(folder, Index));
        try
        {
            for (int i = 0; i < names.Length; i++)
                Safetensors.Write(Path.Combine(folder, names[i]), shards[i], metadata, floats);
            WriteIndex(index.Stream, names, shards, floats);
            index.Commit();
        }
        catch when (!index.IsCommitted)
        {
            foreach (string name in names)
                File.Delete(Path.Combine(folder, name));
            throw;
        }
    }

    /// <summary>Names as transformers gives them; where some of those lie there, with the number of a
    /// version.</summary>
    private static string[] FreeNames(string folder, int count)
    {
        for (int version = 1; ; version++)
        {
            string start = version == 1 ? "model" : $"model-v{version}";
            string[] names = [.. Enumerable.Range(1, count).Select(i => $"{start}-{i:D5}-of-{count:D5}.safetensors")];
            if (!names.Any(name => Path.Exists(Path.Combine(folder, name))))
                return names;
        }
    }

    /// <summary>Removes the other kind's file first, as it names shards or comes before the index, then all shards but
    /// these.</summary>
    private static void RemoveOthers(string folder, string first, string[] kept)
    {
        if (File.Exists(Path.Combine(folder, first)))
        {
            File.Delete(Path.Combine(folder, first));
            NativeFile.SyncFolder(folder);
        }
        foreach (string path in Directory.GetFiles(folder, "model-*.safetensors"))
        {
            if (Shard.IsMatch(Path.GetFileName(path)) && !kept.Contains(Path.GetFileName(path)))
                File.Delete(path);
        }
    }

    private static void WriteIndex(Stream stream, string[] names, List<List<(string Name, Tensor Tensor)>> shards, DType? floats)
    {
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        json.WriteStartObject("metadata");
        json.WriteNumber("total_size", shards.Sum(shard => shard.Sum(t => Safetensors.Bytes(t.Tensor, floats))));
        json.WriteEndObject();
        json.WriteStartObject("weight_map");
        for (int i = 0; i < names.Length; i++)
        {
            foreach ((string tensor, _) in shards[i])
                json.WriteString(tensor, names[i]);
        }
        json.WriteEndObject();
        json.WriteEndObject();
    }

    [GeneratedRegex(@"^model-(v\d+-)?\d{5}-of-\d{5}\.safetensors$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Shard { get; }
}
