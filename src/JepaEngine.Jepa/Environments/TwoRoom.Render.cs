namespace JepaEngine.Jepa.Environments;

public sealed partial class TwoRoom
{
    // The empty scene [Size, Size], 255 white, 0 black; a frame smaller than 224 has box averages, so edges may be grey.
    private readonly float[] scene;

    // The same as bytes of an RGB frame.
    private readonly byte[] sceneBytes;
    private readonly int reach;
    private readonly float[] alphaX, alphaY;

    /// <inheritdoc/>
    /// <remarks>
    /// The agent is a Gaussian blob of red whose largest sample is 1: the original divides by the maximum over the pixels, so the
    /// blob's peak is pure red wherever the agent stands between pixel centres. The blob is separable and so is that maximum: the
    /// axes are normalised one by one. 256 frames of 56x56 take 0.4 ms on one core.
    /// </remarks>
    public void Render(Span<byte> frame)
    {
        if (frame.Length != sceneBytes.Length)
            throw new ArgumentException($"a {Size}x{Size} frame has {sceneBytes.Length} bytes, not {frame.Length}", nameof(frame));
        sceneBytes.CopyTo(frame);
        (int left, int right) = Blob(position[0], alphaX);
        (int top, int bottom) = Blob(position[1], alphaY);
        for (int row = top; row < bottom; row++)
        {
            var line = scene.AsSpan(row * Size + left, right - left);
            var pixels = frame.Slice((row * Size + left) * 3, line.Length * 3);
            var alphas = alphaX.AsSpan(left, line.Length);
            float alphaRow = alphaY[row];
            for (int i = 0; i < line.Length; i++)
            {
                // The original's order of operations in float32, truncated: the red of a white pixel may come out as 254.
                float alpha = alphas[i] * alphaRow;
                float kept = line[i] * (1 - alpha);
                byte rest = (byte)(int)kept;
                pixels[3 * i] = (byte)(int)(kept + 255 * alpha);
                pixels[3 * i + 1] = rest;
                pixels[3 * i + 2] = rest;
            }
        }
    }

    // Samples the blob along one axis at the pixels it reaches, divides by their maximum, and returns the range.
    private (int Start, int End) Blob(float centre, float[] alpha)
    {
        int factor = SceneSize / Size;
        int middle = (int)centre / factor;
        int start = Math.Max(0, middle - reach), end = Math.Min(Size, middle + reach + 1);
        float peak = 0;
        for (int i = start; i < end; i++)
        {
            float distance = factor * i + (factor - 1) * .5f - centre;
            alpha[i] = MathF.Exp(-(distance * distance) / (2 * AgentRadius * AgentRadius));
            peak = Math.Max(peak, alpha[i]);
        }
        for (int i = start; i < end; i++)
            alpha[i] /= peak;
        return (start, end);
    }

    // Farther than this from the agent's pixel the blob is below 2^-25, where 1 - alpha is 1 in float32: nothing changes there.
    private static int BlobReach(int factor)
    {
        double distance = Math.Sqrt(2 * AgentRadius * AgentRadius * 25 * Math.Log(2) + factor * factor / 4.0);
        return (int)(distance / factor) + 2;
    }

    private static float[] DrawScene(int size)
    {
        int factor = SceneSize / size;
        float[] result = new float[size * size];
        for (int y = 0; y < SceneSize; y++)
        {
            for (int x = 0; x < SceneSize; x++)
                result[y / factor * size + x / factor] += IsBlack(x, y) ? 0 : 255;
        }
        for (int i = 0; i < result.Length; i++)
            result[i] /= factor * factor;
        return result;
    }

    private static bool IsBlack(int x, int y)
    {
        bool wall = Math.Abs(x - WallCentre) <= WallHalf && Math.Abs(y - DoorCentre) > DoorHalf;
        return wall || IsBorder(x) || IsBorder(y);
    }

    private static bool IsBorder(int at) =>
        at is (>= Border - BorderThickness and < Border)
            or (>= SceneSize - Border and < SceneSize - Border + BorderThickness);
}
