using JepaEngine.Backends.Cpu.Workers;

namespace JepaEngine.Tests.Backends;

public class WorkerPoolTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(8)]
    public void Every_part_runs_once(int workers)
    {
        using var pool = new WorkerPool(workers);
        Assert.Equal(workers, pool.Workers);
        for (int count = 0; count < 300; count++)
        {
            var work = new Counting { Runs = new int[count], Workers = workers };
            pool.Run(count, ref work);
            Assert.All(work.Runs, runs => Assert.Equal(1, runs));
        }
    }

    [Fact]
    public void Workers_that_have_fallen_asleep_wake_up()
    {
        using var pool = new WorkerPool(4);
        for (int i = 0; i < 20; i++)
        {
            Thread.Sleep(2);
            var work = new Counting { Runs = new int[64], Workers = 4 };
            pool.Run(64, ref work);
            Assert.All(work.Runs, runs => Assert.Equal(1, runs));
        }
    }

    [Fact]
    public void Callers_at_the_same_time_do_not_meet()
    {
        using var pool = new WorkerPool(3);
        Parallel.For(0, 4, _ =>
        {
            for (int i = 0; i < 2000; i++)
            {
                var work = new Counting { Runs = new int[17], Workers = 3 };
                pool.Run(17, ref work);
                Assert.All(work.Runs, runs => Assert.Equal(1, runs));
            }
        });
    }

    [Fact]
    public void A_part_may_call_the_pool_again()
    {
        using var pool = new WorkerPool(3);
        for (int i = 0; i < 200; i++)
        {
            var work = new Nested { Pool = pool, Runs = new int[40] };
            pool.Run(5, ref work);
            Assert.All(work.Runs, runs => Assert.Equal(1, runs));
        }
    }

    [Fact]
    public void An_exception_reaches_the_caller_and_the_pool_goes_on()
    {
        using var pool = new WorkerPool(3);
        for (int i = 0; i < 50; i++)
        {
            var bad = new Failing { At = i };
            Assert.Equal($"part {i}", Assert.Throws<InvalidOperationException>(() => pool.Run(50, ref bad)).Message);
            var work = new Counting { Runs = new int[50], Workers = 3 };
            pool.Run(50, ref work);
            Assert.All(work.Runs, runs => Assert.Equal(1, runs));
        }
    }

    [Fact]
    public void A_call_allocates_nothing()
    {
        using var pool = new WorkerPool(2);
        var work = new Counting { Runs = new int[16], Workers = 2 };
        Assert.Equal(0, Garbage.Least(() =>
        {
            for (int i = 0; i < 100; i++)
                pool.Run(16, ref work);
        }));
    }

    private struct Counting : IParallelWork
    {
        public int[] Runs;
        public int Workers;

        public readonly void Run(int part, int worker)
        {
            Interlocked.Increment(ref Runs[part]);
            if ((uint)worker >= (uint)Workers)
                throw new InvalidOperationException($"worker {worker} of {Workers}");
        }
    }

    private struct Nested : IParallelWork
    {
        public WorkerPool Pool;
        public int[] Runs;

        public readonly void Run(int part, int worker)
        {
            var inner = new Row { Runs = Runs, Start = part * 8 };
            Pool.Run(8, ref inner);
        }
    }

    private struct Row : IParallelWork
    {
        public int[] Runs;
        public int Start;

        public readonly void Run(int part, int worker) => Interlocked.Increment(ref Runs[Start + part]);
    }

    private struct Failing : IParallelWork
    {
        public int At;

        public readonly void Run(int part, int worker)
        {
            if (part == At)
                throw new InvalidOperationException($"part {part}");
        }
    }
}
