namespace JepaEngine.Jepa.Benchmarking;

/// <summary>Finds a free place for each label near its dot: around it in ever wider rings, until nothing else lies there.</summary>
internal sealed class RooflineLabels(double left, double top, double right, double bottom)
{
    private const int Directions = 16, Rings = 24;
    private const double First = 13, Step = 5;

    private readonly List<(double Left, double Top, double Right, double Bottom)> taken = [];

    /// <summary>Keeps a rectangle free of labels.</summary>
    public void Take(double x, double y, double width, double height) => taken.Add((x, y, x + width, y + height));

    /// <summary>The middle of a free rectangle of this size, which is then taken.</summary>
    public (double X, double Y) Place((double X, double Y) dot, double width, double height)
    {
        var places = from ring in Enumerable.Range(0, Rings)
                     from direction in Enumerable.Range(0, Directions)
                     // To the right first, where a reader looks.
                     let angle = 2 * Math.PI * direction / Directions
                     select (X: dot.X + (First + Step * ring) * Math.Cos(angle), Y: dot.Y - (First + Step * ring) * Math.Sin(angle));
        (double X, double Y) = places.FirstOrDefault(at => IsFree(at.X - width / 2, at.Y - height / 2, at.X + width / 2, at.Y + height / 2), dot);
        Take(X - width / 2, Y - height / 2, width, height);
        return (X, Y);
    }

    private bool IsFree(double x1, double y1, double x2, double y2) => x1 >= left && y1 >= top && x2 <= right && y2 <= bottom
        && taken.TrueForAll(other => x2 <= other.Left || x1 >= other.Right || y2 <= other.Top || y1 >= other.Bottom);
}
