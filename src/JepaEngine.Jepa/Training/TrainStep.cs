using System.Text.Json;
using System.Text.Json.Nodes;

namespace JepaEngine.Jepa.Training;

/// <summary>One training step, as it is shown and kept.</summary>
/// <param name="Step">1 for the first.</param>
/// <param name="Steps">Of so many.</param>
/// <param name="Loss">What was minimised.</param>
/// <param name="Terms">What the loss is made of, not weighted.</param>
/// <param name="GradientNorm">Before clipping.</param>
/// <param name="LearningRate">Of this step.</param>
/// <param name="Measures">Diagnostics; none on most steps.</param>
/// <param name="SamplesPerSecond">Over the last steps.</param>
/// <param name="SecondsLeft">Until the last step, at that speed.</param>
/// <param name="Skipped">True where loss or gradient were not finite, so that nothing was moved.</param>
public sealed record TrainStep(int Step, int Steps, double Loss, IReadOnlyList<Figure> Terms, double GradientNorm,
    double LearningRate, IReadOnlyList<Figure> Measures, double SamplesPerSecond, double SecondsLeft, bool Skipped)
{
    /// <summary>A term or diagnostic by its name; null where the step has none of it.</summary>
    public double? this[string name]
    {
        get
        {
            foreach (Figure figure in Terms.Concat(Measures))
                if (figure.Name == name)
                    return figure.Value;
            return null;
        }
    }

    /// <summary>
    /// The step as one line of JSON: terms stand after the loss, diagnostics after the learning rate.
    /// </summary>
    public string ToJson()
    {
        var json = new JsonObject { ["step"] = Step, ["steps"] = Steps };
        Add(new("loss", Loss), Terms);
        Add(new("gradientNorm", GradientNorm), []);
        Add(new("learningRate", LearningRate), Measures);
        Add(new("samplesPerSecond", SamplesPerSecond), [new("secondsLeft", SecondsLeft)]);
        json["skipped"] = Skipped;
        return json.ToJsonString();

        // JSON has no word for what is not finite: that stands as text.
        void Add(Figure first, IEnumerable<Figure> rest)
        {
            foreach (Figure figure in rest.Prepend(first))
            {
                json[figure.Name] = double.IsFinite(figure.Value)
                    ? figure.Value
                    : figure.Value.ToString(CultureInfo.InvariantCulture);
            }
        }
    }

    /// <summary>Reads a line that <see cref="ToJson"/> wrote.</summary>
    /// <exception cref="JsonException">It is no such line.</exception>
    public static TrainStep Parse(string line)
    {
        try
        {
            return Of(JsonNode.Parse(line) as JsonObject ?? throw new JsonException($"'{line}' is no training step"));
        }
        // A key that stands twice, half a surrogate pair.
        catch (Exception error) when (error is ArgumentException or InvalidOperationException)
        {
            throw new JsonException($"'{line}' is no training step", error);
        }
    }

    private static TrainStep Of(JsonObject json)
    {
        string[] names = [.. json.Select(entry => entry.Key)];
        bool skipped = json["skipped"]?.GetValueKind() == JsonValueKind.True;
        return new TrainStep((int)Number("step"), (int)Number("steps"), Number("loss"), Between("loss", "gradientNorm"),
            Number("gradientNorm"), Number("learningRate"), Between("learningRate", "samplesPerSecond"),
            Number("samplesPerSecond"), Number("secondsLeft"), skipped);

        double Number(string name) => json[name]?.GetValueKind() switch
        {
            JsonValueKind.Number => (double)json[name]!,
            JsonValueKind.String
                when double.TryParse((string?)json[name], CultureInfo.InvariantCulture, out double value) => value,
            _ => throw new JsonException($"{name} is no number"),
        };

        Figure[] Between(string from, string to) =>
        [
            .. names.SkipWhile(name => name != from).Skip(1).TakeWhile(name => name != to)
                .Select(name => new Figure(name, Number(name))),
        ];
    }

    /// <summary>The step as one line for people.</summary>
    public override string ToString()
    {
        string start = $"step {Step,5}/{Steps} | loss {Loss:0.0000} = {string.Join(" + ", Terms.Select(Text))}";
        if (Skipped)
            return $"{start} | not finite: skipped";
        string measures = string.Concat(Measures.Select(figure => $" | {figure.Name} {figure.Value,4:0.0}"));
        return $"{start} | norm {GradientNorm:0.000} | lr {LearningRate:0.00e+00}{measures} "
            + $"| {SamplesPerSecond,4:0} samples/s | {SecondsLeft:0} s left";

        static string Text(Figure figure) => $"{figure.Name} {figure.Value:0.0000}";
    }
}
