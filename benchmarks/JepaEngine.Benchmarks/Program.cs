using JepaEngine.Benchmarks;

switch (args)
{
    case ["gemm"]:
        GemmBenchmark.Run();
        break;
    case ["linear"]:
        LinearBenchmark.Run();
        break;
    case ["attention"]:
        AttentionBenchmark.Run();
        break;
    case ["rows"]:
        RowsBenchmark.Run(Console.Out);
        break;
    case ["peer", .. string[] files] when files.Length <= 2:
        PeerBenchmark.Run(files.ElementAtOrDefault(0), files.ElementAtOrDefault(1));
        break;
    case ["models", .. string[] files] when files.Length <= 2:
        ModelBenchmark.Run(files.ElementAtOrDefault(0), files.ElementAtOrDefault(1));
        break;
    default:
        Console.Error.WriteLine("usage: dotnet run -c Release --project benchmarks/JepaEngine.Benchmarks -- gemm | linear | attention | rows | peer | models [PEER.jsonl [RESULT.jsonl]]");
        return 2;
}
return 0;
