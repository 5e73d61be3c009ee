using JepaEngine.Jepa.Benchmarking;
using JepaEngine.Ops;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.Benchmarking;

/// <summary>The tables of docs/hardware.md, from invented results.</summary>
public sealed class HardwareTableTests
{
    private const string H100 = "H100, sm_90, 132 multiprocessors, 79 GiB";
    private const string H200 = "H200, sm_90, 132 multiprocessors, 139 GiB";

    private static readonly BenchMachine First = ProofRecordTests.Sample.Machine! with { Gpu = H100 };

    private static readonly BenchMachine Second = First with { Gpu = H200, Driver = "590.10" };

    private static readonly ProofRecord Agrees = ProofRecordTests.Sample with { Machine = First, Disagree = 0 };

    private static readonly BenchRecord Measured = BenchFileTests.Sample with
    {
        Device = "cuda:0", DType = "BF16", Threads = 0, Utc = "2026-12-01T10:10:00Z", Machine = First,
        Samples = [0.02], PeakGflops = 440e3, PeakGigabytes = 3000, References = [new("cuBLASLt 13.0", 0.015)],
    };

    private static string[] Table(string name, IReadOnlyList<BenchRecord> records, params ProofRecord[] proofs) =>
        BenchDocument.Rewrite($"<!-- table: {name} -->\nold\n<!-- end -->", records, proofs).Split('\n')[2..^2];

    private static string[] Cells(string line) => [.. line.Trim('|').Split('|').Select(cell => cell.Trim())];

    [Fact]
    public void WhereNothingRanTheTableIsASentence()
    {
        BenchRecord cpu = BenchFileTests.Sample with { Utc = "2026-11-20T10:00:00Z" };
        ProofRecord simulated = Agrees with { Device = "sim" };
        ProofRecord host = Agrees with { Device = "cpu", Machine = cpu.Machine };
        BenchRecord[] none = [cpu, cpu with { Device = "sim" }, Measured with { Engine = "PyTorch 2.11.0 eager" }];
        Assert.Equal(["Nothing has run on a GPU yet."], Table("hardware cuda", none, simulated, host));
        Assert.Equal(["Nothing has been measured on a GPU yet."], Table("measured cuda", none));
    }

    [Fact]
    public void ARowIsAMachineAndADayAndALineWhatDidNotPass()
    {
        ProofRecord tiles = Agrees with { Case = "MatMul tiles", Large = true };
        string[] lines = Table("hardware cuda",
            [
                Measured, Measured with { Samples = [0.03] }, Measured with { DType = "F32" },
                Measured with { Engine = "PyTorch 2.11.0 eager" }, Measured with { Device = "sim", Case = "simulated" },
                Measured with { Utc = "2026-12-02T09:00:00Z", Machine = Second },
            ],
            Agrees, Agrees with { Case = "Add" }, Agrees with { Case = "Add", DType = "F32" },
            Agrees with { Case = "an old name" }, Agrees with { Case = "MatMul", DType = "F32", Disagree = 3 }, tiles,
            tiles with { Case = "Attention heads of 64", Tensors = 0, Fault = "cuLaunchKernel failed\n in `x`;  lost" },
            tiles with { Case = "LayerNorm published widths", DType = "F32", Tensors = 0 },
            // The last answer of a day counts; another day and machine has its own.
            Agrees with { Case = "Gelu", Fault = "gave no answer within 40 s" },
            Agrees with { Case = "Gelu", Utc = "2026-12-01T11:00:00Z" },
            Agrees with { Case = "Gelu", Utc = "2026-12-02T08:00:00Z", Machine = Second, Disagree = 24 },
            Agrees with { Device = "sim", Utc = "2026-12-03T10:00:00Z", Disagree = 1 });
        int all = OpTable.All.Count, large = LargeTable.For(Device.Cuda()).Count;
        Assert.Equal(
            ["date", "GPU", "driver", "compiler", "operations f32", "bf16", "large cases f32", "bf16", "rows measured"],
            Cells(lines[0]));
        Assert.Equal(
            ["2026-12-02", H200, "590.10", "NVRTC 13.0", "-", $"0 of {all}", "-", "-", "1"], Cells(lines[2]));
        Assert.Equal(
            [
                "2026-12-01", H100, "580.95", "NVRTC 13.0",
                $"1 of {all}", $"3 of {all}", $"0 of {large}", $"1 of {large}", "2",
            ],
            Cells(lines[3]));
        Assert.Equal(
            [
                "",
                "- 2026-12-02, H200, NVRTC 13.0: Gelu in bf16: 24 of 24 tensors disagree",
                "- 2026-12-01, H100, NVRTC 13.0: MatMul in f32: 3 of 24 tensors disagree",
                "- 2026-12-01, H100, NVRTC 13.0: Attention heads of 64 (large) in bf16: "
                    + "`cuLaunchKernel failed in 'x'; lost`",
                "- 2026-12-01, H100, NVRTC 13.0: LayerNorm published widths (large) in f32: no tensor was compared",
            ],
            lines[4..]);
    }

