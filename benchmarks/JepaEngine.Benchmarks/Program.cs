using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using JepaEngine.Benchmarks.Harness;

// BenchmarkDotNet's own options, with two defaults of ours: every case where none is chosen, and this process, whose limits the cases are held against.
bool isChosen = args.Any(argument => argument is "-f" or "--filter"), hasJob = args.Any(argument => argument is "-j" or "--job");
bool isQuestion = args.Any(argument => argument is "--list" or "--help" or "--info" or "--version");
string[] options = [.. args, .. isChosen ? [] : (string[])["--filter", "*"], .. hasJob ? (string[])["--inProcess"] : []];
Summary[] summaries = [.. BenchmarkSwitcher.FromAssembly(typeof(Family).Assembly).Run(options, Settings.Create(hasJob))];
bool isDone = summaries.Length > 0 && summaries.All(summary => !summary.HasCriticalValidationErrors && summary.Reports.All(report => report.Success));
return isQuestion || isDone ? 0 : 1;
