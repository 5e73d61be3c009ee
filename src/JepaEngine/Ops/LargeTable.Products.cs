using JepaEngine.Backends;
using JepaEngine.Backends.Cuda;
using JepaEngine.Devices;

namespace JepaEngine.Ops;

public static partial class LargeTable
{
    private static IReadOnlyList<LargeCase> Tiles { get; } = [new("MatMul", "tiles", device =>
        from tile in Takes(device)
        from kernel in tile.Kernels
        from form in FormsOf(tile, kernel)
        from result in Tile(device, tile, kernel.Entry, form)
        select result)];

    /// <summary>Ways in which the operands of a kernel may lie: n row-major, t transposed.</summary>
    internal static string[] FormsOf(GemmTile tile, Kernel kernel) =>
        tile.Kernels.Count > 1 ? [kernel.Entry.Split('_')[1]] : ["nn", "nt", "tn", "tt"];

    /// <summary>The tiles of a tier.</summary>
    internal static IReadOnlyList<GemmTile> Takes(Device device) =>
        device.Compute == DType.F32 ? GemmTile.Fma : [.. GemmTile.Mma, .. GemmTile.Fma];

    /// <summary>
    /// One kernel of gemm.cu, whether or not the estimate would choose it: K is more than twice the steps under way and
    /// neither it nor M and N are multiples of anything; what lies between rows is not a number; all that an epilogue
    /// can do. Small enough for the oracle in both tiers.
    /// </summary>
    internal static IEnumerable<ParityResult> Tile(Device device, GemmTile tile, string kernel, string form)
    {
        // Two transposed operands are the FMA kernels' alone, and those are not cut there.
        int m = tile.M + 3, n = tile.N - 5, k = 8 * tile.K + 37, parts = form[0] == form[1] ? 1 : 3;
        var size = new ProductSize(m, n, k);
        var everything = new ProductEnd
        {
            HasBias = true, Activation = Activation.Gelu, HasDerivative = true, HasMultiplier = true,
            Accumulates = true,
        };
        var numbers = new ProductNumbers(size, device.Compute);
        List<Parity.Output> exact = numbers.Run(Device.Reference, form, everything, Device.Reference.Backend.MatMul);
        List<Parity.Output> actual = numbers.Run(device, form, everything, Cut(device, GemmPlan.Of(tile, k, parts)));
        // bf16 rounds once; in f32 the worst of these sums, of up to 50, errs by some 1e-5, and so does the derivative
        // there, of 1.
        double allowed = device.Compute == DType.BF16 ? 1.0 / 256 : 1.0 / (1 << 16);
        OpCase op = OpTable.Find("MatMul");
        return exact.Select((output, i) => Parity.Judge(op, $"{size} {kernel}, {form}", output, actual[i], allowed));
    }

    /// <summary>
    /// Every epilogue at a model's size in the kernel that the engine chooses, and the fullest in every tile and form.
    /// </summary>
    private static IEnumerable<ParityResult> Epilogues(Device device)
    {
        ProductSize size = device.Kind == DeviceKind.Simulator ? new(72, 136, 104) : new(2048, 1024, 4096);
        var numbers = new ProductNumbers(size, device.Compute);
        // Some rows are few enough for plain loops.
        Device loops = device.Compute == DType.BF16 ? Plain(device) : device.Straightforward;
        OpCase op = OpTable.Find("MatMul");
        foreach (ProductEnd end in ProductEnd.All)
        {
            int[] rows = device.Compute == DType.BF16 ? [.. Enumerable.Range(0, size.M)] : size.Sampled;
            ProductNumbers some = numbers.Of(rows);
            List<Parity.Output> exact = some.Run(Exact(device), "nt", end, Exact(device).Backend.MatMul);
            List<Parity.Output> plain = some.Run(loops, "nt", end, loops.Backend.MatMul);
            bool isFullest = end == ProductEnd.All[^1];
            foreach ((string name, string form, ProductNumbers.Product product) in isFullest
                ? Ways(device, size)
                : [("", "nt", device.Backend.MatMul)])
            {
                List<Parity.Output> actual = numbers.Run(device, form, end, product);
                string sample = $"{size}{name}, {form}, {end}";
                for (int i = 0; i < exact.Count; i++)
                    yield return Parity.Judge(op, sample, exact[i], plain[i], Only(actual[i], rows, size.N));
                if (isFullest)
                    yield return Repeats(op.Name, sample, "run again", actual, numbers.Run(device, form, end, product));
            }
        }
    }

    /// <summary>A product as the engine would cut it and, on a GPU, in every tile and form.</summary>
    private static IEnumerable<(string Name, string Form, ProductNumbers.Product Product)> Ways(
        Device device, ProductSize size) =>
    [
        ("", "nt", device.Backend.MatMul),
        .. device.IsHost ? [] :
            from tile in Takes(device)
            from kernel in tile.Kernels
            from form in FormsOf(tile, kernel)
            select ($" {kernel.Entry}", form, Cut(device, GemmPlan.Of(tile, size.K, 1))),
    ];

    private static ProductNumbers.Product Cut(Device device, GemmPlan plan) =>
        (in Operand a, in Operand b, in Operand dst, in Epilogue epilogue) =>
            ((CudaBackend)device.Backend.Inner).MatMul(a, b, dst, epilogue, plan);

    private static Parity.Output Only(Parity.Output all, int[] rows, int columns) =>
        rows.Length * columns == all.Values.Length ? all : all with
        {
            Shape = [rows.Length, columns],
            Values = [.. rows.SelectMany(row => all.Values.AsSpan(row * columns, columns).ToArray())],
        };
}
