"""V-JEPA 2 as transformers has it."""
import torch
from transformers import VJEPA2Config, VJEPA2Model

from model_fixture import Fixture, Record, blocks


def config_of(**sizes):
    # sdpa, not eager: transformers' own attention takes the softmax in float32 whatever the rest is.
    return VJEPA2Config(crop_size=64, frames_per_clip=4, num_hidden_layers=2, num_attention_heads=2, pred_hidden_size=64,
                        pred_num_hidden_layers=2, pred_num_attention_heads=2, attn_implementation="sdpa", **sizes)


def encode(model, prefix, pixels):
    """Every step of the encoder."""
    with Record({f"{prefix}.embeddings": model.encoder.embeddings} | blocks(f"{prefix}.", model.encoder.layer)) as steps:
        last = model(pixels, skip_predictor=True).last_hidden_state
    return steps | {f"{prefix}.last_hidden_state": last}


def make(name, **sizes):
    config = config_of(**sizes)
    model = VJEPA2Model(config)
    fixture = Fixture(name, config.to_json_string(use_diff=False), {"": model})
    both = torch.stack([torch.randperm(32, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2)])
    context, target = both[:, :12], both[:, 12:22]
    context[0], target[0] = context[0].sort().values, target[0].sort().values  # the second item's are in no order
    fixture.store(masked__context_mask=context, masked__target_mask=target)

    def results(video, frame, wide):
        steps = encode(model, "video", video)
        with Record(blocks("masked.predictor.", model.predictor.layer)) as predictor:
            masked = model(video, context_mask=[context], target_mask=[target]).predictor_output
        steps |= predictor | {"masked.predictor": masked.last_hidden_state}
        steps["full.predictor"] = model(video).predictor_output.last_hidden_state
        steps["frame.last_hidden_state"] = model(frame, skip_predictor=True).last_hidden_state
        steps["wide_as_square.last_hidden_state"] = model(wide, skip_predictor=True).last_hidden_state
        return steps

    fixture.run(results, video=fixture.input("video", 2, 4, 3, 64, 64), frame=fixture.input("frame", 2, 1, 3, 64, 64),
                wide=fixture.input("wide", 1, 4, 3, 32, 96))
    fixture.save()


def main():
    make("vjepa2_hd64", hidden_size=128, mlp_ratio=48 / 11)  # the giant's ratio: 558 of 558.5
    make("vjepa2_hd80", hidden_size=160)
