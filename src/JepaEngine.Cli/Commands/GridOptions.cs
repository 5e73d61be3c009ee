using System.CommandLine.Parsing;

namespace JepaEngine.Cli.Commands;

/// <summary>The options that say what is measured: of <c>jepa bench</c>, and of <c>jepa compare</c>, which runs it.</summary>
internal sealed class GridOptions
{
    private readonly Option<string?> op = new("--op")
    {
        Description = "Operations, with commas between; all of the operation table if neither these nor models are named",
    };

    private readonly Option<string?> model = new("--model") { Description = $"Models of published size, or the demo's, with random weights: {string.Join(',', BenchGrid.ModelNames)}" };
    private readonly Option<string?> tokens = new("--tokens") { Description = "Rows of the operations' inputs (256,2048; with --quick 256)" };
    private readonly Option<string?> dtype = new("--dtype") { Description = "f32,bf16; by default the device's" };
    private readonly Option<string> device = DeviceOption.Create();
    private readonly Option<string?> threads = new("--threads") { Description = "Of the processor, as 1,2; by default one a core" };
    private readonly Option<bool> warm = new("--warm") { Description = "Leave operands in the caches; by default every sample finds them in memory" };

    /// <summary>For a verb's list.</summary>
    public Option[] All => [op, model, tokens, dtype, device, threads, warm];

    /// <summary>Those that were given, as they were: for another process.</summary>
    public IEnumerable<string> Given(ParseResult parsed) => All
        .Select(parsed.GetResult).OfType<OptionResult>().Where(result => !result.Implicit)
        .SelectMany(result => (IEnumerable<string>)[result.Option.Name, .. result.Tokens.Select(token => token.Value)]);

    /// <summary>Whether operands are left in the caches.</summary>
    public bool IsWarm(ParseResult parsed) => parsed.GetValue(warm);

    /// <summary>What was asked for.</summary>
    /// <exception cref="UsageException">A device, dtype or number is none.</exception>
    public BenchGrid Read(ParseResult parsed, bool isQuick) => new()
    {
        Ops = CommandLine.List(parsed.GetValue(op)) ?? (parsed.GetValue(model) is not null ? [] : isQuick ? BenchGrid.QuickOps : BenchGrid.OpNames),
        Models = CommandLine.List(parsed.GetValue(model)) ?? [],
        Tokens = Numbers(tokens, parsed) ?? (isQuick ? [256] : [256, 2048]), Devices = [.. Devices(parsed)],
    };

    /// <summary>Every named device in every dtype, and the processor with every number of threads.</summary>
    private IEnumerable<Device> Devices(ParseResult parsed)
    {
        int[] counts = Numbers(threads, parsed) ?? [0];
        foreach (string name in CommandLine.List(parsed.GetValue(device)) ?? [])
        {
            if (!Device.TryParse(name, out Device? on))
                throw new UsageException($"--device names '{name}'; devices are cpu, cuda:N, cuda:N:bf16, sim and sim:bf16");
            foreach (DType compute in (CommandLine.List(parsed.GetValue(dtype)) ?? [on.Compute.ToString()]).Select(Dtype))
            {
                if (on.Kind == DeviceKind.Cpu && compute != DType.F32)
                    throw new UsageException("--dtype names bf16 for cpu, which computes in f32; measure the GPU's tiers in a run of their own");
                foreach (int count in on.Kind == DeviceKind.Cpu ? counts : [0])
                    yield return on.With(compute: compute, threads: count);
            }
        }
    }

    private static DType Dtype(string name) => name.ToLowerInvariant() switch
    {
        "f32" => DType.F32,
        "bf16" => DType.BF16,
        _ => throw new UsageException($"--dtype names '{name}'; it is f32 or bf16"),
    };

    private static int[]? Numbers(Option<string?> option, ParseResult parsed) => CommandLine.List(parsed.GetValue(option))?
        .Select(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0
            ? number
            : throw new UsageException($"{option.Name} names '{part}'; each is a number from 1"))
        .ToArray();
}
