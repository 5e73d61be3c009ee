namespace JepaEngine.KernelTests.Simulator;

/// <summary>What the simulator's instructions give, against C# (Kernels/instructions.cu). Layouts are those of NVIDIA's PTX ISA 8.4, sections 9.7.13.</summary>
[Collection(Alone.Name)]
public sealed class InstructionTests(SimulatedKernels simulator) : IClassFixture<SimulatedKernels>
{
    [Theory]
    [InlineData("product_of_matrices")]
    [InlineData("product_of_columns")]
    public void Matrices_multiply(string kernel)
    {
        float[] x = [.. Enumerable.Range(0, 384).Select(i => (i * 37 % 101 - 50) / 16f)];
        float[] y = Run(kernel, x, 192);
        for (int row = 0; row < 16; row++)
            for (int column = 0; column < 8; column++)
                Assert.Equal(Enumerable.Range(0, 16).Sum(k => x[row * 16 + k] * x[256 + k * 8 + column]), y[row * 8 + column]);
        Assert.All(y[128..], difference => Assert.Equal(0, difference));
    }

    [Fact]
    public void Lanes_exchange()
    {
        uint[] y = [.. Run("exchange_lanes", [0], 192).Select(BitConverter.SingleToUInt32Bits)];
        for (int t = 0; t < 32; t++)
        {
            Assert.Equal((uint)((t + 3) % 40 % 32), y[t]);
            Assert.Equal((uint)(t ^ 5), y[32 + t]);
            Assert.Equal((uint)(t + 4 < 32 ? t + 4 : t), y[64 + t]);
            Assert.Equal((uint)(t >= 4 ? t - 4 : t), y[96 + t]);
            Assert.Equal(0b01001001001001001001001001001001u, y[128 + t]);
            Assert.Equal(7u, y[160 + t]);
        }
    }

    [Fact]
    public void Numbers_round_to_nearest_even()
    {
        // Every exponent with mantissas around the halves of both formats, both signs, and what is no number.
        float[] x = [.. from exponent in Enumerable.Range(0, 256)
                        from mantissa in (int[])[0, 1, 0x0fff, 0x1000, 0x1001, 0x2fff, 0x3000, 0x7fff, 0x8000, 0x8001, 0x17fff, 0x18000, 0x7fffff, 0x555555]
                        from sign in (int[])[0, 1]
                        select BitConverter.Int32BitsToSingle(sign << 31 | exponent << 23 | mantissa)];
        float[] y = Run("round_numbers", x, 4 * x.Length);
        for (int i = 0; i < x.Length; i++)
        {
            Assert.Equal((float)(Half)x[i], y[x.Length + i]);
            uint bits = BitConverter.SingleToUInt32Bits(x[i]);
            Assert.Equal(float.IsNaN(x[i]) ? x[i] : BitConverter.UInt32BitsToSingle(bits + 0x7fffu + (bits >> 16 & 1) & 0xffff0000u), y[i]);
            Assert.Equal(Math.Min(x[i], 1), y[3 * x.Length + i]);
            float power = (float)Math.Pow(2, x[i]);
            if (float.IsNormal(power))
                Assert.InRange(y[2 * x.Length + i], power * (1 - 2.4e-7f), power * (1 + 2.4e-7f));
            else
                Assert.Equal(float.IsSubnormal(power) ? 0 : power, y[2 * x.Length + i]);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void Copies_fill_with_zeros_and_end_in_order(int schedule)
    {
        float[] x = [.. Enumerable.Range(1, 128).Select(i => (float)i)];
        simulator.Schedule(schedule, 5);
        float[] y = Run("copy_groups", x, 160);
        simulator.Schedule(0);
        for (int i = 0; i < 128; i++)
            Assert.Equal(i < 64 || (i < 96 && i % 4 < 2) ? x[i] : 0, y[i]);
        for (int t = 0; t < 32; t++)
            Assert.Equal(t % 2 == 1 ? x[t] : 0, y[128 + t]);
    }

    [Fact]
    public void A_seed_decides_the_order_of_threads()
    {
        float[] Tickets(int mode, ulong seed)
        {
            simulator.Schedule(mode, seed);
            nint y = simulator.Upload(new float[64]), counter = simulator.Upload(new uint[1]);
            simulator.Launch("instructions", "take_tickets", 1, 64, 0, y, counter);
            float[] tickets = simulator.Download<float>(y, 64);
            simulator.Context.Free(y);
            simulator.Context.Free(counter);
            simulator.Schedule(0);
            return tickets;
        }

        float[] one = Tickets(1, 1);
        Assert.Equal(one, Tickets(1, 1));
        Assert.NotEqual(one, Tickets(1, 2));
        Assert.NotEqual(one, Tickets(0, 0));
        Assert.Equal(Enumerable.Range(0, 64).Select(i => (float)i), one.Order());
    }

    private float[] Run(string kernel, float[] input, int outputs)
    {
        nint x = simulator.Upload(input), y = simulator.Upload(new float[outputs]);
        try
        {
            simulator.Launch("instructions", kernel, 1, 32, x, y, 0, input.Length);
            return simulator.Download<float>(y, outputs);
        }
        finally
        {
            simulator.Context.Free(x);
            simulator.Context.Free(y);
        }
    }
}
