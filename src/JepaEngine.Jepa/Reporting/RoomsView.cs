using JepaEngine.Jepa.Environments;

namespace JepaEngine.Jepa.Reporting;

/// <summary>The two rooms from above with one episode: executed and imagined paths, start and goal.</summary>
internal static class RoomsView
{
    private const int Inner = TwoRoom.Border - TwoRoom.BorderThickness, Outer = TwoRoom.SceneSize - Inner;

    public static string Draw(EpisodeTrace trace)
    {
        var svg = new Svg(Outer - Inner, Outer - Inner, $"Episode {trace.Kind}: {(trace.Success ? "goal reached" : "goal not reached")}");
        double side = Outer - Inner, line = TwoRoom.BorderThickness;
        double wallLeft = TwoRoom.WallCentre - TwoRoom.WallHalf - Inner, wallWidth = 2 * TwoRoom.WallHalf + 1;
        double doorTop = TwoRoom.DoorCentre - TwoRoom.DoorHalf - Inner, doorBottom = TwoRoom.DoorCentre + TwoRoom.DoorHalf + 1 - Inner;
        svg.Rect(0, 0, side, side, "wall").Rect(line, line, side - 2 * line, side - 2 * line, "floor");
        svg.Rect(wallLeft, 0, wallWidth, doorTop, "wall").Rect(wallLeft, doorBottom, wallWidth, side - doorBottom, "wall");
        // Inside this circle the goal counts as reached.
        svg.Circle(trace.Goal[0] - Inner, trace.Goal[1] - Inner, TwoRoom.GoalDistance, "goal");
        foreach (float[] path in trace.Imagined)
            svg.Path(Points(path), "thought c1");
        svg.Path(Points([.. trace.Start, .. trace.Executed]), "walk c0");
        svg.Circle(trace.Start[0] - Inner, trace.Start[1] - Inner, 4, "start c0");
        float[] end = trace.Executed.Length < 2 ? trace.Start : trace.Executed[^2..];
        return svg.Circle(end[0] - Inner, end[1] - Inner, 4.5, "dot c0").ToString();
    }

    private static IEnumerable<(double X, double Y)> Points(float[] path) =>
        path.Chunk(2).Select(point => ((double)point[0] - Inner, (double)point[1] - Inner));
}
