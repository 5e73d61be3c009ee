namespace JepaEngine.Backends;

/// <summary>The cross-entropy method's arithmetic on the processor: sums in double, in the order of the elites.</summary>
public static unsafe class HostCem
{
    /// <summary>Draws candidates [N, L] around a mean [L] with a standard deviation [L]; candidate 0 is the mean itself.</summary>
    public static void Sample(PhiloxKey key, ReadOnlySpan<float> mean, ReadOnlySpan<float> std, float bound, Span<float> candidates)
    {
        Philox.FillNormal(key, candidates);
        mean.CopyTo(candidates);
        for (int n = 1; n < candidates.Length / mean.Length; n++)
        {
            Span<float> candidate = candidates.Slice(n * mean.Length, mean.Length);
            for (int i = 0; i < candidate.Length; i++)
                candidate[i] = Math.Clamp(mean[i] + std[i] * candidate[i], -bound, bound);
        }
    }

    /// <summary>
    /// Fits mean and unbiased standard deviation [L] to the elites among candidates [N, L] of these costs [N], and keeps the best. Equal costs keep their
    /// order; one that is not finite comes last and is no elite. Where all are such, mean and deviation stay.
    /// </summary>
    public static void Refit(ReadOnlySpan<float> candidates, ReadOnlySpan<float> costs, int elites, float minStd,
        Span<float> mean, Span<float> std, ref float best, Span<float> plan)
    {
        int length = mean.Length;
        ReadOnlySpan<int> order = Rank(costs);
        while (elites > 0 && !float.IsFinite(costs[order[elites - 1]]))
            elites--;
        if (elites == 0)
            return;
        ReadOnlySpan<int> chosen = order[..elites];
        if (costs[order[0]] < best)
        {
            best = costs[order[0]];
            candidates.Slice(order[0] * length, length).CopyTo(plan);
        }
        for (int i = 0; i < length; i++)
        {
            double sum = 0, squares = 0;
            foreach (int elite in chosen)
                sum += candidates[elite * length + i];
            double average = sum / elites;
            foreach (int elite in chosen)
                squares += (candidates[elite * length + i] - average) * (candidates[elite * length + i] - average);
            mean[i] = (float)average;
            std[i] = Math.Max(minStd, (float)Math.Sqrt(squares / Math.Max(1, elites - 1)));
        }
    }

    /// <summary><see cref="Backend.CemSample"/> in the host's memory.</summary>
    internal static void Sample(in CemState state)
    {
        for (int p = 0; p < state.Problems; p++)
        {
            PhiloxKey key = state.Keys.As<PhiloxKey>()[p].Child(*state.Iteration.As<ulong>());
            Sample(key, Part(state.Mean, p), Part(state.Std, p), state.Bound, Part(state.Candidates, p));
        }
    }

    /// <summary><see cref="Backend.CemRefit"/> in the host's memory.</summary>
    internal static void Refit(in CemState state)
    {
        for (int p = 0; p < state.Problems; p++)
        {
            Refit(Part(state.Candidates, p), Part(state.Costs, p), state.Elites, state.MinStd, Part(state.Mean, p), Part(state.Std, p),
                ref state.Best.As<float>()[p], Part(state.Plan, p));
        }
        ++*state.Iteration.As<ulong>();
    }

    /// <summary><see cref="Backend.CemScore"/> in the host's memory, by a backend's own sums.</summary>
    internal static void Score(Backend backend, in Operand path, in Operand goals, double? meanWeight, in Operand costs)
    {
        int problems = goals.Shape[0], width = goals.Shape[1], steps = path.Shape[1], all = path.Shape[0], count = all / problems;
        using var memory = new MemoryScope(backend.Memory, "distances");
        Operand difference = Scratch(path.DType, problems, count, width), sum = Scratch(path.DType, problems, count, 1);
        Operand distance = Scratch(DType.F32, problems, count, 1);
        Operand goal = goals with { Layout = new Layout(difference.Shape, [width, 0, 1], goals.Layout.Offset) };
        float* to = costs.As<float>(), last = distance.As<float>();
        float[] total = new float[all];
        new Span<float>(to, all).Fill(float.PositiveInfinity);
        for (int step = meanWeight is null ? steps - 1 : 0; step < steps; step++)
        {
            long stride = path.Layout.Stride(0), offset = path.Layout.Offset + step * path.Layout.Stride(1);
            backend.Binary(BinaryOp.Subtract, path with { Layout = new Layout(difference.Shape, [count * stride, stride, 1], offset) }, goal, difference);
            backend.Binary(BinaryOp.Multiply, difference, difference, difference);
            backend.Sum(difference, 1, sum);
            backend.Copy(sum, distance);
            for (int n = 0; n < all; n++)
            {
                to[n] = Math.Min(to[n], last[n]);
                total[n] += last[n];
            }
        }
        if (meanWeight is not { } weight)
            return;
        for (int n = 0; n < all; n++)
            to[n] += (float)weight / steps * total[n];

        Operand Scratch(DType dtype, params ReadOnlySpan<int> shape)
        {
            var layout = new Layout(new Shape(shape));
            return new Operand(memory.Rent(layout.Shape.Count * dtype.Size()), dtype, layout);
        }
    }

    /// <summary>What of an operand belongs to a problem.</summary>
    private static Span<float> Part(in Operand operand, int problem)
    {
        int length = (int)(operand.Count / operand.Shape[0]);
        return new Span<float>(operand.As<float>() + (long)problem * length, length);
    }

    private static int[] Rank(ReadOnlySpan<float> costs)
    {
        int[] order = new int[costs.Length];
        Span<(float Cost, int Index)> keys = new (float, int)[costs.Length];
        for (int n = 0; n < order.Length; n++)
        {
            order[n] = n;
            keys[n] = (float.IsFinite(costs[n]) ? costs[n] : float.PositiveInfinity, n);
        }
        keys.Sort(order.AsSpan());
        return order;
    }
}
