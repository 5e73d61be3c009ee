using System.Diagnostics;
using JepaEngine.IO;
using JepaEngine.Memory;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.IO;

/// <summary>What every format has in common: reading, loading without a copy, and files that are none.</summary>
public sealed class TensorFileTests : IDisposable
{
    private readonly TemporaryFile temporary = new();
    private readonly TensorScope scope = new(Device.Cpu, "test");

    public void Dispose()
    {
        scope.Dispose();
        temporary.Dispose();
    }

    [Fact]
    public void A_loaded_tensor_lies_in_the_file_and_outlives_it_but_not_its_scope()
    {
        Safetensors.Write(temporary.Path, [("b", scope.FromRaw<long>([7], [1])), ("a", scope.From<float>([1, 2, 3], [3]))]);
        byte[] before = File.ReadAllBytes(temporary.Path);
        var model = new TensorScope(Device.Cpu, "model");
        Tensor a, b;
        using (TensorFile file = TensorFile.Open(temporary.Path))
        {
            a = file.Load("a", model);
            b = file.Load("b", model);
            Assert.Equal(0, model.BytesInUse);
            Assert.Contains("2 borrowed", model.ToString());
        }
        Assert.Equal([1, 2, 3], a.ToArray<float>());
        Assert.Equal([7], b.ToArray<long>());
        a.CopyFrom<float>([4, 5, 6]);
        Assert.Equal([8, 10, 12], (a + a).ToArray<float>());
        Assert.Equal(before, File.ReadAllBytes(temporary.Path));
        model.Dispose();
        Assert.False(Mapped());
        Assert.Throws<ObjectDisposedException>(() => a.ToArray<float>());
        Assert.DoesNotContain(Device.Cpu.Allocator.Holders(), holder => holder == model);
        using (TensorFile file = TensorFile.Open(temporary.Path))
            Assert.Throws<ObjectDisposedException>(() => file.Load("a", model));
        Assert.False(Mapped());
    }

    [Fact]
    public void Tensors_of_all_sizes_lie_aligned()
    {
        (string, Tensor)[] tensors =
        [
            ("byte", scope.FromRaw<byte>([1, 2, 3], [3])), ("float", scope.From<float>([1], [1])), ("long", scope.FromRaw<long>([7], [1])),
            ("int", scope.FromRaw<int>([5], [1])), ("bytes", scope.FromRaw<byte>([9], [1])),
        ];
        Safetensors.Write(temporary.Path, tensors);
        using TensorFile file = TensorFile.Open(temporary.Path);
        using var loaded = new TensorScope(Device.Cpu);
        foreach ((string name, Tensor tensor) in tensors)
            Assert.Equal(tensor.ToArray<double>(), file.Load(name, loaded).ToArray<double>());
        Assert.Equal(0, loaded.BytesInUse);
    }

    [Fact]
    public void What_the_device_computes_in_another_type_is_copied()
    {
        Safetensors.Write(temporary.Path, [("a", scope.From<float>([1, 2, 3], [3])), ("half", scope.Full([2], 2).To(DType.F16))]);
        using TensorFile file = TensorFile.Open(temporary.Path), unmapped = TensorFile.Open(temporary.Path, mapped: false);
        using var oracle = new TensorScope(Device.Reference);
        Assert.Equal(DType.F64, file.Load("a", oracle).DType);
        Assert.Equal(DType.F32, file.Load("half", scope).DType);
        Assert.Equal([2, 2], file.Load("half", scope).ToArray<float>());
        Assert.False(Mapped());
        Assert.Equal([1, 2, 3], unmapped.Load("a", scope).ToArray<float>());
        Assert.False(Mapped());
    }

