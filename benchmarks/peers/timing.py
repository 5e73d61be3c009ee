"""What the peers share: options, rows measured in rounds, and the lines of `jepa bench`, one a row. See README.md."""
import argparse
import ctypes
import json
import os
import platform
import re
import signal
import sys
import time
from collections import namedtuple
from datetime import datetime, timezone
from pathlib import Path

import torch

DTYPES = {"F32": torch.float32, "BF16": torch.bfloat16}
# As BenchRunner.cs, but for five rounds instead of fifteen: all scripts together shall end within twelve minutes.
ROUNDS, ROUNDS_IF_LONG, MOST_SAMPLES, WARM_UPS, SLOT_MS, LONG_MS = 5, 3, 40, 30, 120, 2000
GPU_CACHE, USUAL_CACHE = 128 << 20, 32 << 20

Work = namedtuple("Work", "run ready", defaults=(tuple,))
Work.__doc__ = "run(*ready()) is measured; what ready does is not."


class Row:
    def __init__(self, case, part, dtype, engine, threads, prepare):
        self.case, self.part, self.dtype, self.engine, self.threads, self.prepare = case, part, dtype, engine, threads, prepare
        self.samples, self.rounds, self.count, self.is_long, self.fault = [], 0, 1, False, None


class Peer:
    """Measures rows on one device as BenchRunner.cs does: after a round to warm up, each round visits every row, prepares its operands anew and takes a part of
    its samples, each behind a copy that empties the caches. A GPU's time is what lies between two events."""

    def __init__(self, description, engine=f"PyTorch {torch.__version__}", only_cpu=False):
        parser = argparse.ArgumentParser(description=description)
        parser.add_argument("--device", default="cpu", choices=["cpu"] if only_cpu else None, help="cpu" if only_cpu else "cpu or cuda:0")
        parser.add_argument("--threads", default=str(os.cpu_count()), help="of the processor, as 1,2; by default one a core")
        parser.add_argument("--small", action="store_true", help="sizes that try the script, not the machine")
        options = parser.parse_args()
        self.engine, self.device, self.small = engine, torch.device(options.device), options.small
        self.is_gpu = self.device.type == "cuda"
        self.threads = [0] if self.is_gpu else [int(count) for count in options.threads.split(",")]
        # A processor computes in f32 on both sides, and PyTorch's compiler is for the GPU.
        self.dtypes = {name: dtype for name, dtype in DTYPES.items() if name == "F32" or self.is_gpu or self.small}
        self.modes = ("eager", "compile") if self.is_gpu else ("eager",)
        self.rows, self.utc = [], datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        # The f32 tier is true f32 on both sides.
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        if self.is_gpu:
            torch._dynamo.config.cache_size_limit = 256  # one piece of code serves all shapes, dtypes and passes
        torch.manual_seed(0)
        elements = (1 << 20 if self.small else 2 * (GPU_CACHE if self.is_gpu else cache_bytes())) // 4
        self.source, self.target = torch.ones(elements, device=self.device), torch.empty(elements, device=self.device)

    def random(self, *shape, dtype=torch.float32):
        return torch.randn(*shape, device=self.device, dtype=dtype)

    def variants(self, function):
        """(engine, callable): the function as it is and compiled, each row's for its own shapes."""
        for mode in self.modes:
            yield mode, function if mode == "eager" else torch.compile(function, dynamic=False)

    def add(self, case, part, dtype, engine, prepare):
        """A row for each number of threads. prepare() makes a Work, in every round; functools.cache(prepare) one for all."""
        self.rows += [Row(case, part, dtype, f"{self.engine} {engine}".strip(), threads, prepare) for threads in self.threads]

    def measure(self):
        """Measures all rows, prints a line each, and ends the process; of a run that is stopped, what there is."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped: the rows have fewer samples"))
        machine = self.machine()
        print(f"machine  {machine}", file=sys.stderr, flush=True)
        try:
            for at in range(-1, ROUNDS):
                for row in self.rows:
                    if not row.fault and at < (ROUNDS_IF_LONG if row.is_long else ROUNDS):
                        self.attempt(row, self.warm_up if at < 0 else self.sample)
        finally:
            for row in self.rows:
                if row.samples and not row.fault:
                    print(json.dumps(self.record(row, machine)), flush=True)
        sys.exit(1 if any(row.fault for row in self.rows) else 0)

    def attempt(self, row, visit):
        """A failure is told and the next row follows."""
        if row.threads:
            torch.set_num_threads(row.threads)
        try:
            visit(row, row.prepare())
        except Exception as error:  # whatever a compiler or a kernel throws
            row.fault = f"{row.case} ({row.part}, {row.dtype}, {row.engine}) was not measured: {error}".replace("\n", " ")[:500]
            print(row.fault, file=sys.stderr, flush=True)

    def warm_up(self, row, work):
        """Past the first calls, but not for longer than the samples of a round; then as many of these as there is time for."""
        if self.is_gpu:
            self.once(work)  # compiles
        begin = time.perf_counter()
        last = self.once(work)
        for _ in range(1, WARM_UPS):
            if milliseconds(begin) > SLOT_MS:
                break
            last = self.once(work)
        row.is_long = last > LONG_MS
        if not row.is_long and not self.small:
            begin = time.perf_counter()
            self.once(work)
            row.count = min(MOST_SAMPLES, int(1 + SLOT_MS / milliseconds(begin)))

    def sample(self, row, work):
        if not row.is_long:
            self.once(work)
        row.samples += [self.once(work) for _ in range(row.count)]
        row.rounds += 1

    def once(self, work):
        arguments = work.ready()
        self.target.copy_(self.source)
        if not self.is_gpu:
            begin = time.perf_counter()
            work.run(*arguments)
            return milliseconds(begin)
        start, stop = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        work.run(*arguments)
        stop.record()
        stop.synchronize()
        return start.elapsed_time(stop)

    def record(self, row, machine):
        return {"case": row.case + (" small" if self.small else ""), "pass": row.part, "device": str(self.device), "dtype": row.dtype, "threads": row.threads,
                "engine": row.engine, "cold": True, "samples": row.samples, "rounds": row.rounds, "machine": machine, "utc": self.utc}

    def machine(self):
        """The fields of BenchMachine.cs; the build names the versions and the BLAS, without which a time means little."""
        versions = [f"{name} {sys.modules[name].__version__}" for name in ("torch", "transformers", "onnxruntime") if name in sys.modules]
        machine = {"cpu": of_processor("model name") or platform.machine(), "simd": torch.backends.cpu.get_cpu_capability(), "cores": os.cpu_count(),
                   "system": platform.platform(), "runtime": f"Python {platform.python_version()}", "build": ", ".join([*versions, blas()])}
        if clock := of_processor("cpu MHz"):
            machine["cpuMegahertz"] = float(clock)
        if self.is_gpu:
            machine |= {"gpu": torch.cuda.get_device_name(self.device), "driver": f"CUDA {torch.version.cuda}"}
        return machine


def milliseconds(begin):
    return 1000 * (time.perf_counter() - begin)


def cache_bytes():
    """Of the processor's last cache, as BenchDevice.cs reads it."""
    size = Path("/sys/devices/system/cpu/cpu0/cache/index3/size")
    return max(USUAL_CACHE, int(size.read_text().rstrip("K\n")) << 10 if size.exists() else 0)


def of_processor(field):
    table = Path("/proc/cpuinfo")
    found = re.search(rf"^{field}\s*: (.*)$", table.read_text(), re.MULTILINE) if table.exists() else None
    return found and found[1]


def blas():
    """Whose products PyTorch calls: a BLAS without OpenMP makes it several times slower."""
    maps = Path("/proc/self/maps")
    loaded = sorted(set(re.findall(r"/\S*/lib\w*blas[^\s/]*", maps.read_text()))) if maps.exists() else []
    for path in loaded:
        if "openblas" in Path(path).name:
            config = ctypes.CDLL(path).openblas_get_config
            config.restype = ctypes.c_char_p
            return config().decode()
    return "MKL" if torch.backends.mkl.is_available() else f"BLAS {', '.join(loaded) or 'unknown'}"
