namespace JepaEngine.Cuda.Driver;

/// <summary>The driver's answers that the engine tells apart. Any other number is an error too, named by the driver itself.</summary>
public enum CudaResult
{
    /// <summary>It worked.</summary>
    Success = 0,
    /// <summary>An argument is out of range.</summary>
    InvalidValue = 1,
    /// <summary>The device or the host has no memory left.</summary>
    OutOfMemory = 2,
    /// <summary>The process ends, and the driver with it.</summary>
    Deinitialized = 4,
    /// <summary>There is no device.</summary>
    NoDevice = 100,
    /// <summary>There is no device of that number.</summary>
    InvalidDevice = 101,
    /// <summary>What was loaded is no module.</summary>
    InvalidImage = 200,
    /// <summary>The module was compiled for another architecture.</summary>
    NoBinaryForDevice = 209,
    /// <summary>The device's memory failed beyond repair.</summary>
    UncorrectableMemory = 214,
    /// <summary>There is no kernel or symbol of that name.</summary>
    NotFound = 500,
    /// <summary>The work is still under way.</summary>
    NotReady = 600,
    /// <summary>A kernel touched memory that is not its own.</summary>
    IllegalAddress = 700,
    /// <summary>A launch asked for more registers, threads or shared memory than there are.</summary>
    LaunchOutOfResources = 701,
    /// <summary>A kernel ran longer than the system allows.</summary>
    LaunchTimeout = 702,
    /// <summary>A kernel's assertion failed.</summary>
    Assert = 710,
    /// <summary>A kernel overran its stack or lost it.</summary>
    HardwareStack = 714,
    /// <summary>A kernel came upon an instruction that is none.</summary>
    IllegalInstruction = 715,
    /// <summary>A kernel touched an address that is not a multiple of the access.</summary>
    MisalignedAddress = 716,
    /// <summary>An instruction went to a kind of memory it cannot reach.</summary>
    InvalidAddressSpace = 717,
    /// <summary>A kernel's program counter left the program.</summary>
    InvalidProgramCounter = 718,
    /// <summary>A kernel failed in some other way.</summary>
    LaunchFailed = 719,
    /// <summary>The driver in the kernel and the library differ in version.</summary>
    DriverMismatch = 803,
    /// <summary>A call that a stream capture cannot hold.</summary>
    CaptureUnsupported = 900,
    /// <summary>An earlier call made the capture worthless.</summary>
    CaptureInvalidated = 901,
    /// <summary>Not an answer of the driver, or one it has no name for.</summary>
    Unknown = 999,
}
