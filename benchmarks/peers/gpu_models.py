"""Encoders of published size in transformers, random weights, under the names of `jepa bench`: eager and torch.compile, SDPA. See README.md."""
import torch
from transformers import IJepaConfig, IJepaModel, VJEPA2Config, VJEPA2Model

from gpu_timing import DTYPES, Peer


@torch.no_grad()
def encode(peer, case, model, pixels, **options):
    for mode, call in peer.variants(model):
        for name, dtype in DTYPES.items():
            model.to(dtype)
            x = pixels.to(dtype)
            peer.time(case, "encode", name, f"transformers {mode}", lambda: call(x, **options))


def main():
    peer = Peer(__doc__)
    tiny = {"hidden_size": 96, "num_hidden_layers": 2, "num_attention_heads": 2} if peer.small else {}
    huge = {"hidden_size": 1280, "num_hidden_layers": 32, "num_attention_heads": 16, "intermediate_size": 5120}
    with peer.device:
        model = IJepaModel(IJepaConfig(patch_size=14, attn_implementation="sdpa", **(huge | tiny))).eval()
    encode(peer, "ijepa-vith", model, peer.random(1, 3, 224, 224))
    del model
    with peer.device:
        model = VJEPA2Model(VJEPA2Config(attn_implementation="sdpa", **tiny)).eval()
    for frames in (16, 64):
        encode(peer, f"vjepa2-vitl-{frames}", model, peer.random(1, 4 if peer.small else frames, 3, 256, 256), skip_predictor=True)
    peer.finish()


if __name__ == "__main__":
    main()
