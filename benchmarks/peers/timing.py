"""What the peers share: options, rows measured in rounds, and the lines of `jepa bench`, one a row. See README.md."""
import argparse
import ctypes
import functools
import json
import os
import platform
import re
import signal
import subprocess
import sys
import time
from collections import namedtuple
from datetime import datetime, timezone
from pathlib import Path

START = time.perf_counter()  # importing torch takes its part of a budget

import torch

DTYPES = {"F32": torch.float32, "BF16": torch.bfloat16}
# As BenchRunner.cs, but for five rounds instead of fifteen: all scripts together shall end within twelve minutes.
ROUNDS, ROUNDS_IF_LONG, MOST_SAMPLES, WARM_UPS, SLOT_MS, LONG_MS = 5, 3, 40, 30, 120, 2000
GPU_CACHE, USUAL_CACHE = 128 << 20, 32 << 20

Work = namedtuple("Work", "run ready", defaults=(tuple,))
Work.__doc__ = "run(*ready()) is measured; what ready does is not."


class Row:
    def __init__(self, case, part, dtype, engine, threads, prepare, kept):
        self.case, self.part, self.dtype, self.engine, self.threads, self.prepare = case, part, dtype, engine, threads, prepare
        self.kept, self.work, self.samples, self.count, self.is_long, self.fault = kept, None, [], 1, False, None
        self.preparation = self.cost = 0  # milliseconds: of a visit before its first run, of a sample with its copy


class Parser(argparse.ArgumentParser):
    def error(self, message):
        """One line, as of jepa."""
        self.exit(2, f"{self.prog}: {message}\n")


class Peer:
    """Measures rows on one device as BenchRunner.cs does: after a round to warm up, each round visits every row, prepares its operands anew and takes a part of
    its samples, each behind a copy that empties the caches. A GPU's time is what lies between two events."""

    def __init__(self, description, engine=f"PyTorch {torch.__version__}", only_cpu=False, **own):
        """own: name -> (type, help) of the options that only this script has."""
        parser = Parser(description=description)
        parser.add_argument("--device", default="cpu", choices=["cpu"] if only_cpu else None, help="cpu" if only_cpu else "cpu or cuda:0")
        parser.add_argument("--dtype", type=among(*map(str.lower, DTYPES)),
                            help="f32,bf16; by default all of the device")
        parser.add_argument("--threads", type=numbers, default=str(os.cpu_count()),
                            help="of the processor, as 1,2; by default one a core")
        parser.add_argument("--eager", action="store_true", help="without torch.compile, which takes minutes")
        parser.add_argument("--small", action="store_true", help="sizes that try the script, not the machine")
        parser.add_argument("--budget", type=number, metavar="SECONDS",
                            help="as many rounds as end within it, imports included; at least one")
        parser.add_argument("--out", type=Path, metavar="FILE",
                            help="of the lines, whole at any time; else they are printed at the end")
        for name, (read, text) in own.items():
            parser.add_argument(f"--{name}", type=read, help=text)
        self.options = options = parser.parse_args()
        self.engine, self.device, self.small = engine, torch.device(options.device), options.small
        self.is_gpu = self.device.type == "cuda"
        self.threads = [0] if self.is_gpu else options.threads
        # A processor computes in f32 on both sides, and PyTorch's compiler is for the GPU.
        tiers = [name for name in DTYPES if name == "F32" or self.is_gpu or (self.small and not only_cpu)]
        asked = [name.upper() for name in options.dtype or tiers]
        if not set(asked) <= set(tiers):
            parser.error(f"--dtype names bf16 for {self.device}, which is measured in f32")
        self.dtypes = {name: DTYPES[name] for name in asked}
        self.modes = ("eager", "compile") if self.is_gpu and not options.eager else ("eager",)
        self.rows, self.utc = [], datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        try:
            self.write()
        except OSError as error:
            parser.error(f"--out: {error}")
        # The f32 tier is true f32 on both sides.
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        if "compile" in self.modes:
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

    def add(self, case, part, dtype, engine, prepare, kept=False):
        """A row for each number of threads. prepare() makes a Work: in every round, or one that is kept for all."""
        engine = f"{self.engine} {engine}".strip()
        self.rows += [Row(case, part, dtype, engine, threads, prepare, kept) for threads in self.threads]

    def measure(self):
        """Measures all rows, writes a line each, and ends the process; of a run that is stopped, what there is."""
        signal.signal(signal.SIGTERM, stop)
        print(f"machine  {self.machine}", file=sys.stderr, flush=True)
        longest = 0
        try:
            for at in range(-1, ROUNDS):
                begin = milliseconds(START)
                # Where the time does not last for another round, what there is counts.
                if self.options.budget and at > 0 and begin + longest > 1000 * self.options.budget:
                    break
                for row in self.rows:
                    if not row.fault and at < (ROUNDS_IF_LONG if row.is_long else ROUNDS):
                        self.attempt(row, self.warm_up if at < 0 else self.sample)
                    if milliseconds(self.written) > 1000:
                        self.write()
                self.write()
                if at < 0:
                    self.share()
                else:
                    longest = max(longest, milliseconds(START) - begin)
        finally:
            self.finish()
        sys.exit(1 if any(row.fault for row in self.rows) else 0)

    def attempt(self, row, visit):
        """A failure is told and the next row follows, unless the GPU is lost with it."""
        if row.threads:
            torch.set_num_threads(row.threads)
        try:
            begin = time.perf_counter()
            work = row.work or row.prepare()
            if row.kept:
                row.work = work
            else:
                row.preparation = milliseconds(begin)
            visit(row, work)
        except Exception as error:  # whatever a compiler or a kernel throws
            row.work = None
            row.fault = f"{row.case} ({row.part}, {row.dtype}, {row.engine}) was not measured: {error}".replace("\n", " ")[:500]
            print(row.fault, file=sys.stderr, flush=True)
            if self.is_gpu:
                self.leave_if_lost()

    def leave_if_lost(self):
        """After an error that stays every call fails, those too that would free memory: nothing is taken down."""
        try:
            torch.cuda.synchronize(self.device)
        except Exception:
            self.finish()
            print("stopped: after this error the GPU does nothing more", file=sys.stderr, flush=True)
            os._exit(1)

    def warm_up(self, row, work):
        """Past the first calls, but not for longer than the samples of a round; then what a sample costs."""
        if self.is_gpu:
            self.once(work)  # compiles
        slot = SLOT_MS
        if self.options.budget:
            slot = min(slot, 1000 * self.options.budget / (1 + ROUNDS) / len(self.rows))
        begin = time.perf_counter()
        row.cost = self.once(work)
        for _ in range(1, WARM_UPS):
            if milliseconds(begin) > slot:
                break
            row.cost = self.once(work)
        row.is_long = row.cost > LONG_MS
        if not row.is_long:
            begin = time.perf_counter()
            self.once(work)
            row.cost = milliseconds(begin)

    def share(self):
        """As many samples a visit as there is time for, but at least one: what a budget leaves is shared equally."""
        slot = SLOT_MS
        if self.options.budget:
            # A visit's first run is no sample, except of what takes long.
            least = sum(row.preparation + (1 if row.is_long else 2) * row.cost for row in self.rows)
            slot = ((1000 * self.options.budget - milliseconds(START)) / ROUNDS - least) / len(self.rows)
        for row in self.rows:
            if not (self.small or row.is_long or row.fault):
                row.count = max(1, min(MOST_SAMPLES, int(1 + slot / row.cost)))

    def sample(self, row, work):
        if not row.is_long:
            self.once(work)
        row.samples += [self.once(work) for _ in range(row.count)]

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

    def lines(self):
        return "".join(json.dumps(self.record(row)) + "\n" for row in self.rows if row.samples and not row.fault)

    def write(self):
        """A file that is whole at any time: whoever kills the process loses what is being measured."""
        if self.options.out:
            beside = self.options.out.with_name(self.options.out.name + ".new")
            beside.write_text(self.lines())
            os.replace(beside, self.options.out)
        self.written = time.perf_counter()

    def finish(self):
        self.write()
        if not self.options.out:
            print(self.lines(), end="", flush=True)

    def record(self, row):
        return {"case": row.case + (" small" if self.small else ""), "pass": row.part, "device": str(self.device), "dtype": row.dtype, "threads": row.threads,
                "engine": row.engine, "cold": True, "samples": row.samples, "rounds": len(row.samples) // row.count,
                "machine": self.machine, "utc": self.utc}

    @functools.cached_property
    def machine(self):
        """The fields of BenchMachine.cs; the build names the versions and the BLAS, without which a time means little."""
        versions = [f"{name} {sys.modules[name].__version__}" for name in ("torch", "transformers", "onnxruntime") if name in sys.modules]
        if self.is_gpu:
            versions.append(f"CUDA {torch.version.cuda}")
        machine = {"cpu": of_processor("model name") or platform.machine(), "simd": torch.backends.cpu.get_cpu_capability(), "cores": os.cpu_count(),
                   "system": platform.platform(), "runtime": f"Python {platform.python_version()}", "build": ", ".join([*versions, blas()])}
        if clock := of_processor("cpu MHz"):
            machine["cpuMegahertz"] = float(clock)
        if self.is_gpu:
            machine |= {"gpu": torch.cuda.get_device_name(self.device), "driver": driver()}
        return machine


