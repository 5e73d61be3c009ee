using System.Text;

namespace JepaEngine.Jepa.Reporting;

/// <summary>
/// Writes a demo's report: one HTML file that holds its style and its pictures and loads nothing, so it works offline, in light and
/// dark, on a phone and on paper.
/// </summary>
public static partial class DemoReport
{
    /// <summary>The page.</summary>
    public static string Html(DemoReportData data)
    {
        ArgumentNullException.ThrowIfNull(data);
        var page = new StringBuilder();
        page.Append(CultureInfo.InvariantCulture, $"""
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>JepaEngine: the TwoRoom demo</title>
            <style>
            {ReportStyle.Css}
            </style>
            </head>
            <body>
            <main>

            """);
        WriteHead(page, data);
        WriteResults(page, data.Policies);
        WriteTraces(page, data.Traces);
        WriteLearning(page, data);
        WriteSeeing(page, data.PatchMaps);
        WriteEnergy(page, data.Energy, data.Traces);
        WriteChecks(page, data.Checks);
        WriteRun(page, data);
        page.Append(CultureInfo.InvariantCulture, $"<footer>Written by JepaEngine, {E(data.Created)}. ");
        page.Append("Everything shown is in this file; it loads nothing.</footer>\n");
        return page.Append("</main>\n</body>\n</html>\n").ToString();
    }

    private static void WriteHead(StringBuilder page, DemoReportData data)
    {
        var planner = data.Policies[0];
        var all = planner.Total;
        (double low, double high) = Wilson.Interval(all.Successes, all.Episodes);
        string interval = string.Create(CultureInfo.InvariantCulture, $"{100 * low:0.0}–{100 * high:0.0} % (95 %)");
        page.Append(CultureInfo.InvariantCulture, $"""
            <header>
            <p class="eyebrow">JepaEngine · TwoRoom demo</p>
            <h1>Learn a world from pixels, then plan in it</h1>
            <p class="lead">{Sentence(data)}</p>
            <dl class="tiles">
            {Tile("Goals reached", Percent(all), interval)}
            """);
        if (planner.Groups.Length > 1)
        {
            var hardest = planner.Groups.MinBy(Share)!;
            page.Append(Tile(Capital(hardest.Kind), $"{hardest.Successes} of {hardest.Episodes}", "the harder kind of task"));
        }
        page.Append(Tile("From nothing to here", Duration(data.Seconds), data.Machine.Device));
        page.Append(Tile("Trained parameters", data.Parameters.ToString("N0", CultureInfo.InvariantCulture), "from random values"));
        page.Append("</dl>\n</header>\n");
    }

    private static string Sentence(DemoReportData data)
    {
        var all = data.Policies[0].Total;
        var sentence = new StringBuilder();
        sentence.Append(CultureInfo.InvariantCulture, $"In {Duration(data.Seconds)}, a model of {data.Parameters:N0} parameters watched ");
        sentence.Append(CultureInfo.InvariantCulture, $"{data.RecordedStates:N0} frames of random moves, learned ");
        sentence.Append(CultureInfo.InvariantCulture, $"to predict its own view of them, and reached {all.Successes} of {all.Episodes} ");
        sentence.Append("goals that were given to it as pictures");
        var others = data.Policies.Skip(1).Select(policy => policy.Total).Zip(data.Policies.Skip(1), (total, other) =>
            $"{E(Lower(other.Name))} {total.Successes} of {total.Episodes}");
        if (data.Policies.Length > 1)
            sentence.Append("; on the same tasks: ").AppendJoin(", ", others);
        return sentence.Append('.').ToString();
    }

    private static void WriteResults(StringBuilder page, PolicyResult[] policies)
    {
        page.Append("""
            <section>
            <h2>Does it reach its goals?</h2>
            <p>Every policy gets the same starts and goals and the same number of steps. Dots are the measured shares, bars their 95 %
            Wilson intervals over episodes; steps are means over the episodes that reached their goal.</p>
            <div class="card scroll"><table class="groups">
            <thead><tr><th>Policy</th><th>Goal</th><th class="n">Reached</th><th class="n">Share</th><th class="n">95 % interval</th>
            <th class="n">Steps</th><th>0 to 100 %</th></tr></thead>

            """);
        for (int i = 0; i < policies.Length; i++)
        {
            var rows = policies[i].Groups.Append(policies[i].Total).ToArray();
            page.Append("<tbody>\n");
            for (int row = 0; row < rows.Length; row++)
            {
                var group = rows[row];
                (double low, double high) = Wilson.Interval(group.Successes, group.Episodes);
                string name = row == 0 ? $"<th rowspan=\"{rows.Length}\" scope=\"rowgroup\">{E(policies[i].Name)}</th>" : "";
                string style = row == rows.Length - 1 ? " class=\"all\"" : "";
                page.Append(CultureInfo.InvariantCulture, $"""
                    <tr{style}>{name}<td class="kind">{E(group.Kind)}</td><td class="n">{group.Successes} / {group.Episodes}</td>
                    <td class="n">{Percent(group)}</td><td class="n">{100 * low:0.0}–{100 * high:0.0}</td>
                    <td class="n">{Number(group.MeanSteps, 1)}</td>
                    <td class="range">{Interval(low, Share(group), high, Math.Min(i, 2))}</td></tr>

                    """);
            }
            page.Append("</tbody>\n");
        }
        page.Append("</table></div>\n</section>\n");
    }

