using System.Text.RegularExpressions;
using JepaEngine.Jepa.Models;

namespace JepaEngine.Jepa.Checkpoints;

/// <summary>A model's checkpoint, opened: what it is, what it lacks, and its weights on demand. Pickles of the authors,
/// Hugging Face folders and files of this engine alike; which one shows in <see cref="Layout"/>.</summary>
public sealed partial class ModelFile : IDisposable
{
    /// <summary>What a folder's weights may be called, in the order of preference.</summary>
    private static readonly string[] WeightNames =
    [
        "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json", "weights.pt", "weights.safetensors",
    ];

    private static readonly string[] Classifier = ["pooler.", "classifier.", "probe."];

    /// <summary>How many times as many numbers as a file holds an encoder may want, to be compared key by
    /// key.</summary>
    private const int Lacking = 4;

    private readonly LoadOptions options;
    private readonly TensorFile? probe;
    private readonly ModelContents contents;
    private readonly KeyMap? probeKeys;
    private (Dictionary<string, (TensorFile File, KeyPlace Place)> Places, KeyCheck Check)? compared;
    private JepaModel? built;

    private ModelFile(TensorFile file, TensorFile? probe, LoadOptions options)
    {
        File = file;
        this.probe = probe;
        this.options = options;
        contents = Family(file, options).Read(file, options);
        Config = contents.Config;
        if (options.Encoder is not null && contents.Layout != ModelLayout.Original)
            throw new BadFileException(file.Path, $"it has one encoder, and no {options.Encoder} to choose");
        try
        {
            if (probe is not null)
            {
                (ProbeConfig head, probeKeys) = OriginalFile.Probe(probe, options);
                Config = Config.WithProbe(head);
            }
            Config.Validate();
            long needed = Config.Encoder.Parameters, held = file.Entries.Values.Sum(entry => entry.Shape.Count);
            // Tensors that are missing are named later; here it is sizes out of all proportion, before a model is
            // built.
            if (needed / Lacking > held)
                throw new ArgumentException($"its configuration is of an encoder {Config.Encoder}, {needed} "
                    + $"numbers, but it holds {held}");
        }
        catch (ArgumentException error)
        {
            throw new BadFileException(File.Path, error.Message, error);
        }
    }

    /// <summary>The weights.</summary>
    public TensorFile File { get; }

    /// <summary>How it names its tensors.</summary>
    public ModelLayout Layout => contents.Layout;

    /// <summary>The sizes.</summary>
    public IModelConfig Config { get; }

    /// <summary>The name of the chosen encoder; null where there is one only.</summary>
    public string? Encoder => contents.Encoder;

    /// <summary>The names of all encoders that could be chosen.</summary>
    public IReadOnlyList<string> Encoders => contents.Encoders;

    /// <summary>Trained numbers of the model.</summary>
    public long ParameterCount => Built.ParameterCount;

    /// <summary>The model without memory; loading takes it.</summary>
    private JepaModel Built => built ??= Config.Family.Create(Config);

    /// <summary>Opens a folder, its weights, a pickle or a file of ours.</summary>
    /// <exception cref="BadFileException">It is missing, damaged or no known checkpoint.</exception>
    public static ModelFile Open(string path, LoadOptions? options = null)
    {
        const int attempts = 10;
        options ??= new LoadOptions();
        for (int attempt = 1; ; attempt++)
        {
            (string weights, DateTime written) = Newest();
            try
            {
                ModelFile opened = OpenWeights(weights, options);
                if (attempt == attempts || Newest() == (weights, written))
                    return opened;
                // Somebody replaced the model while its files were opened one after another.
                opened.Dispose();
            }
            catch (BadFileException) when (attempt < attempts && Newest() != (weights, written))
            {
                // As above, and a file was gone.
            }
        }

        (string Weights, DateTime Written) Newest()
        {
            string weights = Weights(path);
            return (weights, System.IO.File.GetLastWriteTimeUtc(weights));
        }
    }

    private static ModelFile OpenWeights(string weights, LoadOptions options)
    {
        TensorFile file = TensorFile.Open(weights, options.Mapped);
        TensorFile? classifier = null;
        try
        {
            classifier = options.Probe is null ? null : TensorFile.Open(options.Probe, options.Mapped);
            return Open(file, classifier, options);
        }
        catch
        {
            file.Dispose();
            classifier?.Dispose();
            throw;
        }
    }

