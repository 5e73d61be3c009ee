"""V-JEPA, V-JEPA 2.1 and V-JEPA 2-AC under the original names; their models are in benchmarks/peers. Videos are stored [B, T, 3, H, W]."""
import torch
from torch.nn import functional as F

from model_fixture import Fixture, Record, blocks, draws

import vjepa
import vjepa2_ac
import vjepa21


def clip(video):
    """[B, T, 3, H, W] -> [B, 3, T, H, W], as the original models take it"""
    return video.transpose(1, 2)


def make_vjepa1():
    config = {"crop": 64, "frames": 4, "tubelet": 2, "patch": 16, "dim": 128, "depth": 2, "heads": 2, "mlp": 512,
              "predictor_dim": 48, "predictor_depth": 2, "predictor_heads": 2, "mask_tokens": 2}
    encoder, target_encoder = (vjepa.Encoder(1, 4, 4, 128, 2, 2) for _ in range(2))
    predictor = vjepa.Predictor(1, 4, 4, 128, 48, 2, 2, mask_tokens=2)
    fixture = Fixture("vjepa1", config, {"encoder.module.backbone.": encoder, "predictor.module.backbone.": predictor,
                                         "target_encoder.module.backbone.": target_encoder})
    masks = {"a": draws(3, 32, 14, 9), "b": draws(4, 32, 6, 20)}
    for name, (context, target) in masks.items():
        fixture.store({f"{name}.context_mask": context, f"{name}.target_mask": target})

    def results(video):
        with Record({"video.patches": target_encoder.patch_embed} | blocks("video", target_encoder.blocks)) as steps:
            whole = target_encoder(clip(video))
        steps["video.target"] = whole
        losses = []
        for i, (name, (context, target)) in enumerate(masks.items()):
            features = encoder(clip(video), context)
            prediction = predictor(features, context, target, mask_index=i)
            steps |= {f"{name}.context": features, f"{name}.predictor": prediction}
            losses.append(F.l1_loss(prediction, vjepa.gather(F.layer_norm(whole, whole.shape[-1:]), [target])))
        return steps | {"loss": sum(losses) / len(losses)}

    fixture.run(results, video=fixture.input("video", 2, 4, 3, 64, 64))
    fixture.save()


def make_vjepa21(name, encoder_key, levels, ratio, inner, outer):
    dim, width, depth = 128, 64, levels[-1] + 1
    config = {"patch": 16, "tubelet": 2, "pretrained_grid": 16, "dim": dim, "depth": depth, "heads": 2, "mlp": int(dim * ratio),
              "levels": levels, "predictor_dim": width, "predictor_depth": 2, "predictor_heads": 2, "predictor_grid": 4,
              "predictor_in": inner * dim, "predictor_out": outer, "mask_tokens": 8}
    encoder = vjepa21.Encoder(dim, depth, 2, levels, ratio)
    predictor = vjepa21.Predictor(4, dim, inner, outer, width, 2, 2, mask_tokens=8)
    fixture = Fixture(name, config, {f"{encoder_key}.module.backbone.": encoder, "predictor.module.backbone.": predictor})
    masks = {"video": draws(5, 32, 12, 10), "image": draws(6, 16, 6, 5)}
    for mode, (context, target) in masks.items():
        fixture.store({f"{mode}.context_mask": context, f"{mode}.target_mask": target})

    def results(video, image, wide_video, wide_image):
        with Record(blocks("wide_video", encoder.blocks)) as steps:
            outputs = torch.cat(encoder(clip(wide_video)), dim=-1)
        steps = {key: steps[key] for key in ("wide_video.blocks.0", f"wide_video.blocks.{depth - 1}")}
        steps |= {"wide_video.hierarchical": outputs, "wide_video.last_hidden_state": outputs[..., -dim:]}
        steps["wide_image.last_hidden_state"] = encoder(clip(wide_image))[-1]
        for mode, pixels in ("video", video), ("image", image):
            context, target = masks[mode]
            features = torch.cat(encoder(clip(pixels), context)[-inner:], dim=-1)
            predictions, contexts = predictor(features, context, target, image=mode == "image")
            steps |= {f"{mode}.context": features, f"{mode}.predictor": predictions, f"{mode}.predictor_context": contexts}
        return steps

    fixture.run(results, video=fixture.input("video", 2, 4, 3, 64, 64), image=fixture.input("image", 2, 1, 3, 64, 64),
                wide_video=fixture.input("wide_video", 1, 4, 3, 48, 80), wide_image=fixture.input("wide_image", 1, 1, 3, 48, 80))
    fixture.save()


def make_vjepa2_ac():
    config = {"crop": 64, "patch": 16, "tubelet": 2, "dim": 128, "depth": 2, "heads": 2, "mlp": 512,
              "predictor_dim": 128, "predictor_depth": 2, "predictor_heads": 2}
    encoder = vjepa.Encoder(2, 4, 4, 128, 2, 2)
    predictor = vjepa2_ac.Predictor(4, 128, 128, 2, 2)
    # Their trainer wraps them once, those of the others twice.
    fixture = Fixture("vjepa2_ac", config, {"encoder.module.": encoder, "predictor.module.": predictor})

    def results(frames, features, actions, states):
        with Record(blocks("predictor", predictor.predictor_blocks)) as steps:
            prediction = predictor(features, actions, states)
        tokens = vjepa2_ac.frame_tokens(encoder, frames)
        return steps | {"predictor": prediction, "frame_tokens": tokens,
                        "rollout": predictor.rollout(tokens[:, :16], actions[:, :2], states[:, :2])}

    fixture.run(results, frames=fixture.input("frames", 2, 3, 3, 64, 64), features=fixture.input("features", 2, 48, 128),
                actions=fixture.input("actions", 2, 3, 7), states=fixture.input("states", 2, 3, 7))
    fixture.save()


def main():
    make_vjepa1()
    make_vjepa21("vjepa21_large", "ema_encoder", (1, 3, 5, 7), 4, inner=1, outer=96)
    make_vjepa21("vjepa21_giant", "target_encoder", (0, 1, 3, 4), 48 / 11, inner=4, outer=512)
    make_vjepa2_ac()
