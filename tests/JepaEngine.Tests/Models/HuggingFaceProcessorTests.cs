using System.Security.Cryptography;
using JepaEngine.IO;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Pictures;
using JepaEngine.Tests.Pictures;

namespace JepaEngine.Tests.Models;

/// <summary>What transformers 5.12's AutoVideoProcessor and AutoImageProcessor make of the drawn picture under each
/// configuration: checksums of the bytes, or sums of the normalised numbers.</summary>
public sealed class HuggingFaceProcessorTests : IDisposable
{
    private const string Video = "\"video_processor_type\": \"VJEPA2VideoProcessor\", ", Image = "\"image_processor_type\": \"ViTImageProcessor\", ",
        Square = "\"size\": {\"height\": 64, \"width\": 64}";

    private readonly TemporaryFile temporary = new();

    public void Dispose() => temporary.Dispose();

    [Theory]
    [InlineData("94b720725c75042a", 180, 64, Video + "\"crop_size\": 64")]
    // The class takes the short side from the crop whatever the file says.
    [InlineData("94b720725c75042a", 180, 64, Video + "\"crop_size\": 64, \"size\": {\"shortest_edge\": 80}")]
    [InlineData("ad5f7235b6f12f64", 180, 64, Video + "\"crop_size\": {\"height\": 64, \"width\": 64}, \"resample\": 3")]
    [InlineData("022f1e8836ca79b0", 181, 64, Video + "\"crop_size\": 64, \"do_resize\": false")]
    [InlineData("bc358413d78f47fc", 80, 64, Image + Square)]
    [InlineData("bc358413d78f47fc", 80, 64, Image + "\"size\": 64")]
    [InlineData("0b92c68eb6c4c97a", 80, 64, Image + Square + ", \"resample\": 3")]
    [InlineData("d6c20fa8cf271f5a", 80, 48, Image + Square + ", \"do_center_crop\": true, \"crop_size\": {\"height\": 48, \"width\": 48}")]
    [InlineData("6b78e53b00b803bf", 80, 64, Image + "\"size\": {\"shortest_edge\": 75}, \"do_center_crop\": true, \"crop_size\": 64")]
    public void Every_byte_is_transformers(string checksum, int height, int size, string json)
    {
        Picture picture = Configured(size, json).Preprocess.Apply(DrawnPicture.Mixed(height > 100 ? 320 : 100, height));
        Assert.Equal((size, size), (picture.Width, picture.Height));
        Assert.StartsWith(checksum, Convert.ToHexStringLower(SHA256.HashData(picture.Rgb)));
    }

    [Theory]
    [InlineData(2807.5584, -0.679425, Video + "\"crop_size\": 64")]
    [InlineData(15680.6496, 0.84, Video + "\"crop_size\": 64, \"rescale_factor\": 0.01, \"do_normalize\": false")]
    [InlineData(1568065, 84, Video + "\"crop_size\": 64, \"do_rescale\": false, \"do_normalize\": false")]
    [InlineData(21.0275, -0.231373, Image + Square)]
    [InlineData(34125.2258, 1.76, Image + Square + ", \"rescale_factor\": 0.01, \"image_mean\": [0.1, 0.2, 0.3], \"image_std\": [0.5, 0.4, 0.3]")]
    public void Every_number_is_transformers(double sum, double first, string json)
    {
        bool clips = json.StartsWith(Video, StringComparison.Ordinal);
        Preprocess preprocess = Configured(64, json).Preprocess;
        float[] numbers = preprocess.Normalize(preprocess.Apply(DrawnPicture.Mixed(clips ? 320 : 100, clips ? 180 : 80)));
        Assert.Equal(sum, numbers.Sum(x => (double)x), 1e-5 * Math.Max(sum, 1000));
        Assert.Equal(first, numbers[0], 1e-5 * Math.Max(1, first));
    }

    [Fact]
    public void The_middle_of_a_folders_picture_lies_one_pixel_left_of_Metas()
    {
        // 1280 x 720 becomes 519 x 292: (519 - 256) / 2 is 131.5.
        byte[] rgb = new byte[3 * 1280 * 720];
        for (int i = 0; i < rgb.Length; i++)
            rgb[i] = (byte)(i / 3 % 1280 / 5);
        Preprocess meta = Preprocess.VJepa(256), folder = meta with { CropsDown = true };
        var picture = new Picture(1280, 720, rgb);
        Assert.Equal(131, Left(folder));
        Assert.Equal(132, Left(meta));

        int Left(Preprocess preprocess)
        {
            Picture whole = Resize.Run(picture, 519, 292), crop = preprocess.Apply(picture);
            return Enumerable.Range(100, 60).First(left => Enumerable.Range(0, 256).All(x => crop.Rgb[3 * x] == whole.Rgb[3 * (left + x)]));
        }
    }

    /// <summary>transformers 5 keeps both processors in one file, which comes first.</summary>
    [Fact]
    public void A_joint_file_is_read_first()
    {
        File.WriteAllText(Path.Combine(temporary.Folder, "processor_config.json"),
            "{\"video_processor\": {\"crop_size\": 64, \"image_mean\": [0.1, 0.1, 0.1]}, \"image_processor\": {\"size\": 64, \"image_mean\": [0.2, 0.2, 0.2]}}");
        Assert.Equal(0.1f, Configured(64, Video + "\"image_mean\": [0.3, 0.3, 0.3]").PixelMean[0]);
        Assert.Equal(0.2f, Configured(64, Image + "\"image_mean\": [0.3, 0.3, 0.3]").PixelMean[0]);
    }

