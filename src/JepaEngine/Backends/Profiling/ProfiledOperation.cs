namespace JepaEngine.Backends.Profiling;

/// <summary>An operation of a backend with operands of certain shapes, and what all its calls together took.</summary>
/// <param name="Name">The method of <see cref="Backend"/>.</param>
/// <param name="Shape">What it was called with, as <c>256x4096x1024 NT gelu</c>; <see cref="ProfiledBackend"/> says which lengths these are.</param>
/// <param name="Calls">How often.</param>
/// <param name="Milliseconds">Of the host's clock on the processor, of the device's on a GPU; of the simulator they mean nothing.</param>
/// <param name="Flops">Floating-point operations, analytic (<see cref="OperationCost"/>).</param>
/// <param name="Bytes">Bytes that have to be moved, analytic: each operand read once, each destination written once.</param>
/// <param name="Kernels">On a GPU: what it launched, most launches first.</param>
public sealed record ProfiledOperation(
    string Name, string Shape, long Calls, double Milliseconds, double Flops, double Bytes, IReadOnlyList<ProfiledKernel> Kernels);

/// <summary>A compiled kernel that an operation launched.</summary>
/// <param name="Name">Kernel, file and tier, as <c>layer_norm_forward (layernorm bf16)</c>.</param>
/// <param name="Launches">How often.</param>
/// <param name="Registers">Registers a thread; null in the simulator, whose compiler is the host's.</param>
/// <param name="SharedBytes">Shared memory a block, the compiled kernel's own and the most of a launch.</param>
public sealed record ProfiledKernel(string Name, long Launches, int? Registers, int SharedBytes);
