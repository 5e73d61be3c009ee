using System.Reflection;
using BenchmarkDotNet.Running;

namespace JepaEngine.Benchmarks.Harness;

/// <summary>What is known of a case before it runs.</summary>
/// <param name="Name">As <c>Rows.LayerNorm 2048x1024</c>; the same for ever.</param>
/// <param name="Pass">As <see cref="WorkAttribute.Pass"/>.</param>
/// <param name="Threads">Of the processor.</param>
/// <param name="Cold">As <see cref="RunsAttribute.Cold"/>.</param>
/// <param name="Flops">Floating-point operations a call; 0 where nobody counts them.</param>
/// <param name="Bytes">As <see cref="WorkAttribute.Bytes"/>.</param>
internal sealed record CaseFacts(string Name, string Pass, int Threads, bool Cold, double Flops, double Bytes)
{
    /// <summary>The facts of a case.</summary>
    public static CaseFacts Of(BenchmarkCase item)
    {
        (Type family, MethodInfo method) = (item.Descriptor.Type, item.Descriptor.WorkloadMethod);
        WorkAttribute work = method.GetCustomAttribute<WorkAttribute>()!;
        ISized? size = item.Parameters.Items.Select(parameter => parameter.Value).OfType<ISized>().SingleOrDefault();
        string name = $"{family.Name}.{method.Name} {size?.ToString() ?? work.Size}".TrimEnd();
        return new CaseFacts(name, work.Pass, Family.ThreadsOf(family), family.GetCustomAttribute<RunsAttribute>()!.Cold,
            size is null ? work.Flops : work.TimesFlops * size.Flops, size is null ? work.Bytes : work.TimesBytes * size.Bytes);
    }

    /// <summary>Every case.</summary>
    public static IReadOnlyList<CaseFacts> All() =>
    [
        .. typeof(Family).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(Family)) && !type.IsAbstract)
            .SelectMany(type => BenchmarkConverter.TypeToBenchmarks(type).BenchmarksCases).Select(Of),
    ];
}