    [Fact]
    public void A_part_of_a_tensor_is_filled_in_place_and_a_view_through_its_strides()
    {
        Safetensors.Write(temporary.Path, [("a", scope.From<float>([1, 2, 3, 4, 5, 6], [2, 3]))]);
        using TensorFile file = TensorFile.Open(temporary.Path);
        Tensor whole = scope.Zeros([3, 3]), turned = scope.Zeros([3, 2]);
        file.ReadInto("a", whole.Slice(0, 1, 2));
        file.ReadInto("a", turned.Transpose(0, 1));
        Assert.Equal([0, 0, 0, 1, 2, 3, 4, 5, 6], whole.ToArray<float>());
        Assert.Equal([1, 4, 2, 5, 3, 6], turned.ToArray<float>());
    }

    [Fact]
    public void A12_A_file_that_shrinks_meanwhile_is_an_error()
    {
        Safetensors.Write(temporary.Path, [("a", scope.Full([4096], 1)), ("b", scope.Full([4096], 2))]);
        using TensorFile file = TensorFile.Open(temporary.Path, mapped: false), mapped = TensorFile.Open(temporary.Path);
        using (var cut = new FileStream(temporary.Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            cut.SetLength(cut.Length - 100);
        Assert.Equal(4096, file.Load("a", scope).ToArray<float>().Sum());
        Assert.Contains("it ends at byte", Assert.Throws<BadFileException>(() => file.Load("b", scope)).Message);
        Assert.Contains("it ends at byte", Assert.Throws<BadFileException>(() => mapped.Load("a", scope)).Message);
    }

    [Theory]
    [InlineData(DType.F64)]
    [InlineData(DType.F32)]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    public void A13_Tensors_that_hold_no_number_are_listed(DType dtype)
    {
        List<(string, Tensor)> tensors =
            [("finite", scope.Full([100], 65504).To(dtype)), ("empty", scope.Zeros([0])), ("integers", scope.FromRaw<int>([-1], [1]))];
        foreach (int index in new[] { 0, 50, 99 })
        {
            foreach (float value in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity })
            {
                float[] values = new float[100];
                values[index] = value;
                tensors.Add(($"{value} {index}", scope.From<float>(values, [100]).To(dtype)));
            }
        }
        Safetensors.Write(temporary.Path, tensors, floats: dtype);
        using TensorFile file = TensorFile.Open(temporary.Path);
        Assert.Equal(tensors.Skip(3).Select(t => t.Item1).Order(), file.NonFinite().Order());
    }

    [Fact]
    public void A15_A_pipe_and_a_device_are_refused_unopened_and_a_link_is_followed()
    {
        if (OperatingSystem.IsWindows())
            return;
        string pipe = Path.Combine(temporary.Folder, "pipe");
        using (Process made = Process.Start("mkfifo", pipe))
            made.WaitForExit();
        foreach (string path in new[] { pipe, "/dev/zero" })
            Assert.Contains("no regular file", Assert.Throws<BadFileException>(() => TensorFile.Open(path)).Message);
        Safetensors.Write(temporary.Path, [("a", scope.Zeros([1]))]);
        string link = Path.Combine(temporary.Folder, "link"), broken = Path.Combine(temporary.Folder, "broken");
        File.CreateSymbolicLink(link, "file");
        File.CreateSymbolicLink(broken, "nothing");
        using (TensorFile file = TensorFile.Open(link))
            Assert.True(file.Entries.ContainsKey("a"));
        Assert.Contains("it cannot be read", Assert.Throws<BadFileException>(() => TensorFile.Open(broken)).Message);
    }

    [Fact]
    public void What_a_file_calls_its_tensors_cannot_break_the_line()
    {
        Safetensors.Write(temporary.Path, [("a\n\u001b[31mred", scope.Zeros([1]))]);
        using TensorFile file = TensorFile.Open(temporary.Path);
        string message = Assert.Throws<BadFileException>(() => file.Read("b", scope)).Message;
        Assert.DoesNotContain(message, char.IsControl);
    }

    private bool Mapped() => File.Exists("/proc/self/maps") && File.ReadAllText("/proc/self/maps").Contains(temporary.Path, StringComparison.Ordinal);
}
