using JepaEngine.Cuda.Vendor;

namespace JepaEngine.Jepa.Benchmarking;

/// <summary>The product in a row of the table: [M, K] times [K, N], or times a Linear's weight [N, K].</summary>
internal readonly record struct MatrixProduct(int M, int N, int K, bool IsByWeight)
{
    /// <summary>That of an operation with these inputs; null where it is none.</summary>
    public static MatrixProduct? Of(string op, Shape[] inputs) => op switch
    {
        "MatMul" => new MatrixProduct(inputs[0][0], inputs[1][1], inputs[0][1], false),
        "Linear" => new MatrixProduct(inputs[0][0], inputs[1][0], inputs[0][1], true),
        _ => null,
    };
}

/// <summary>The same product by the vendor's library: without bias and activation, which it would take longer with.</summary>
internal sealed class VendorWork : BenchWork
{
    private readonly MatrixProduct product;
    private readonly CublasLt library;
    private readonly Tensor a, b, c;

    public VendorWork(Device device, MatrixProduct product, CublasLt library) : base(device, "cuBLASLt")
    {
        this.product = product;
        this.library = library;
        a = Memory.RandomNormal([product.M, product.K], new PhiloxKey(1));
        b = Memory.RandomNormal(product.IsByWeight ? [product.N, product.K] : [product.K, product.N], new PhiloxKey(2));
        c = Memory.Empty([product.M, product.N]);
    }

    public override void Run() => library.Multiply(a.Operand.Address, false, b.Operand.Address, product.IsByWeight, c.Operand.Address, product.M, product.N, product.K,
        Memory.Device.Compute == DType.BF16);
}
