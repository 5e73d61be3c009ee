namespace JepaEngine.Cli;

/// <summary>The result of an evaluation as a Markdown table, which reads well in a terminal and pastes into an issue.</summary>
internal static class SuccessTable
{
    public static IEnumerable<string> Lines(DemoReportData data)
    {
        yield return "| policy                  | task             | reached |     % | 95 % interval | steps |";
        yield return "|-------------------------|------------------|--------:|------:|--------------:|------:|";
        foreach (PolicyResult policy in data.Policies)
            foreach (GroupResult group in policy.Groups.Append(policy.Total))
            {
                (double low, double high) = Wilson.Interval(group.Successes, group.Episodes);
                yield return $"| {policy.Name,-23} | {group.Kind,-16} | {$"{group.Successes}/{group.Episodes}",7} | {100.0 * group.Successes / group.Episodes,5:0.0} "
                    + $"| {$"{100 * low:0.0}-{100 * high:0.0}",13} | {(double.IsNaN(group.MeanSteps) ? "-" : $"{group.MeanSteps:0.0}"),5} |";
            }
        yield return "";
        yield return "| check                   |    value | accepted       |      |";
        yield return "|-------------------------|---------:|----------------|------|";
        foreach (Check check in data.Checks)
            yield return $"| {check.Name,-23} | {$"{check.Value:0.###}{check.Unit}",8} | {Range(check),-14} | {(check.Passed ? "ok" : "MISS"),-4} |";
        yield return "";
        yield return $"{string.Join(", ", data.Stages.Select(s => $"{s.Name} {s.Seconds:0.0} s"))}: {data.Seconds:0.0} s";
    }

    public static string Record(PolicyResult policy, GroupResult group)
    {
        (double low, double high) = Wilson.Interval(group.Successes, group.Episodes);
        return new JsonObject
        {
            ["policy"] = policy.Name, ["task"] = group.Kind, ["successes"] = group.Successes,
            ["episodes"] = group.Episodes, ["low"] = low, ["high"] = high,
        }.ToJsonString();
    }

    private static string Range(Check check) =>
        check.Low is { } low && check.High is { } high ? $"{low:0.###} to {high:0.###}"
        : check.Low is { } least ? $"at least {least:0.###}"
        : check.High is { } most ? $"at most {most:0.###}"
        : "-";
}
