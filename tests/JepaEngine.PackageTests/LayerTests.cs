using System.Reflection;

namespace JepaEngine.PackageTests;

/// <summary>The arrows of the design: each folder uses only those that stand before it, in all projects.</summary>
public sealed class LayerTests(ITestOutputHelper output)
{
    // A folder is a namespace. It may use what stands before it, and itself.
    private static readonly string[] Order =
    [
        "JepaEngine.Cuda.Loading", "JepaEngine.Cuda.Driver", "JepaEngine.Cuda.Compile", "JepaEngine.Cuda.Simulation",
        "JepaEngine.Cuda.Context", "JepaEngine.Cuda.Vendor",
        "JepaEngine.Primitives", "JepaEngine.Memory", "JepaEngine.Backends", "JepaEngine.Backends.Reference",
        "JepaEngine.Backends.Cpu.Simd", "JepaEngine.Backends.Cpu.Workers", "JepaEngine.Backends.Cpu.Gemm", "JepaEngine.Backends.Cpu",
        "JepaEngine.Backends.Cuda", "JepaEngine.Backends.Profiling",
        "JepaEngine.Devices", "JepaEngine.Tensors", "JepaEngine.Autograd", "JepaEngine.Ops", "JepaEngine.Nn", "JepaEngine.Optim",
        "JepaEngine.IO",
        "JepaEngine.Jepa.Numerics", "JepaEngine.Jepa.Environments", "JepaEngine.Jepa.Pictures", "JepaEngine.Jepa.Data",
        "JepaEngine.Jepa.Models", "JepaEngine.Jepa.Checkpoints", "JepaEngine.Jepa.Inference", "JepaEngine.Jepa.Planning",
        "JepaEngine.Jepa.Training", "JepaEngine.Jepa.Reporting", "JepaEngine.Jepa.Runs", "JepaEngine.Jepa.Benchmarking",
        "JepaEngine.Cli", "JepaEngine.Cli.Commands",
    ];

    private static readonly string[] Projects = ["JepaEngine.Cuda", "JepaEngine", "JepaEngine.Jepa", "JepaEngine.Cli"];

    [Fact]
    public void AFolderUsesOnlyThoseBeforeIt()
    {
        var arrows = new SortedDictionary<(int From, int To), List<string>>();
        foreach (Type type in Projects.Select(Load).SelectMany(TypeArrows.Written))
        {
            foreach (Type used in TypeArrows.Of(type).Where(used => TypeArrows.Room(used) != TypeArrows.Room(type)))
            {
                (int, int) arrow = (Place(type), Place(used));
                if (!arrows.TryGetValue(arrow, out List<string>? uses))
                    arrows.Add(arrow, uses = []);
                uses.Add($"{type.Name} -> {used.Name}");
            }
        }
        foreach (var from in arrows.GroupBy(arrow => arrow.Key.From))
            output.WriteLine($"{Order[from.Key],-32} -> {string.Join(", ", from.Select(to => $"{Short(Order[to.Key.To])} {to.Value.Count}"))}");
        // Every part of the house is seen, and sees another.
        Assert.Equal(Order.Length, arrows.Keys.SelectMany(arrow => new[] { arrow.From, arrow.To }).Distinct().Count());
        Assert.Empty(arrows.Where(arrow => arrow.Key.To > arrow.Key.From)
            .Select(arrow => $"{Order[arrow.Key.From]} -> {Order[arrow.Key.To]}: {string.Join(", ", arrow.Value.Take(8))}"));
    }

    [Fact]
    public void AFolderIsANamespace()
    {
        foreach (string project in Projects)
        {
            foreach (string file in Repository.Sources(Path.Combine("src", project)))
            {
                string? room = File.ReadLines(file).FirstOrDefault(line => line.StartsWith("namespace ", StringComparison.Ordinal))?[10..^1];
                string folder = Path.GetDirectoryName(Path.GetRelativePath(Path.Combine(Repository.Root, "src"), file))!;
                if (room is not null)
                    Assert.Equal((room, file), (folder.Replace(Path.DirectorySeparatorChar, '.'), file));
            }
        }
        Assert.Equal(Projects.Order(StringComparer.Ordinal),
            Directory.GetDirectories(Path.Combine(Repository.Root, "src")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void OnlyItsOwnFileKnowsAFamily()
    {
        // What is LeWorldModel's alone: its planner's adaptor, its recipe, the demo's run and the laboratory's cases.
        string[] own = ["Planning", "Training", "Runs", "Benchmarking", "LeWorldModelCheckpoint", "PlanCommand"];
        Type[] jepa = [.. TypeArrows.Written(Load("JepaEngine.Jepa"))];
        Type[] families = [.. jepa.Where(type => type is { IsAbstract: false, Namespace: "JepaEngine.Jepa.Models" }
            && (type.BaseType?.Name is "MetaModel" or "JepaModel" or "MetaFamily" or "JepaFamily"))];
        Assert.InRange(families.Length, 12, 40);
        Assert.Empty(from type in jepa.Concat(TypeArrows.Written(Load("JepaEngine.Cli")))
                     let outer = TypeArrows.Outer(type)
                     where TypeArrows.Room(type) != "JepaEngine.Jepa.Models"
                         && !own.Contains(outer.Name) && !own.Contains(outer.Namespace!.Split('.')[^1])
                     from used in TypeArrows.Of(type).Intersect(families)
                     select $"{type.FullName} names {used.Name}");
    }

    [Theory]
    [InlineData(typeof(PlantedBase))]
    [InlineData(typeof(Planted.Field))]
    [InlineData(typeof(Planted.Called))]
    [InlineData(typeof(Planted.Made))]
    [InlineData(typeof(Planted.Argument))]
    [InlineData(typeof(Planted.Caught))]
    [InlineData(typeof(Planted.Asked))]
    public void AnArrowOfAnyKindIsSeen(Type used) => Assert.Contains(used, TypeArrows.Of(typeof(Planted)));

    [Fact]
    public void SourceFilesStayShort()
    {
        int[] lengths = [.. Repository.Sources("src").Select(file => File.ReadLines(file).Count()).Order()];
        Assert.InRange(lengths[lengths.Length / 2], 1, 110);
        Assert.InRange(lengths[lengths.Length * 9 / 10], 1, 300);
        Assert.InRange(lengths[^1], 1, 600);
    }

    private static Assembly Load(string project) => Assembly.Load(project == "JepaEngine.Cli" ? "jepa" : project);

    private static int Place(Type type)
    {
        int place = Array.IndexOf(Order, TypeArrows.Room(type));
        return place >= 0 ? place : throw new InvalidOperationException($"{type.FullName} stands in a folder that the order does not name");
    }

    private static string Short(string room) => room[(room.IndexOf('.') + 1)..];

    /// <summary>Uses each of its types in another way.</summary>
    private sealed class Planted : PlantedBase
    {
        private readonly Field[] fields = [];

        public static int Use<T>(object value)
        {
            try
            {
                return Called.Answer() + new Made().GetHashCode() + Use<Argument>(value);
            }
            catch (Caught)
            {
                return value is Asked ? 1 : 0;
            }
        }

        public int Count => fields.Length;

        public sealed class Field;

        public sealed class Made;

        public sealed class Argument;

        public sealed class Asked;

        public sealed class Caught : Exception;

        public static class Called
        {
            public static int Answer() => 42;
        }
    }

    private class PlantedBase;
}
