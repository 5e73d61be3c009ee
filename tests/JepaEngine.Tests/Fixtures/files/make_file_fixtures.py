"""Writes the files that TensorFile's tests read, with the libraries that people write theirs with: torch, safetensors, numpy.

Run in a folder with PyTorch, safetensors, huggingface_hub and numpy: python3 make_file_fixtures.py
The numbers are counted, not drawn, so that the tests know them without a second file.
"""

import argparse
import collections
import os
import warnings
import zipfile

import numpy as np
import torch
from huggingface_hub import save_torch_state_dict
from safetensors.torch import save_file

warnings.simplefilter("ignore")


def count(*shape, dtype=torch.float32, start=-2):
    size = int(np.prod(shape))
    return torch.arange(start, start + size).reshape(shape).to(dtype)


DTYPES = {
    "f64": torch.float64, "f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16, "i64": torch.int64,
    "i32": torch.int32, "i16": torch.int16, "i8": torch.int8, "u8": torch.uint8, "bool": torch.bool,
}
dtypes = {name: count(2, 3, dtype=dtype) for name, dtype in DTYPES.items()}


def checkpoint():
    """What training scripts of the JEPA family save, and every kind of tensor pickle knows."""
    base = count(4, 6, start=0)
    parameter, noted = torch.nn.Parameter(count(3)), torch.nn.Parameter(count(3))
    noted.note = "kept by PyTorch, of no use to us"
    layer = torch.nn.Linear(2, 2)
    with torch.no_grad():
        layer.weight.copy_(count(2, 2))
        layer.bias.copy_(count(2))
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.25)
    layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    encoder = collections.OrderedDict()
    encoder["module.backbone.blocks.0.attn.qkv.weight"] = count(6, 2)
    encoder["module.backbone.blocks.0.attn.qkv.bias"] = count(6)
    return {
        "encoder": encoder,
        "classifiers": [{"module.linear.weight": count(2, 3)}, {"module.linear.weight": count(2, 3, start=10)}],
        "layer": torch.nn.Linear(2, 2).state_dict() | {"weight": count(2, 2), "bias": count(2)},
        "opt": optimizer.state_dict(),
        "dtypes": dtypes,
        "views": {
            "base": base, "transposed": base.t(), "slice": base[1:3, 2:5], "row": base[2], "element": base[3, 5], "repeated": base[1, :1].expand(3),
        },
        "scalar": torch.tensor(7.5), "empty": torch.empty(0, 3), "parameter": parameter, "noted": noted,
        "epoch": 300, "loss": 0.5, "lr": np.float64(0.125), "name": "vit_huge", "frozen": True, "nothing": None, "large": 2**70, "negative": -129,
        "size": torch.Size([3, 224]), "device": torch.device("cpu"), "dtype": torch.bfloat16, "steps": {1, 2}, "pair": (1, "two"),
        "args": argparse.Namespace(depth=12, data=argparse.Namespace(crop=224)),
    }


class Payload:
    def __reduce__(self):
        return os.system, ("touch /tmp/jepa-payload",)


def rezip(source, target, change, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", compression) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, change(entry.filename, old.read(entry)))


for protocol in (2, 4, 5):
    torch.save(checkpoint(), f"protocol{protocol}.pt", pickle_protocol=protocol)
torch.save({"w": count(2, 3), "run": Payload()}, "payload.pt")
torch.save({"w": count(2, 3)}, "legacy.pt", _use_new_zipfile_serialization=False)
torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2)), "script.pt")
torch.save({"w": count(2, 3)}, "plain.pt")
rezip("plain.pt", "big_endian.pt", lambda name, data: b"big" if name.endswith("byteorder") else data)
rezip("plain.pt", "deflated.pt", lambda name, data: data, zipfile.ZIP_DEFLATED)
os.remove("plain.pt")

arrays = {name: count(2, 3).numpy().astype(kind) for name, kind in
          {"f64": "<f8", "f32": "<f4", "f16": "<f2", "i64": "<i8", "i32": "<i4", "i16": "<i2", "i8": "|i1", "u8": "|u1", "bool": "|b1"}.items()}
arrays |= {"fortran": np.asfortranarray(arrays["f32"]), "scalar": np.float32(7.5), "empty": np.zeros((0, 3), np.float32)}
np.savez("stored.npz", **arrays)
np.savez_compressed("deflated.npz", **arrays, long=np.arange(5000, dtype=np.float32))
np.save("array.npy", arrays["f32"])
for version in ((2, 0), (3, 0)):
    with open(f"version{version[0]}.npy", "wb") as file:
        np.lib.format.write_array(file, arrays["f64"], version)
np.save("objects.npy", np.array([{}, []], dtype=object))
np.save("big_endian.npy", arrays["f32"].astype(">f4"))
np.save("complex.npy", arrays["f32"].astype("<c8"))
np.save("records.npy", np.zeros(2, dtype=[("x", "<f4"), ("y", "<f4")]))

save_file(dtypes | {"scalar": torch.tensor(7.5), "empty": torch.empty(0, 3)}, "dtypes.safetensors", metadata={"format": "pt"})

odd = {"f32": torch.arange(6.)}
odd |= {name: torch.arange(6.).to(kind) for name, kind in {"u16": torch.uint16, "u32": torch.uint32, "u64": torch.uint64, "e4m3": torch.float8_e4m3fn,
        "e5m2": torch.float8_e5m2, "c64": torch.complex64, "c128": torch.complex128}.items()}
odd["deep"] = torch.zeros(1, 2, 1, 2, 1, 2, 1)
torch.save(odd, "odd.pt")
save_file({name: tensor for name, tensor in odd.items() if name != "c128"}, "odd.safetensors")
np.savez("odd.npz", f32=np.arange(6, dtype="<f4"), u16=np.arange(6, dtype="<u2"), c64=np.arange(6, dtype="<c8"), s=np.array(["a", "bc"]),
         o=np.array([{}], dtype=object), big=np.arange(6, dtype=">f4"), deep=np.zeros((1,) * 7, np.float32),
         rec=np.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")]))
torch.serialization.set_crc32_options(False)
torch.save({"w": torch.arange(6.)}, "nocrc.pt")

os.makedirs("sharded", exist_ok=True)
save_torch_state_dict({f"blocks.{i}.weight": count(64, 2, start=i) for i in range(3)}, "sharded", max_shard_size=1200)
