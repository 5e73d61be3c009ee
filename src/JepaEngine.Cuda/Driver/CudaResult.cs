namespace JepaEngine.Cuda.Driver;

/// <summary>The driver's answers that the engine tells apart. Any other number is an error too, named by the driver
/// itself; for each there is a next step.</summary>
public enum CudaResult
{
    /// <summary>It worked.</summary>
    Success = 0,
    /// <summary>An argument is out of range.</summary>
    InvalidValue = 1,
    /// <summary>The device or the host has no memory left.</summary>
    OutOfMemory = 2,
    /// <summary>The driver was not started in this process.</summary>
    NotInitialized = 3,
    /// <summary>The process ends, and the driver with it.</summary>
    Deinitialized = 4,
    /// <summary>A profiler is in the way.</summary>
    ProfilerDisabled = 5,
    /// <summary>The library is the toolkit's, made for linking only.</summary>
    StubLibrary = 34,
    /// <summary>The driver is older than the library that calls it.</summary>
    InsufficientDriver = 35,
    /// <summary>The driver is older than the call.</summary>
    NewerDriverNeeded = 36,
    /// <summary>Another process has the device for itself.</summary>
    DeviceUnavailable = 46,
    /// <summary>There is no device.</summary>
    NoDevice = 100,
    /// <summary>There is no device of that number.</summary>
    InvalidDevice = 101,
    /// <summary>A virtual device has no licence.</summary>
    NotLicensed = 102,
    /// <summary>What was loaded is no module.</summary>
    InvalidImage = 200,
    /// <summary>There is no such context, or it is gone.</summary>
    InvalidContext = 201,
    /// <summary>The module was compiled for another architecture.</summary>
    NoBinaryForDevice = 209,
    /// <summary>The device's memory failed beyond repair.</summary>
    UncorrectableMemory = 214,
    /// <summary>The device has no such limit.</summary>
    UnsupportedLimit = 215,
    /// <summary>Devices cannot see each other's memory.</summary>
    PeerAccessUnsupported = 217,
    /// <summary>What was compiled is damaged.</summary>
    InvalidPtx = 218,
    /// <summary>The link between devices failed beyond repair.</summary>
    NvlinkUncorrectable = 220,
    /// <summary>The driver's own compiler is missing.</summary>
    JitCompilerNotFound = 221,
    /// <summary>The driver is older than the compiler.</summary>
    UnsupportedPtxVersion = 222,
    /// <summary>A fault of the hardware that reached only this process.</summary>
    Contained = 226,
    /// <summary>The source is damaged.</summary>
    InvalidSource = 300,
    /// <summary>A part of the driver lacks a function.</summary>
    SymbolNotFound = 302,
    /// <summary>A part of the driver does not start.</summary>
    LibraryInitFailed = 303,
    /// <summary>The system refused a call.</summary>
    OperatingSystem = 304,
    /// <summary>A handle is none, or of what is gone.</summary>
    InvalidHandle = 400,
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
    /// <summary>The context is gone.</summary>
    ContextDestroyed = 709,
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
    /// <summary>A launch of more blocks than run at once.</summary>
    CooperativeLaunchTooLarge = 720,
    /// <summary>A kernel left tensor memory behind.</summary>
    TensorMemoryLeak = 721,
    /// <summary>The user may not do it.</summary>
    NotPermitted = 800,
    /// <summary>The device or the driver cannot do it.</summary>
    NotSupported = 801,
    /// <summary>The machine is still starting.</summary>
    SystemNotReady = 802,
    /// <summary>The driver in the kernel and the library differ in version.</summary>
    DriverMismatch = 803,
    /// <summary>The compatibility library does not go with the device.</summary>
    CompatNotSupported = 804,
    /// <summary>The server that shares the device does not answer.</summary>
    MpsConnectionFailed = 805,
    /// <summary>The server that shares the device ended this process's work.</summary>
    MpsClientTerminated = 810,
    /// <summary>A call that a stream capture cannot hold.</summary>
    CaptureUnsupported = 900,
    /// <summary>An earlier call made the capture worthless.</summary>
    CaptureInvalidated = 901,
    /// <summary>A cluster of more blocks than the device takes.</summary>
    InvalidClusterSize = 912,
    /// <summary>Not an answer of the driver, or one it has no name for.</summary>
    Unknown = 999,
}
