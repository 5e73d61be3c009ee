using JepaEngine.IO;
using JepaEngine.Jepa.Models;
using JepaEngine.Memory;
using JepaEngine.Nn;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Jepa.Checkpoints;

/// <summary>
/// A checkpoint of a Meta JEPA model, opened: what it is, what it lacks, and its weights on demand. Meta's pickles, Hugging Face folders and files of this
/// engine alike; which one shows in <see cref="Layout"/>.
/// </summary>
public sealed class ModelFile : IDisposable
{
    /// <summary>What a folder's weights may be called, in the order of preference.</summary>
    private static readonly string[] WeightNames =
        ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "weights.pt", "weights.safetensors"];

    private static readonly string[] Classifier = ["pooler.", "classifier.", "probe."];

    private readonly LoadOptions options;
    private readonly TensorFile? probe;
    private readonly KeyMap keys;
    private readonly KeyMap? probeKeys;
    private readonly Func<string, bool> isPart, isIdle;

    private ModelFile(TensorFile file, TensorFile? probe, string configPath, LoadOptions options)
    {
        File = file;
        this.probe = probe;
        this.options = options;
        var original = new OriginalFile(file, options);
        if (JepaFormat.IsOf(file))
        {
            Layout = ModelLayout.JepaEngine;
            Config = JepaFormat.Read(file);
            (keys, isPart, isIdle) = (KeyMap.Own, _ => true, _ => false);
        }
        else if (original.Found)
        {
            Layout = ModelLayout.Original;
            Config = original.Config();
            Encoder = original.Encoder;
            Encoders = original.Offered;
            (keys, isPart, isIdle) = (original.Keys(Config), key => original.IsPart(key, Config), key => OriginalFile.IsIdle(key, Config));
        }
        else
        {
            if (!System.IO.File.Exists(configPath))
                throw new BadFileException(file.Path, "it is no known checkpoint: no patch embedding of Meta's, no config.json beside it, "
                    + $"no configuration inside; its first tensors are {string.Join(", ", file.Entries.Keys.Take(3))}");
            Layout = ModelLayout.HuggingFace;
            Config = HuggingFaceConfig.Read(configPath, file);
            string prefix = Prefix(file, Config.Family == JepaFamily.IJepa ? "ijepa." : "vjepa2.");
            (keys, isPart, isIdle) = (KeyMaps.HuggingFace(Config, prefix), _ => true, key => HuggingFaceIdle(key, Config));
        }
        if (probe is not null)
        {
            (ProbeConfig head, probeKeys) = OriginalFile.Probe(probe, options);
            Config = Config with { Probe = head };
        }
        if (options.Encoder is not null && Layout != ModelLayout.Original)
            throw new BadFileException(file.Path, $"it has one encoder, and no {options.Encoder} to choose");
        Validate();
    }

    /// <summary>The weights.</summary>
    public TensorFile File { get; }

    /// <summary>How it names its tensors.</summary>
    public ModelLayout Layout { get; }

    /// <summary>The sizes.</summary>
    public JepaConfig Config { get; }

    /// <summary>The name of the chosen encoder; null where there is one only.</summary>
    public string? Encoder { get; }

    /// <summary>The names of all encoders that could be chosen.</summary>
    public IReadOnlyList<string> Encoders { get; } = [];

    /// <summary>Opens a folder, its weights, a pickle or a file of ours.</summary>
    /// <exception cref="BadFileException">It is missing, damaged or no known checkpoint.</exception>
    public static ModelFile Open(string path, LoadOptions? options = null)
    {
        options ??= new LoadOptions();
        string weights = Weights(path);
        TensorFile file = TensorFile.Open(weights, options.Mapped);
        TensorFile? classifier = null;
        try
        {
            classifier = options.Probe is null ? null : TensorFile.Open(options.Probe, options.Mapped);
            return new ModelFile(file, classifier, Path.Combine(Path.GetDirectoryName(Path.GetFullPath(weights)) ?? "", "config.json"), options);
        }
        catch
        {
            file.Dispose();
            classifier?.Dispose();
            throw;
        }
    }

    /// <summary>The weights of a folder; a file is itself.</summary>
    /// <exception cref="BadFileException">The folder has none.</exception>
    public static string Weights(string path)
    {
        if (!Directory.Exists(path))
            return path;
        return WeightNames.Select(name => Path.Combine(path, name)).FirstOrDefault(System.IO.File.Exists)
            ?? throw new BadFileException(path, $"the folder has no {string.Join(", ", WeightNames[..^1])} or {WeightNames[^1]}");
    }

    /// <summary>Loads a model whose family is not known beforehand, in evaluation mode.</summary>
    /// <exception cref="BadFileException">The file is damaged or does not fit.</exception>
    /// <exception cref="MemoryRefusedException">There is no memory for what cannot stay in the file.</exception>
    public static JepaModel Load(string path, Device device, LoadOptions? options = null)
    {
        using ModelFile file = Open(path, options);
        return file.Load(device);
    }

    /// <summary>Loads a model of one family.</summary>
    /// <exception cref="BadFileException">The file is damaged, does not fit, or holds another family.</exception>
    internal static T Load<T>(string path, Device device, LoadOptions? options) where T : JepaModel
    {
        using ModelFile file = Open(path, options);
        JepaModel model = file.Load(device);
        if (model is T wanted)
            return wanted;
        model.Dispose();
        throw new BadFileException(file.File.Path, $"it holds a {file.Config.Family}, not a {typeof(T).Name}; load it as what it is, or with ModelFile.Load");
    }

    /// <summary>What the file lacks or has too much, compared with what its model needs.</summary>
    public KeyCheck Check()
    {
        using JepaModel model = JepaModel.Create(Config);
        return Check(model).Check;
    }

    /// <summary>Tensors of the chosen parts that the model has no use for.</summary>
    public IReadOnlyList<string> Ignored => [.. File.Entries.Keys.Where(key => isPart(key) && isIdle(key)).Order(StringComparer.Ordinal)];

    /// <summary>The tensors the model is made of, each once; those that are missing are left out.</summary>
    public IReadOnlyList<TensorEntry> Used => [.. Found().Select(found => found.Entry)];

    /// <summary>How many bytes of weights stay in the mapped file, and how many loading copies into memory, as F32.</summary>
    /// <exception cref="BadFileException">The file is shorter than it was.</exception>
    public (long Mapped, long Copied) Memory()
    {
        long mapped = 0, copied = 0;
        foreach ((TensorFile file, TensorEntry entry) in Found())
        {
            long bytes = entry.Shape.Count * sizeof(float);
            if (options.Mapped && entry.DType == DType.F32 && Stays(file, entry))
                mapped += bytes;
            else
                copied += bytes;
        }
        return (mapped, copied);

        static bool Stays(TensorFile file, TensorEntry entry)
        {
            using var scope = new TensorScope(Device.Cpu, "weighed");
            file.Load(entry.Name, scope);
            return scope.BytesInUse == 0;
        }
    }

    /// <summary>The model, in evaluation mode; its weights stay in the file where that is possible.</summary>
    /// <exception cref="BadFileException">The file does not fit; the message names every key.</exception>
    public JepaModel Load(Device device)
    {
        JepaModel model = JepaModel.Create(Config);
        try
        {
            (Dictionary<string, (TensorFile File, Piece Piece)> places, KeyCheck check) = Check(model);
            check.Require(File.Path);
            var whole = new Dictionary<(TensorFile, string), Tensor>();
            model.Bind(device, (name, parameter, memory) =>
            {
                (TensorFile file, Piece piece) = places[name];
                if (!whole.TryGetValue((file, piece.Key), out Tensor? tensor))
                    whole.Add((file, piece.Key), tensor = file.Load(piece.Key, memory));
                return (tensor, new Layout(parameter.Shape, tensor.Layout.Offset + piece.Part * parameter.Shape.Count));
            });
            if (File.Metadata.TryGetValue(Fingerprint.Key, out string? fingerprint))
                Fingerprint.Read(fingerprint, File.Path).Require(model, File.Path);
            model.Origin = new ModelOrigin(File.Path, File.Format, Layout, Encoder, Ignored);
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Closes the files; models that were loaded keep what they map.</summary>
    public void Dispose()
    {
        File.Dispose();
        probe?.Dispose();
    }

    private (Dictionary<string, (TensorFile File, Piece Piece)> Places, KeyCheck Check) Check(JepaModel model)
    {
        var places = new Dictionary<string, (TensorFile File, Piece Piece)>();
        var wanted = new Dictionary<string, Shape>();
        foreach ((string name, Parameter parameter) in model.Parameters())
        {
            bool ofProbe = probeKeys is not null && name.StartsWith("probe.", StringComparison.Ordinal);
            if (!(ofProbe ? probeKeys! : keys).TryFind(name, out Piece piece))
                throw new BadFileException(File.Path, $"its layout has no place for {name}");
            places.Add(name, (ofProbe ? probe! : File, piece));
            wanted[piece.Key] = piece.Whole(parameter.Shape);
        }
        IEnumerable<TensorEntry> offered = File.Entries.Values.Where(entry => isPart(entry.Name) && !isIdle(entry.Name));
        // A probe that is put on top takes the place of a classifier that the file brings.
        if (probe is not null)
            offered = offered.Where(entry => !Classifier.Any(part => entry.Name.StartsWith(part, StringComparison.Ordinal)))
                .Concat(probe.Entries.Values.Where(entry => wanted.ContainsKey(entry.Name)));
        return (places, KeyCheck.Of(offered, [.. wanted.Select(w => (w.Key, w.Value))]));
    }

    private List<(TensorFile File, TensorEntry Entry)> Found()
    {
        using JepaModel model = JepaModel.Create(Config);
        return [.. Check(model).Places.Values.DistinctBy(place => (place.File, place.Piece.Key))
            .Where(place => place.File.Entries.ContainsKey(place.Piece.Key)).Select(place => (place.File, place.File.Entries[place.Piece.Key]))];
    }

    private void Validate()
    {
        try
        {
            Config.Validate();
        }
        catch (ArgumentException error)
        {
            throw new BadFileException(File.Path, error.Message, error);
        }
    }

    private static string Prefix(TensorFile file, string prefix) =>
        file.Entries.Keys.Any(key => key.StartsWith(prefix, StringComparison.Ordinal)) ? prefix : "";

    /// <summary>An I-JEPA classifier's head and pooler are none of ours.</summary>
    private static bool HuggingFaceIdle(string key, JepaConfig config) => config.Family == JepaFamily.IJepa
        && (key.StartsWith("classifier.", StringComparison.Ordinal) || key.StartsWith("pooler.", StringComparison.Ordinal)
            || key.StartsWith("ijepa.pooler.", StringComparison.Ordinal) || key.EndsWith("embeddings.mask_token", StringComparison.Ordinal));
}