def stop(*_):
    """timeout sends its signal twice, the second time perhaps while lines are written."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit("stopped: the rows have fewer samples")


def number(text):
    if int(text) < 1:
        raise ValueError
    return int(text)


def numbers(text):
    return [number(part) for part in text.split(",")]


def among(*known):
    """Some of these names, with commas between."""
    def names(text):
        for name in text.lower().split(","):
            if name not in known:
                raise argparse.ArgumentTypeError(f"there is no '{name}'; there are {', '.join(known)}")
        return text.lower().split(",")

    return names


def milliseconds(begin):
    return 1000 * (time.perf_counter() - begin)


def cache_bytes():
    """Of the processor's last cache, as BenchDevice.cs reads it."""
    size = Path("/sys/devices/system/cpu/cpu0/cache/index3/size")
    return max(USUAL_CACHE, int(size.read_text().rstrip("K\n")) << 10 if size.exists() else 0)


def driver():
    """As the vendor numbers it, or the CUDA version where nvidia-smi is missing or hangs."""
    ask = ["nvidia-smi", "-i", "0", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(ask, capture_output=True, check=True, text=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return f"CUDA {torch.version.cuda}"


def of_processor(field):
    table = Path("/proc/cpuinfo")
    found = re.search(rf"^{field}\s*: (.*)$", table.read_text(), re.MULTILINE) if table.exists() else None
    return found and found[1]


def blas():
    """Whose products PyTorch calls: a BLAS without OpenMP makes it several times slower."""
    maps = Path("/proc/self/maps")
    loaded = sorted(set(re.findall(r"/\S*/lib\w*blas[^\s/]*", maps.read_text()))) if maps.exists() else []
    for path in loaded:
        # NumPy's own OpenBLAS has other names for its calls, and PyTorch does not use it.
        if config := getattr(ctypes.CDLL(path), "openblas_get_config", None):
            config.restype = ctypes.c_char_p
            return config().decode()
    return "MKL" if torch.backends.mkl.is_available() else f"BLAS {', '.join(loaded) or 'unknown'}"
