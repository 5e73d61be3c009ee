using JepaEngine.Cli;
using JepaEngine.Cli.Commands;

var root = new RootCommand("JepaEngine: trains, runs and plans with JEPA world models on .NET.")
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
};
return await CommandLine.RunAsync(root, args);
