"""Writes models/*.safetensors beside this file; see README.md. Names of families as arguments: only those."""
import sys

import torch

FAMILIES = ("vjepa2", "ijepa", "vjepa", "file")

if __name__ == "__main__":
    torch.set_num_threads(1)
    for family in sys.argv[1:] or FAMILIES:
        __import__(f"{family}_fixtures").main()