    [Theory]
    [InlineData("resample is 1 (lanczos)", Video + "\"resample\": 1")]
    [InlineData("resample is 0 (nearest)", Image + "\"resample\": 0")]
    [InlineData("do_center_crop is false", Video + "\"do_center_crop\": false")]
    [InlineData("crop_size is 48, but the model sees 64", Video + "\"crop_size\": 48")]
    [InlineData("size is 48, but the model sees 64", Image + "\"size\": 48")]
    [InlineData("the model sees squares", Image + "\"size\": {\"height\": 64, \"width\": 80}")]
    [InlineData("height and width, or shortest_edge", Image + "\"size\": {\"longest_edge\": 64}")]
    [InlineData("crop_size 64 is larger than size 50", Image + "\"size\": 50, \"do_center_crop\": true")]
    [InlineData("do_center_crop is false by default", Image + "\"size\": {\"shortest_edge\": 64}")]
    [InlineData("do_center_crop is false, so",
        "\"image_processor_type\": \"CLIPImageProcessor\", \"size\": 64, \"do_center_crop\": false")]
    [InlineData("image_processor_type is EfficientNetImageProcessor; what that does",
        "\"image_processor_type\": \"EfficientNetImageProcessor\"")]
    [InlineData("feature_extractor_type is FlavaFeatureExtractor",
        "\"feature_extractor_type\": \"FlavaFeatureExtractor\"")]
    [InlineData("rescale_offset is true", Image + "\"rescale_offset\": true")]
    [InlineData("pad_size is {", Image + "\"pad_size\": {\"height\": 64, \"width\": 64}")]
    [InlineData("do_flip_channel_order is true", Video + "\"do_flip_channel_order\": true")]
    [InlineData("do_thumbnail is true", Image + "\"do_thumbnail\": true")]
    [InlineData("do_pad is true", Image + "\"do_pad\": true")]
    [InlineData("do_resize is 1; it is true or false", Image + "\"do_resize\": 1")]
    [InlineData("rescale_factor is 0", Image + "\"rescale_factor\": 0")]
    [InlineData("size is \"large\"", Image + "\"size\": \"large\"")]
    [InlineData("image_std is no list", Image + "\"image_std\": [1, 1]")]
    public void What_is_not_done_here_is_refused_by_its_name(string message, string json) =>
        Assert.Contains(message, Assert.Throws<BadFileException>(() => Configured(64, json)).Message);

    [Theory]
    [InlineData("CLIPImageProcessor", ResizeFilter.Bicubic, Framing.ShortSideThenCrop, 0.48145466f, 0.26862954f)]
    [InlineData("BitImageProcessorFast", ResizeFilter.Bicubic, Framing.ShortSideThenCrop, 0.48145466f, 0.26862954f)]
    [InlineData("ViTFeatureExtractor", ResizeFilter.Bilinear, Framing.Stretch, 0.5f, 0.5f)]
    [InlineData("VideoMAEImageProcessor", ResizeFilter.Bilinear, Framing.ShortSideThenCrop, 0.5f, 0.5f)]
    public void A_class_has_its_own_defaults(string type, ResizeFilter filter, Framing framing, float mean, float std)
    {
        JepaConfig config = Configured(64, $"\"image_processor_type\": \"{type}\", \"size\": 64, "
            + "\"do_convert_rgb\": true, \"do_pad\": false, \"pad_size\": null, \"rescale_offset\": false, "
            + "\"do_sample_frames\": true, \"device\": \"cpu\"");
        Assert.Equal((filter, framing), (config.Filter, config.Framing));
        Assert.Equal(mean, config.PixelMean[0], 1e-6f);
        Assert.Equal(std, config.PixelStd[0], 1e-6f);
    }

    [Fact]
    public void Clips_have_the_class_for_clips()
    {
        Assert.Equal(0.485f, Configured(64, Video + "\"crop_size\": 64").PixelMean[0]);
        string file = Path.Combine(temporary.Folder, "video_preprocessor_config.json");
        (string Json, float Mean)[] cases =
        [
            ("{}", 0.485f), ("{\"image_processor_type\": \"ViTImageProcessor\"}", 0.485f),
            ("{\"image_processor_type\": \"VideoMAEImageProcessor\"}", 0.5f),
            ("{\"video_processor_type\": \"VideoMAEVideoProcessor\"}", 0.5f),
        ];
        foreach ((string json, float mean) in cases)
        {
            File.WriteAllText(file, json);
            HuggingFaceProcessor processor = HuggingFaceProcessor.Find(temporary.Folder, clips: true)!;
            Assert.Equal(mean, processor.Apply(VJepa2.Large256).PixelMean[0]);
        }
    }

    private JepaConfig Configured(int size, string json)
    {
        bool clips = json.StartsWith(Video, StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(temporary.Folder, clips ? "video_preprocessor_config.json" : "preprocessor_config.json"), $"{{{json}}}");
        var config = new JepaConfig
        {
            Family = clips ? VJepa2.Family : IJepa.Family, Encoder = new VitSize(16, 1, 2, 32), ImageSize = size, Tubelet = clips ? 2 : 1,
            Framing = clips ? Framing.ShortSideThenCrop : Framing.Stretch, CropsDown = true, TargetWidth = 16,
            PixelMean = clips ? [0.485f, 0.456f, 0.406f] : [0.5f, 0.5f, 0.5f], PixelStd = clips ? [0.229f, 0.224f, 0.225f] : [0.5f, 0.5f, 0.5f],
        };
        return HuggingFaceProcessor.Find(temporary.Folder, clips)!.Apply(config);
    }
}
