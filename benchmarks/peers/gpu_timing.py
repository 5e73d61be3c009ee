"""What the gpu_ scripts share: options, a clock of the device, and the lines of `jepa bench`, one a measurement. See README.md."""
import argparse
import contextlib
import json
import os
import platform
import sys
import time
from datetime import datetime, timezone

import torch

DTYPES = {"F32": torch.float32, "BF16": torch.bfloat16}
CACHE_BYTES = 256 << 20  # more than any cache of a GPU or processor holds twice


class Peer:
    """Measures on one device. As `jepa bench` does: events around each run, behind a copy that empties the caches; every sample is kept."""

    def __init__(self, description):
        parser = argparse.ArgumentParser(description=description)
        parser.add_argument("--device", default="cuda:0")
        parser.add_argument("--small", action="store_true", help="sizes that try the script, not the machine")
        options = parser.parse_args()
        self.device, self.small, self.failed = torch.device(options.device), options.small, False
        self.is_gpu = self.device.type == "cuda"
        self.modes = ("eager", "compile") if self.is_gpu else ("eager",)
        self.utc = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        # The f32 tier is true f32 on both sides.
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        torch.manual_seed(0)
        elements = (1 << 20 if self.small else CACHE_BYTES) // 4
        self.source, self.target = torch.ones(elements, device=self.device), torch.empty(elements, device=self.device)
        self.machine = {"cpu": platform.processor() or platform.machine(), "simd": "", "cores": os.cpu_count(), "system": platform.platform(),
                        "runtime": f"Python {platform.python_version()}", "build": f"PyTorch {torch.__version__}"}
        if self.is_gpu:
            self.machine |= {"gpu": torch.cuda.get_device_name(self.device), "driver": f"CUDA {torch.version.cuda}"}

    def random(self, *shape, dtype=torch.float32):
        return torch.randn(*shape, device=self.device, dtype=dtype)

    def time(self, case, part, dtype, engine, run, ready=None):
        """Times run(ready()); what ready does is not timed. A failure is told and the next measurement follows."""
        try:
            samples = self.samples(run, ready or (lambda: ()))
        except Exception as error:  # whatever a compiler or a kernel throws
            self.failed = True
            print(f"{case} ({part}, {dtype}, {engine}) was not measured: {error}".replace("\n", " ")[:500], file=sys.stderr, flush=True)
            return
        print(json.dumps({"case": case + (" small" if self.small else ""), "pass": part, "device": str(self.device), "dtype": dtype,
                          "threads": 0 if self.is_gpu else torch.get_num_threads(), "engine": f"PyTorch {torch.__version__} {engine}", "cold": True,
                          "samples": samples, "machine": self.machine, "utc": self.utc}), flush=True)

    def samples(self, run, ready):
        """Milliseconds, for about a second: at least 5, or 3 where each takes longer than 2 s."""
        begin, last = time.perf_counter(), 0
        for warm in range(30):
            last = self.once(run, ready)
            if warm >= 2 and time.perf_counter() - begin > 0.3 or last > 2000:
                break
        count = 3 if last > 2000 else 5 if self.small else int(min(200, max(5, 1000 / (last + 0.5))))
        return [self.once(run, ready) for _ in range(count)]

    def once(self, run, ready):
        prepared = ready()
        self.target.copy_(self.source)
        if not self.is_gpu:
            begin = time.perf_counter()
            run(*prepared)
            return 1000 * (time.perf_counter() - begin)
        start, stop = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run(*prepared)
        stop.record()
        stop.synchronize()
        return start.elapsed_time(stop)

    def variants(self, function):
        """(engine, callable): the function as it is and compiled."""
        for mode in self.modes:
            torch.compiler.reset()
            yield mode, function if mode == "eager" else torch.compile(function)

    def finish(self):
        sys.exit(1 if self.failed else 0)


@contextlib.contextmanager
def gradients(*tensors):
    """Tensors that require a gradient, for as long as they are measured."""
    for tensor in tensors:
        tensor.requires_grad_(True)
    yield
    for tensor in tensors:
        tensor.requires_grad_(False)
