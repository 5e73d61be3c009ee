"""A fixture of one model: rule weights in, float64 results out, and how far PyTorch's own float32 is from them."""
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save

import rule

FOLDER = Path(__file__).resolve().parent / "models"
sys.path.append(str(FOLDER.parents[3] / "benchmarks" / "peers"))


def rule_tensor(name, shape):
    return torch.from_numpy(rule.numbers(name, tuple(shape)))


def save_file(path, tensors, metadata):
    """Equal runs give equal bytes: safetensors itself puts several metadata entries in any order."""
    data = save({key: tensor.clone(memory_format=torch.contiguous_format) for key, tensor in tensors.items()}, metadata)
    length = int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8:8 + length]) | {"__metadata__": metadata}, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    path.write_bytes(len(header).to_bytes(8, "little") + header + data[8 + length:])
    print(f"{path.name}: {path.stat().st_size:,} bytes")


class Record:
    """The outputs of modules, by name, while a model runs: blocks inside models that return only their end."""

    def __init__(self, modules):
        self.outputs = {}
        self.hooks = [module.register_forward_hook(self.hook(name)) for name, module in modules.items()]

    def hook(self, name):
        def keep(module, arguments, output):
            self.outputs[name] = output[0] if isinstance(output, tuple) else output
        return keep

    def __enter__(self):
        return self.outputs

    def __exit__(self, *error):
        for hook in self.hooks:
            hook.remove()


def blocks(prefix, layers):
    return {f"{prefix}.blocks.{i}": layer for i, layer in enumerate(layers)}


def draws(seed, tokens, *counts):
    """Disjoint sets of ids [2, count] out of tokens: the first item's ascending, the second's others and in no order."""
    generator = torch.Generator().manual_seed(seed)
    both = torch.stack([torch.randperm(tokens, generator=generator) for _ in range(2)])
    sets = list(both[:, :sum(counts)].split(counts, dim=1))
    for ids in sets:
        ids[0] = ids[0].sort().values
    return sets


class Fixture:
    """models/NAME.safetensors. `modules` maps a prefix in the file to a module; `published` turns a module's key into the file's."""

    def __init__(self, name, config, modules, published=lambda key: key):
        self.name, self.config, self.modules = name, config, modules
        self.keys, self.inputs, self.stored, self.errors = {}, {}, {}, {}
        for prefix, module in modules.items():
            state = {key: self.weight(prefix + published(key), tensor) for key, tensor in module.state_dict().items()}
            module.load_state_dict(state)
            module.eval()

    def weight(self, name, tensor):
        """By the rule, unless it is a table that the module has computed: that one is stored."""
        self.keys[name] = list(tensor.shape)
        if name.endswith("pos_embed") and tensor.any():
            self.stored["state." + name] = tensor
            return tensor
        return rule_tensor(name, tensor.shape)

    def input(self, name, *shape):
        name = "input." + name
        self.inputs[name] = list(shape)
        return rule_tensor(name, shape)

    def store(self, integers):
        """Masks and other integers."""
        self.stored |= integers

    @torch.no_grad()
    def run(self, results, **inputs):
        """results(**inputs) -> tensors by name, in float32 and then, kept, in float64."""
        single = results(**inputs)
        for module in self.modules.values():
            module.double()
        golden = results(**{key: value.double() for key, value in inputs.items()})
        for key, value in golden.items():
            assert value.dtype == torch.float64, key
            self.errors[key] = ((single[key].double() - value).abs().max() / value.abs().max()).item()
            self.stored[key] = value.float() if value.dim() else value

    def save(self):
        path = FOLDER / f"{self.name}.safetensors"
        config = self.config if isinstance(self.config, str) else json.dumps(self.config)
        save_file(path, self.stored, {"config": config, "keys": json.dumps(self.keys), "inputs": json.dumps(self.inputs)})
        for key, error in self.errors.items():
            print(f"  {key} {list(self.stored[key].shape)}: {error:.1e}")
