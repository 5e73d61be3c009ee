using JepaEngine.Backends;

namespace JepaEngine.Jepa.Pictures;

/// <summary>How a picture of any size becomes one of a model's.</summary>
public enum Framing
{
    /// <summary>Stretched to the size, whatever its shape.</summary>
    Stretch,
    /// <summary>The short side to 256/224 of the size, or another part, then the middle: the border of a picture is not
    /// looked at.</summary>
    ShortSideThenCrop,
    /// <summary>The largest square in the middle, then to the size.</summary>
    SquareThenResize,
    /// <summary>Stretched to 256/224 of the size, or another part, then the middle.</summary>
    StretchThenCrop,
    /// <summary>The middle, not resized.</summary>
    Crop,
    /// <summary>Neither: pictures have the size already.</summary>
    AsItIs,
}

/// <summary>
/// What a family's reference does to a picture before the model sees it. <see cref="Apply"/> gives 8-bit pixels; a model that takes those applies
/// <see cref="Transform"/> itself.
/// </summary>
/// <param name="Size">Columns and rows of the result.</param>
/// <param name="Framing">How it is framed.</param>
/// <param name="Mean">One number a channel, of pixels between 0 and 1.</param>
/// <param name="Std">One number a channel.</param>
public sealed record Preprocess(int Size, Framing Framing, float[] Mean, float[] Std)
{
    internal const int DefaultResized = 256, DefaultCropped = 224;

    /// <summary>Longer pictures would be resized to millions of columns.</summary>
    private const int MaxAspect = 30_000;

    /// <summary>V-JEPA 1, 2 and 2.1 (evals/video_classification_frozen/utils.py; Hugging Face's VJEPA2VideoProcessor).</summary>
    /// <remarks>The authors' transform resizes NumPy frames with OpenCV, without antialias; Hugging Face's resizes
    /// tensors as here. Where the picture has an odd number of pixels beyond the crop, the crop lies as the authors'
    /// and torchvision's; with <see cref="CropsDown"/> as transformers', up to one pixel left of or above it.</remarks>
    public static Preprocess VJepa(int size) => ImageNet(size, Framing.ShortSideThenCrop);

    /// <summary>V-JEPA 2-AC (the notebook: a random crop whose aspect ratio is 1 falls back to the central square).</summary>
    /// <remarks>The notebook interpolates in float without antialias; where it enlarges, as DROID's 180 rows to 256, that differs by rounding only.</remarks>
    public static Preprocess VJepa2Ac(int size = 256) => ImageNet(size, Framing.SquareThenResize);

    /// <summary>I-JEPA as its Hugging Face processor (ViTImageProcessor).</summary>
    public static Preprocess IJepa(int size) => new(size, Framing.Stretch, [0.5f, 0.5f, 0.5f], [0.5f, 0.5f, 0.5f]);

    /// <summary>I-JEPA with the statistics it was trained with, framed as V-JEPA's picture evaluation; the processor has others.</summary>
    public static Preprocess IJepaTrained(int size) => ImageNet(size, Framing.ShortSideThenCrop);

    /// <summary>LeWorldModel. Its pipeline normalises before it resizes, which differs by rounding only; published frames need no resize.</summary>
    public static Preprocess LeWorldModel(int size = 224) => ImageNet(size, Framing.Stretch);

    /// <summary>The kernel of the resize.</summary>
    public ResizeFilter Filter { get; init; }

    /// <summary>Before a crop the picture is brought to <see cref="Size"/> · Resized / <see cref="Cropped"/>
    /// pixels.</summary>
    public int Resized { get; init; } = DefaultResized;

    /// <summary>As there.</summary>
    public int Cropped { get; init; } = DefaultCropped;

    /// <summary>Whether a half pixel left of or above the middle is rounded down, as transformers does, or to the even
    /// side, as torchvision.</summary>
    public bool CropsDown { get; init; }

    /// <summary>What a model applies to 8-bit pixels.</summary>
    public PixelTransform Transform => PixelTransform.Normalize(Mean, Std);

    /// <summary>The picture as a model sees it, [Size, Size, 3].</summary>
    /// <exception cref="ArgumentException">The picture is longer than any picture: more than 30,000 times its width.</exception>
    public Picture Apply(Picture picture)
    {
        (int width, int height) = (picture.Width, picture.Height);
        int side = (int)((long)Size * Resized / Cropped);
        switch (Framing)
        {
            case Framing.ShortSideThenCrop:
                int small = Math.Min(width, height);
                if (Math.Max(width, height) / small > MaxAspect)
                    throw new ArgumentException($"{width}x{height} pixels have no middle to look at; crop the picture first", nameof(picture));
                return Middle(picture, (int)((long)side * width / small), (int)((long)side * height / small));
            case Framing.StretchThenCrop:
                return Middle(picture, side, side);
            case Framing.Crop when width >= Size && height >= Size:
                return Middle(picture, width, height);
            case Framing.AsItIs when (width, height) == (Size, Size):
                return picture;
            case Framing.Crop or Framing.AsItIs:
                throw new ArgumentException($"{width}x{height} pixels, but the model sees {Size}x{Size}, and its "
                    + $"processor does not resize; "
                    + "bring the picture to that size first", nameof(picture));
            case Framing.SquareThenResize:
                int square = Math.Min(width, height);
                // The notebook rounds this crop down.
                var window = new PictureWindow((width - square) / 2, (height - square) / 2, square, square);
                return Resize.Run(Resize.Run(picture, width, height, window), Size, Size, Filter);
            default:
                return Resize.Run(picture, Size, Size, Filter);
        }
    }

    /// <summary>Pixels as torchvision normalises them, in f32: to the last bit (x / 255 − mean) / std.</summary>
    /// <returns>[3, height, width].</returns>
    public float[] Normalize(Picture picture)
    {
        int pixels = picture.Width * picture.Height;
        float[] result = new float[3 * pixels];
        for (int i = 0; i < result.Length; i++)
        {
            int channel = i / pixels;
            result[i] = (picture.Rgb[3 * (i % pixels) + channel] / 255f - Mean[channel]) / Std[channel];
        }
        return result;
    }

    private static Preprocess ImageNet(int size, Framing framing) => new(size, framing, [0.485f, 0.456f, 0.406f], [0.229f, 0.224f, 0.225f]);

    /// <summary>The middle of a picture at another size.</summary>
    private Picture Middle(Picture picture, int width, int height) =>
        Resize.Run(picture, width, height, new PictureWindow(Half(width - Size), Half(height - Size), Size, Size), Filter);

    private int Half(int pixels) => CropsDown ? pixels / 2 : (int)Math.Round(pixels / 2.0);
}
