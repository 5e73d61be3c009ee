using System.Text.Json;
using System.Text.Json.Serialization;

namespace JepaEngine.Jepa.Benchmarking;

/// <summary>
/// How an operation agreed with its reference on a device: a line of a proof, which <c>jepa parity --out</c> writes.
/// </summary>
public sealed record ProofRecord : IValidated
{
    /// <summary>A name of the operation table, or of a large case, as <c>Attention heads of 64</c>.</summary>
    public required string Case { get; init; }

    /// <summary>Whether it is a case at a model's size.</summary>
    public bool Large { get; init; }

    /// <summary><c>cpu</c>, <c>cuda:0</c> or <c>sim</c>.</summary>
    public required string Device { get; init; }

    /// <summary><c>F32</c> or <c>BF16</c>.</summary>
    [JsonPropertyName("dtype")]
    public required string DType { get; init; }

    /// <summary>Tensors that were compared.</summary>
    public int Tensors { get; init; }

    /// <summary>Those that do not agree.</summary>
    public int Disagree { get; init; }

    /// <summary>
    /// The largest error as a share of what is allowed: at most 1 where all agree; null where one is infinite.
    /// </summary>
    public double? Share { get; init; }

    /// <summary>Why there is no answer; null where there is one.</summary>
    public string? Fault { get; init; }

    /// <summary>How long it took.</summary>
    public double Seconds { get; init; }

    /// <summary>What it ran on.</summary>
    public BenchMachine? Machine { get; init; }

    /// <summary>When the run began, UTC.</summary>
    public string? Utc { get; init; }

    /// <summary>Whether there is an answer, and all tensors agree; none is no answer.</summary>
    [JsonIgnore]
    public bool Passed => Fault is null && Tensors > 0 && Disagree == 0;

    /// <inheritdoc/>
    public void Validate()
    {
        var allowed = new Allowed("proof");
        allowed.Range(Tensors, 0, int.MaxValue);
        allowed.Range(Disagree, 0, Tensors);
        allowed.Range(Share ?? 0, 0, double.MaxValue, nameof(Share));
        allowed.Range(Seconds, 0, double.MaxValue);
    }

    /// <summary>The line.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, BenchJson.Lines.ProofRecord);

    /// <summary>Writes a proof, whole or not at all.</summary>
    /// <exception cref="IOException">The file cannot be written; an earlier one is intact.</exception>
    public static void Write(string path, IEnumerable<ProofRecord> records) =>
        AtomicFile.WriteText(path, string.Concat(records.Select(record => record.ToJson() + "\n")));

    /// <summary>Reads all proofs of a folder, whose names end in <see cref="Ending"/>.</summary>
    /// <exception cref="IOException">There is no such folder.</exception>
    /// <exception cref="BadFileException">A line is no record; the message names file and line.</exception>
    public static IReadOnlyList<ProofRecord> ReadFolder(string folder) =>
    [
        .. from path in Directory.EnumerateFiles(folder, $"*{Ending}").Order(StringComparer.Ordinal)
           from line in File.ReadLines(path).Index()
           where line.Item.Length > 0
           select Parse(path, line.Index + 1, line.Item),
    ];

    /// <summary>What the name of a proof ends with, as 2026-12-01-h100-proof.jsonl.</summary>
    public const string Ending = "-proof.jsonl";

    private static ProofRecord Parse(string path, int number, string line)
    {
        try
        {
            return JsonRecord.Parse(line, path, BenchJson.Lines.ProofRecord);
        }
        catch (BadFileException fault)
        {
            throw new BadFileException(path, $"line {number} is no line of a proof: {fault.InnerException!.Message}", fault);
        }
    }
}
