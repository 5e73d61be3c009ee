using JepaEngine.Cuda.Compile;

namespace JepaEngine.Cli.Commands;

/// <summary>The option <c>--device</c>.</summary>
internal static class DeviceOption
{
    public static Option<string> Create() => new("--device")
    {
        Description = "cpu, cuda:N (an NVIDIA GPU) or sim (the GPU's kernels in a simulator, slow); cuda:N:bf16 for the bf16 tier",
        DefaultValueFactory = _ => "cpu",
    };

    /// <summary>The device that was named. Says so where each start would compile its kernels.</summary>
    /// <exception cref="UsageException">There is none of that name.</exception>
    public static Device Read(ParseResult parsed, Option<string> option) => Read(parsed.GetValue(option)!);

    /// <inheritdoc cref="Read(ParseResult, Option{string})"/>
    public static Device Read(string name)
    {
        if (!Device.TryParse(name, out Device? device))
            throw new UsageException($"--device is '{name}'; it is cpu, cuda:N, cuda:N:bf16, sim or sim:bf16");
        if (!device.IsHost && KernelCache.Fault(KernelCache.DefaultFolder()) is { } fault)
            Console.Error.WriteLine($"jepa: the kernel cache is not used: {fault}");
        return device;
    }
}