    private static string Interval(double low, double share, double high, int colour)
    {
        var svg = new Svg(320, 18, "");
        svg.Line(4, 9, 316, 9, "grid");
        foreach (int quarter in new[] { 0, 1, 2, 3, 4 })
            svg.Line(4 + 78 * quarter, 5, 4 + 78 * quarter, 13, "grid");
        svg.Line(4 + 312 * low, 9, 4 + 312 * high, 9, $"whisker c{colour}");
        return (double.IsNaN(share) ? svg : svg.Circle(4 + 312 * share, 9, 4.5, $"dot c{colour}")).ToString();
    }

    private static void WriteTraces(StringBuilder page, EpisodeTrace[] traces)
    {
        if (traces.Length == 0)
            return;
        page.Append("""
            <section>
            <h2>What did it imagine, and what did it do?</h2>
            <p>The planner sees pictures only. At each replanning it imagines a path in its latent space, and a linear probe, which
            took no part in the planning, reads positions from what it imagined.</p>
            <ul class="key">
            <li><svg viewBox="0 0 28 12"><path class="line c0" d="M1 6H27"/></svg>executed</li>
            <li><svg viewBox="0 0 28 12"><path class="thought c1" d="M1 6H27"/></svg>imagined, at each replanning</li>
            <li><svg viewBox="0 0 28 12"><circle class="start c0" cx="14" cy="6" r="4"/></svg>start</li>
            <li><svg viewBox="0 0 28 12"><circle class="dot c0" cx="14" cy="6" r="4.5"/></svg>where it ended</li>
            <li><svg viewBox="0 0 28 12"><circle class="goal" cx="14" cy="6" r="5"/></svg>goal: inside counts as reached</li>
            </ul>
            <div class="three">

            """);
        for (int i = 0; i < traces.Length; i++)
        {
            var trace = traces[i];
            string mark = trace.Success ? "<span class=\"good\">✓ reached</span>" : "<span class=\"bad\">✗ not reached</span>";
            string steps = Count(trace.Executed.Length / 2, "step"), plans = Count(trace.Imagined.Length, "plan");
            page.Append(CultureInfo.InvariantCulture, $"""
                <figure class="card"><h3>{i + 1} · {E(Capital(trace.Kind))}</h3>{RoomsView.Draw(trace)}
                <figcaption>{mark} {(trace.Success ? "in" : "after")} {steps}, {plans}</figcaption></figure>

                """);
        }
        page.Append("</div>\n</section>\n");
    }

    private static void WriteLearning(StringBuilder page, DemoReportData data)
    {
        page.Append("""
            <section>
            <h2>How did it learn?</h2>
            <p>There are no labels, no rewards and no decoder: the model predicts its own embedding of the next frame, and SIGReg keeps
            the embeddings spread like a Gaussian so that they cannot collapse to a point.</p>
            <div class="two">

            """);
        Figure(page, "Prediction loss, logarithmic", LineChart.Draw("training step", true, WithMean(data.Prediction)),
            "May rise at first, while the embeddings spread from near collapse.");
        Figure(page, "SIGReg, logarithmic", LineChart.Draw("training step", true, WithMean(data.SigReg)),
            "How far the embeddings are from a Gaussian. A value near 25 that does not fall would be collapse.");
        Figure(page, "Effective rank", LineChart.Draw("training step", false, ("effective rank", data.EffectiveRank)),
            "Over how many directions the embeddings spread. A place has two coordinates; a latent space that is easy to predict bends " +
            "them over several more.");
        if (data.Spectrum.Length > 0)
        {
            Figure(page, "Spectrum of the embeddings", SpectrumChart.Draw(data.Spectrum),
                "Variance along each principal direction after training. All bars at 1 would be the Gaussian that SIGReg asks for; one " +
                "bar alone would be collapse.");
        }
        page.Append("</div>\n</section>\n");
    }

