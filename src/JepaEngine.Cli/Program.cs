using JepaEngine.Cli;
using JepaEngine.Cli.Commands;

try
{
    StandardStreams.Guard();
    return await Run(args);
}
catch (Exception error)
{
    // Where too few files may be open, what would report it cannot be loaded.
    StandardStreams.Release();
    try
    {
        Console.Error.WriteLine($"jepa: {error.Message.Split('\n')[0]} (ulimit -n allows more open files)");
    }
    catch (IOException)
    {
        // The error stream cannot be opened either; the exit code is all that is left.
    }
    return ExitCode.Defect;
}

static Task<int> Run(string[] args) => CommandLine.RunAsync(() => new RootCommand("JepaEngine: trains, runs and plans "
    + "with JEPA world models on .NET.")
{
    DemoCommand.Create(),
    TrainCommand.Create(),
    RunsCommand.Create(),
    EvalCommand.Create(),
    PlanCommand.Create(),
    InspectCommand.Create(),
    RunCommand.Create(),
    EncodeCommand.Create(),
    ClassifyCommand.Create(),
    ConvertCommand.Create(),
    ReportCommand.Create(),
    ParityCommand.Create(),
    KernelsCommand.Create(),
    BenchCommand.Create(),
    RooflineCommand.Create(),
    CompareCommand.Create(),
    GateCommand.Create(),
    DoctorCommand.Create(),
}, args);
