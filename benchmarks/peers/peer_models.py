"""Encoders of published size in transformers, random weights, SDPA, under the names of `jepa bench`; on a GPU also torch.compile. See README.md."""
import functools

from timing import Peer, Work, among  # first: a budget counts from here

import torch
from transformers import IJepaConfig, IJepaModel, VJEPA2Config, VJEPA2Model

CLIPS = {f"vjepa2-vitl-{frames}": frames for frames in (2, 16, 64)}
MODELS = ("ijepa-vith", *CLIPS)
HUGE = {"hidden_size": 1280, "num_hidden_layers": 32, "num_attention_heads": 16, "intermediate_size": 5120}
TINY = {"hidden_size": 96, "num_hidden_layers": 2, "num_attention_heads": 2}


def ijepa(small):
    return IJepaModel(IJepaConfig(patch_size=14, attn_implementation="sdpa", **(HUGE | (TINY if small else {})))).eval()


def vjepa2(small):
    return VJEPA2Model(VJEPA2Config(attn_implementation="sdpa", **(TINY if small else {}))).eval()


def clip(peer, frames, **options):
    return peer.random(1, min(frames, 4) if peer.small else frames, 3, 256, 256, **options)


def rows(peer, build, cases, **options):
    """cases: name -> what draws the pixels. A model lives as long as the process: making one takes longer than a round."""
    for name, dtype in peer.dtypes.items():
        with peer.device:
            model = build(peer.small).to(dtype)
        for mode, call in peer.variants(model):
            for case, draw in cases.items():
                peer.add(case, "encode", name, f"transformers {mode}", functools.partial(encode, call, draw, dtype, options))


def encode(call, draw, dtype, options):
    pixels = draw(dtype=dtype)

    @torch.no_grad()
    def run():
        call(pixels, **options)

    return Work(run)


def main():
    peer = Peer(__doc__, model=(among(*MODELS), f"some of {','.join(MODELS)}"))
    # 64 frames take a processor minutes.
    models = peer.options.model or [model for model in MODELS if peer.is_gpu or model != "vjepa2-vitl-64"]
    if "ijepa-vith" in models:
        rows(peer, ijepa, {"ijepa-vith": functools.partial(peer.random, 1, 3, 224, 224)})
    if clips := {model: functools.partial(clip, peer, frames) for model, frames in CLIPS.items() if model in models}:
        rows(peer, vjepa2, clips, skip_predictor=True)
    peer.measure()


if __name__ == "__main__":
    main()