    private static void WriteSeeing(StringBuilder page, PatchMap[] maps)
    {
        if (maps.Length == 0)
            return;
        page.Append("""
            <section>
            <h2>What does it see?</h2>
            <p>Beside each frame, its patch tokens, less what each place shows on average: their first three principal components as red,
            green and blue, on one scale for all frames. The even colour is a place as it mostly is; a patch that stands out is the agent.</p>
            <div class="three">

            """);
        byte[][] colours = Colours.OfComponents([.. maps.Select(map => map.Components)]);
        for (int i = 0; i < maps.Length; i++)
        {
            var map = maps[i];
            page.Append(CultureInfo.InvariantCulture, $"""
                <figure class="card"><div class="maps"><img alt="Frame {i + 1}" src="{Svg.Address(map.Frame, map.Size, map.Size)}">
                <img alt="Patch tokens of frame {i + 1}" src="{Svg.Address(colours[i], map.Grid, map.Grid)}"></div></figure>

                """);
        }
        page.Append("</div>\n</section>\n");
    }

    private static void WriteEnergy(StringBuilder page, EnergyLandscape? energy, EpisodeTrace[] traces)
    {
        if (energy is null)
            return;
        page.Append("""
            <section>
            <h2>How does it choose?</h2>
            <p>Planning is a search for the actions whose imagined future comes closest to the goal, in the latent space. Here is what
            that search sees.</p>
            <div class="two">

            """);
        bool shown = energy.Trace >= 0 && energy.Trace < traces.Length;
        string where = shown ? $"the start of episode {energy.Trace + 1}" : "one start state";
        Figure(page, "Energy landscape", EnergyMap.Draw(energy),
            $"The cost of holding one action from {where}: darker is closer to the goal. The ring is the first action of the plan " +
            "that the planner chose; a plan may turn later, so the ring need not lie in the darkest place.");
        if (shown)
        {
            Figure(page, $"Episode {energy.Trace + 1}, which starts there", RoomsView.Draw(traces[energy.Trace]),
                "To the right and down are positive in both pictures.");
        }
        page.Append("</div>\n</section>\n");
    }

    private static void WriteChecks(StringBuilder page, Check[] checks)
    {
        if (checks.Length == 0)
            return;
        page.Append("""
            <section>
            <h2>Is the model sound?</h2>
            <p>A low prediction loss alone proves little: a folded map predicts well too. These figures would show it, and each has a
            range that a healthy run falls into.</p>
            <div class="card scroll"><table>
            <thead><tr><th>Figure</th><th class="n">Measured</th><th class="n">Accepted</th><th>Verdict</th></tr></thead>
            <tbody>

            """);
        foreach (var check in checks)
        {
            string unit = check.Unit.Length == 0 ? "" : " " + E(check.Unit);
            string verdict = check.Passed ? "<span class=\"good\">✓ within</span>" : "<span class=\"bad\">✗ outside</span>";
            page.Append(CultureInfo.InvariantCulture, $"<tr><td>{E(check.Name)}</td><td class=\"n\">{Significant(check.Value)}{unit}</td>");
            page.Append(CultureInfo.InvariantCulture, $"<td class=\"n\">{Accepted(check)}{unit}</td><td>{verdict}</td></tr>\n");
        }
        page.Append("</tbody></table></div>\n</section>\n");
    }

    private static void WriteRun(StringBuilder page, DemoReportData data)
    {
        var machine = data.Machine;
        page.Append("""
            <section>
            <h2>Where, with what, how long</h2>
            <p>The run's parts one after the other, what it ran on, and what it was told.</p>
            <div class="two">
            <div class="card"><h3>Time</h3><table><tbody>

            """);
        double longest = data.Stages.Select(stage => stage.Seconds).DefaultIfEmpty(1).Max();
        foreach (var stage in data.Stages)
        {
            page.Append(CultureInfo.InvariantCulture, $"""
                <tr><td>{E(stage.Name)}</td><td class="n">{Duration(stage.Seconds)}</td>
                <td class="range"><span class="track"><i style="width:{100 * stage.Seconds / longest:0.#}%"></i></span></td></tr>

                """);
        }
        page.Append(CultureInfo.InvariantCulture, $"""
            <tr class="all"><td>together</td><td class="n">{Duration(data.Seconds)}</td><td></td></tr>
            </tbody></table></div>
            <div class="card"><h3>Machine</h3><dl class="facts">

            """);
        Fact(page, "Device", machine.Device);
        Fact(page, "Processor", machine.Processor);
        Fact(page, "System", machine.System);
        Fact(page, "Runtime", machine.Runtime);
        page.Append("</dl><h3 style=\"margin-top:24px\">Settings</h3><dl class=\"facts\">\n");
        foreach (var setting in data.Settings)
            Fact(page, setting.Name, setting.Value);
        page.Append("</dl></div>\n</div>\n</section>\n");
    }
}
