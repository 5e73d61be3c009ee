namespace JepaEngine.Tests;

/// <summary>Counts managed bytes.</summary>
internal static class Garbage
{
    /// <summary>
    /// The least managed bytes that this thread allocates in one of many calls: what a call allocates itself, it allocates each time, but a
    /// collection that another thread's test causes adds what was left of this thread's buffer.
    /// </summary>
    public static long Least(Action call, int tries = 10)
    {
        long least = long.MaxValue;
        for (int i = 0; i < tries; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            call();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        return least;
    }
}