    [Fact]
    public void WhatPassedNeedsNoLineAndWhatWasNotMeasuredNoNumber()
    {
        string[] lines = Table("hardware cuda", [], Agrees);
        Assert.Equal(3, lines.Length);
        Assert.Equal(["-", $"1 of {OpTable.All.Count}", "-", "-", "-"], Cells(lines[2])[4..]);
    }

    [Fact]
    public void ALongFaultIsCut()
    {
        string line = Table("hardware cuda", [], Agrees with { Fault = new string('x', 500) })[^1];
        Assert.EndsWith($": `{new string('x', 200)}...`", line);
    }

    [Theory]
    [InlineData(null, "2026-12-01T10:00:00Z")]
    [InlineData(H100, null)]
    public void AProofOfNoMachineOrDayIsRefused(string? gpu, string? utc)
    {
        ProofRecord proof = Agrees with { Machine = First with { Gpu = gpu }, Utc = utc };
        Assert.Equal("Attention ran on a GPU and does not say on which, or when",
            Assert.Throws<FormatException>(() => Table("hardware cuda", [], proof)).Message);
    }

    [Fact]
    public void ASimulatedDeviceHasNoSuchTable() => Assert.Contains("no table is called 'hardware'",
        Assert.Throws<FormatException>(() => Table("hardware sim", [Measured with { Device = "sim" }])).Message);

    [Fact]
    public void WhatWasMeasuredStandsBesidePyTorchAndCublasLt()
    {
        // PyTorch knows the GPU's name, and no more of it.
        BenchRecord torch = Measured with
        {
            Engine = "PyTorch 2.11.0 eager", Samples = [0.03], References = [],
            Machine = First with { Gpu = "H100", Compiler = null },
        };
        string[] lines = Table("measured cuda",
        [
            Measured, torch, Measured with { DType = "F32", Samples = [0.2], PeakGflops = 44e3, References = [] },
            Measured with { Case = "lewm-plan 300x30x5", Pass = "plan", Samples = [50], References = [] },
            torch with { Case = "lewm-plan 300x30x5", Pass = "plan", Samples = [100] },
            Measured with { Case = "Relu 16x16", Utc = "2026-11-30T10:00:00Z", Machine = Second },
        ]);
        Assert.Equal($"{H100}, driver 580.95, NVRTC 13.0, a system, .NET; JepaEngine 0.1.0 at abc, "
            + "beside PyTorch 2.11.0 and cuBLASLt 13.0; 2026-12-01.", lines[0]);
        Assert.Equal(
            ["model", "pass", "dtype", "JepaEngine", "noise", "GFLOP/s", "% peak", "PyTorch", "ratio"],
            Cells(lines[2]));
        Assert.Equal(
            ["lewm-plan 300x30x5", "plan", "bf16", "50.0 ms", "-", "44", "0", "100.0 ms", "2.00x"], Cells(lines[4]));
        Assert.Equal(["operation", "pass", "dtype", "p50", "noise", "% peak", "PyTorch", "cuBLASLt"], Cells(lines[6]));
        string name = Measured.Case;
        Assert.Equal([name, "forward", "bf16", "20 µs", "-", "25", "1.50x", "0.75x"], Cells(lines[8]));
        Assert.Equal([name, "forward", "f32", "200 µs", "-", "25", "-", "-"], Cells(lines[9]));
        Assert.Equal(10, lines.Length);
    }

    [Fact]
    public void ModelsThatWereNotMeasuredLeaveNoEmptyTable()
    {
        string[] lines = Table("measured cuda", [Measured]);
        Assert.Equal(["", "operation"], [lines[1], Cells(lines[2])[0]]);
        Assert.Equal(5, lines.Length);
    }
}