    /// <summary>The weights of a folder; a file is itself.</summary>
    /// <exception cref="BadFileException">The folder has none, or nothing is there and the path may be a model's name
    /// on the hub.</exception>
    public static string Weights(string path)
    {
        if (!Directory.Exists(path))
            return System.IO.File.Exists(path) || !HubName().IsMatch(path)
                ? path
                : throw new BadFileException(path,
                    $"there is no such file or folder; if it is a model's name on the Hugging Face hub: hf download "
                        + $"{path} --local-dir DIR, then give DIR");
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

    /// <summary>With the names that the file has, or, where those fit no model, without what wrappers add to them;
    /// where none fits, as what lacks the fewest tensors.</summary>
    private static ModelFile Open(TensorFile file, TensorFile? classifier, LoadOptions options)
    {
        (ModelFile File, int Lacks)? opened = null;
        BadFileException? fault = null;
        (TensorFile? before, TensorFile? classifierBefore) = (null, null);
        foreach (Func<TensorFile, TensorFile> naming in Wrappers.Namings)
        {
            (TensorFile named, TensorFile? namedClassifier) =
                (naming(file), classifier is null ? null : naming(classifier));
            if ((named, namedClassifier) == (before, classifierBefore))
                continue;
            (before, classifierBefore) = (named, namedClassifier);
            ModelFile model;
            KeyCheck check;
            try
            {
                model = new ModelFile(named, namedClassifier, options);
                check = model.Check();
            }
            catch (BadFileException error)
            {
                fault ??= error;
                continue;
            }
            if (check.Passed)
            {
                Wrappers.RequireOne(file, named, model.Used);
                return model;
            }
            if (opened is null || check.Missing.Count < opened.Value.Lacks)
                opened = (model, check.Missing.Count);
        }
        return opened?.File ?? throw fault!;
    }

    // As facebook/vjepa2-vitl-fpc64-256; what ends as files of weights do is a file that is not there.
    [GeneratedRegex(@"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(?<!\.(pt|pth|tar|bin|ckpt|json|npz|jepa|safetensors))$")]
    private static partial Regex HubName();

    /// <summary>What the file lacks or has too much, compared with what its model needs.</summary>
    public KeyCheck Check() => Compared.Check;

    /// <summary>Tensors of the chosen parts that the model has no use for.</summary>
    public IReadOnlyList<string> Ignored =>
        [.. File.Entries.Keys.Where(key => contents.IsPart(key) && contents.IsIdle(key)).Order(StringComparer.Ordinal)];

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
            if (entry.DType == DType.F32 && file.Stays(entry.Name, Device.Cpu))
                mapped += bytes;
            else
                copied += bytes;
        }
        return (mapped, copied);
    }

    /// <summary>The model, in evaluation mode; its weights stay in the file where that is possible.</summary>
    /// <exception cref="BadFileException">The file does not fit; the message names the first keys of each
    /// kind.</exception>
    /// <exception cref="NumericException">A weight is NaN or infinite; the message names its tensor.</exception>
    public JepaModel Load(Device device) => Load(device, (model, places) =>
    {
        var whole = new Dictionary<(TensorFile, string), Tensor>();
        model.Bind(device, (name, parameter, memory) =>
        {
            (TensorFile file, KeyPlace place) = places[name];
            // What the file has in several tensors, or in another dtype than statistics are kept in, is copied.
            if (place.Keys.Length > 1 || parameter.DTypeOn(device) != device.Compute)
            {
                Tensor copied = memory.Empty(parameter.Shape, parameter.DTypeOn(device));
                Fill(copied, file, place);
                return (copied, new Layout(parameter.Shape));
            }
            if (!whole.TryGetValue((file, place.Keys[0]), out Tensor? tensor))
                whole.Add((file, place.Keys[0]), tensor = file.Load(place.Keys[0], memory));
            return (tensor, new Layout(parameter.Shape, tensor.Layout.Offset + place.Part * parameter.Shape.Count));
        });
    });

    /// <summary>The model in memory of its own, as <see cref="Module.Allocate"/> gives it: to be trained.</summary>
    /// <exception cref="BadFileException">The file does not fit; the message names the first keys of each
    /// kind.</exception>
    internal JepaModel LoadTrainable(Device device) => Load(device, (model, places) =>
    {
        model.Allocate(device);
        foreach ((string name, Parameter parameter) in model.Parameters())
            Fill(parameter.Value, places[name].File, places[name].Place);
    });

    /// <summary>Closes the files; models that were loaded keep what they map.</summary>
    public void Dispose()
    {
        built?.Dispose();
        File.Dispose();
        probe?.Dispose();
    }

    /// <summary>An activation can swallow an infinite weight: GELU and SiLU of −∞ are 0 here, NaN in PyTorch.</summary>
    private static void RequireFinite(
        JepaModel model, Device device, Dictionary<string, (TensorFile File, KeyPlace Place)> places)
    {
        foreach ((string name, Parameter parameter) in model.Parameters())
        {
            // What lies on a GPU is looked at in the file.
            if (device.IsHost && parameter.Value.IsFinite())
                continue;
            (TensorFile file, KeyPlace place) = places[name];
            if (Array.Find(place.Keys, key => !IsFinite(file, key)) is { } broken)
            {
                throw new NumericException($"'{broken}' of {file.Path} holds NaN or infinity; take a checkpoint from "
                    + $"before it did, or download the file again");
            }
        }
    }

    private static bool IsFinite(TensorFile file, string key)
    {
        using var scope = new TensorScope(Device.Cpu, "scan");
        return file.Load(key, scope).IsFinite();
    }

    private JepaModel Load(Device device, Action<JepaModel, Dictionary<string, (TensorFile File, KeyPlace Place)>> fill)
    {
        (Dictionary<string, (TensorFile File, KeyPlace Place)> places, KeyCheck check) = Compared;
        check.Require(File.Path);
        JepaModel model = Built;
        built = null;
        try
        {
            fill(model, places);
            RequireFinite(model, device, places);
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

    /// <summary>The family of a file.</summary>
    /// <exception cref="BadFileException">It is of none, or could be of several.</exception>
    private static JepaFamily Family(TensorFile file, LoadOptions options)
    {
        JepaFamily[] families = [.. JepaFamilies.All.Where(family => family.Recognises(file, options))];
        if (families.Length == 1)
            return families[0];
        if (families.Length > 1)
            throw new BadFileException(file.Path,
                $"it may be {string.Join(" or ", families.Select(f => f.Name))}; say which (--family)");
        if (HuggingFaceConfig.Of(file) is { } json)
        {
            IEnumerable<string> known = JepaFamilies.All.Select(family => family.HuggingFaceType).OfType<string>().OrderDescending();
            throw json.Refused($"model_type is '{json.Type}'; {string.Join(" and ", known)} are read");
        }
        throw new BadFileException(file.Path,
            "it is no known checkpoint: no patch embedding of Meta's, no config.json beside it, "
            + $"no configuration inside; its first tensors are {string.Join(", ", file.Entries.Keys.Take(3))}"
            + string.Concat(file.Skipped.Take(3).Select(skipped => $"; {skipped.Key} "
            + $"{skipped.Value}, which is not read")));
    }

    /// <summary>Where each parameter lies, and what is missing or too much.</summary>
    private (Dictionary<string, (TensorFile File, KeyPlace Place)> Places, KeyCheck Check) Compared =>
        compared ??= Compare();

    private (Dictionary<string, (TensorFile File, KeyPlace Place)> Places, KeyCheck Check) Compare()
    {
        var places = new Dictionary<string, (TensorFile File, KeyPlace Place)>();
        var wanted = new Dictionary<string, Shape>();
        foreach ((string name, Parameter parameter) in Built.Parameters())
        {
            bool ofProbe = probeKeys is not null && name.StartsWith("probe.", StringComparison.Ordinal);
            KeyPlace place = (ofProbe ? probeKeys! : contents.Keys).Find(name)
                ?? throw new BadFileException(File.Path, $"its layout has no place for {name}");
            places.Add(name, (ofProbe ? probe! : File, place));
            foreach (string key in place.Keys)
                wanted[key] = place.Whole(parameter.Shape);
        }
        IEnumerable<TensorEntry> offered = File.Entries.Values.Where(entry => contents.IsPart(entry.Name) && !contents.IsIdle(entry.Name));
        // A probe that is put on top takes the place of a classifier that the file brings.
        if (probe is not null)
            offered = offered.Where(entry => !Classifier.Any(part => entry.Name.StartsWith(part, StringComparison.Ordinal)))
                .Concat(probe.Entries.Values.Where(entry => wanted.ContainsKey(entry.Name)));
        return (places, KeyCheck.Of(offered, File.Skipped, [.. wanted.Select(w => (w.Key, w.Value))]));
    }

    private IEnumerable<(TensorFile File, TensorEntry Entry)> Found() => Compared.Places.Values
        .SelectMany(place => place.Place.Keys.Select(key => (place.File, Key: key))).Distinct()
        .Where(place => place.File.Entries.ContainsKey(place.Key)).Select(place => (place.File, place.File.Entries[place.Key]));

    /// <summary>Copies a parameter's pieces: whole tensors of the file, one under the other, or a part of
    /// one.</summary>
    private static void Fill(Tensor parameter, TensorFile file, KeyPlace place)
    {
        using var views = new TensorScope(parameter.Device, "filled");
        Tensor whole = views.Use(parameter);
        int rows = whole.Shape[0] / place.Keys.Length;
        if (place.Parts > 1)
            whole.CopyFrom(file.Load(place.Keys[0], views).Slice(0, place.Part * rows, rows));
        for (int i = 0; i < place.Keys.Length && place.Parts == 1; i++)
            file.ReadInto(place.Keys[i], whole.Slice(0, i * rows, rows).Reshape(file.Entries[place.Keys[i]].Shape.ToArray()));
    }
}

/// <summary><c>VJepa2.Load(path, device)</c> for every family.</summary>
public static class ModelLoading
{
    extension<T>(T) where T : JepaModel
    {
        /// <summary>Reads a model of one family: the authors' file, a Hugging Face folder, or a file of this
        /// engine.</summary>
        /// <exception cref="BadFileException">The file is damaged, does not fit, or holds another family.</exception>
        public static T Load(string path, Device device, LoadOptions? options = null)
        {
            JepaModel model = ModelFile.Load(path, device, options);
            if (model is T wanted)
                return wanted;
            using (model)
                throw new BadFileException(model.Origin!.Path,
                    $"it holds {model.Config.Family}, not {typeof(T).Name}; load it as what it is, or with ModelFile.Load");
        }
    }
}
