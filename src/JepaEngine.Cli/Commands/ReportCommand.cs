namespace JepaEngine.Cli.Commands;

/// <summary><c>jepa report</c>: writes the report of a run again from its numbers.</summary>
internal static class ReportCommand
{
    public static Command Create()
    {
        Argument<string> folder = CommonOptions.Run();
        Command command = CommandLine.Verb("report", "Writes report.html again from the numbers in report.json.", "jepa report runs/demo", folder);
        command.SetAction(parsed =>
        {
            var run = new RunFolder(parsed.GetValue(folder)!);
            run.Render(run.ReadReport());
            Console.Out.WriteLine($"Report: {Path.GetFullPath(run.Report)}");
            return ExitCode.Ok;
        });
        return command;
    }
}
