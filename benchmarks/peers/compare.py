"""compare.py OUT REFERENCE: for each tensor of REFERENCE how far OUT is from it, absolutely and as a part of the largest value."""
import sys

from safetensors.torch import load_file

out, reference = (load_file(path) for path in sys.argv[1:3])
for name, expected in reference.items():
    if name not in out or out[name].shape != expected.shape:
        sys.exit(f"{name} {list(expected.shape)} is not in {sys.argv[1]}, which has {[(key, list(value.shape)) for key, value in out.items()]}")
    error, largest = (out[name].double() - expected).abs().max().item(), expected.abs().max().item()
    print(f"{name} {list(expected.shape)}: {error:.1e}, {error / largest:.1e} of the largest value {largest:.3g}")
