"""A folder with a model of published size and random weights, an input, and what PyTorch makes of it in float32 on two threads.

FOLDER/config.json and model.safetensors as transformers saves them, in.safetensors, out_reference.safetensors; prints the time of one forward
pass (the second) as a JSON line. See README.md.
"""
import argparse
import json
import time
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import IJepaConfig, IJepaModel, VJEPA2Config, VJEPA2Model

VJEPA2 = {"vjepa2-vitl": {},
          "vjepa2-vith": {"hidden_size": 1280, "num_hidden_layers": 32},
          "vjepa2-vitg": {"hidden_size": 1408, "num_hidden_layers": 40, "num_attention_heads": 22, "mlp_ratio": 48 / 11}}
IJEPA = {"ijepa-vith14": {"hidden_size": 1280, "num_hidden_layers": 32, "intermediate_size": 5120, "patch_size": 14},
         "ijepa-vitg16": {"hidden_size": 1408, "num_hidden_layers": 40, "intermediate_size": 6144}}


def build(name, frames):
    """The model and its input."""
    if name in VJEPA2:
        return VJEPA2Model(VJEPA2Config(**VJEPA2[name])), {"pixel_values_videos": torch.randn(1, frames, 3, 256, 256)}
    return IJepaModel(IJepaConfig(num_attention_heads=16, layer_norm_eps=1e-6, **IJEPA[name])), {"pixel_values": torch.randn(1, 3, 224, 224)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=[*VJEPA2, *IJEPA])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--frames", type=int, default=16, help="of the video; V-JEPA 2 only")
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    torch.manual_seed(0)
    model, inputs = build(arguments.model, arguments.frames)
    model.eval()
    model.save_pretrained(arguments.folder, max_shard_size="100GB")
    encode = {"skip_predictor": True} if arguments.model in VJEPA2 else {}
    with torch.no_grad():
        for _ in range(2):
            start = time.perf_counter()
            output = model(**inputs, **encode).last_hidden_state
            seconds = time.perf_counter() - start
    save_file(inputs, arguments.folder / "in.safetensors")
    save_file({"last_hidden_state": output.contiguous()}, arguments.folder / "out_reference.safetensors")
    print(json.dumps({"name": f"{arguments.model}, {list(output.shape)}", "seconds": seconds, "threads": 2, "version": torch.__version__}))


if __name__ == "__main__":
    main()
