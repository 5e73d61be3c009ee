"""V-JEPA 2 as transformers has it; what transformers cannot (rows and columns of an input that is not square) by benchmarks/peers/vjepa.py."""
import torch
from transformers import VJEPA2Config, VJEPA2ForVideoClassification, VJEPA2Model

from model_fixture import Fixture, Record, blocks, draws

import probe
import vjepa


def config_of(**sizes):
    # sdpa, not eager: transformers' own attention takes the softmax in float32 whatever the rest is.
    return VJEPA2Config(crop_size=64, frames_per_clip=4, num_hidden_layers=2, num_attention_heads=2, pred_hidden_size=64,
                        pred_num_hidden_layers=2, pred_num_attention_heads=2, attn_implementation="sdpa", **sizes)


def original_encoder(model):
    """The same weights under the original names."""
    c, state = model.config, {"pos_embed": torch.zeros(1, 32, model.config.hidden_size)}
    for key, tensor in model.encoder.state_dict().items():
        key = key.replace("embeddings.patch_embeddings", "patch_embed").replace("layernorm", "norm")
        state[key.replace("layer.", "blocks.").replace("attention.", "attn.")] = tensor
    for i in range(c.num_hidden_layers):
        for kind in ("weight", "bias"):
            rows = [state.pop(f"blocks.{i}.attn.{part}.{kind}") for part in ("query", "key", "value")]
            state[f"blocks.{i}.attn.qkv.{kind}"] = torch.cat(rows)
    encoder = vjepa.Encoder(2, c.frames_per_clip, 4, c.hidden_size, c.num_hidden_layers, c.num_attention_heads, c.mlp_ratio)
    encoder.load_state_dict(state)
    return encoder.to(model.dtype)


def encode(model, prefix, pixels):
    """Every step of the encoder."""
    with Record({f"{prefix}.embeddings": model.encoder.embeddings} | blocks(prefix, model.encoder.layer)) as steps:
        last = model(pixels, skip_predictor=True).last_hidden_state
    return steps | {f"{prefix}.last_hidden_state": last}


def make_model(name, **sizes):
    config = config_of(**sizes)
    model = VJEPA2Model(config)
    config.architectures = ["VJEPA2Model"]
    fixture = Fixture(name, config.to_json_string(use_diff=False), {"": model})
    context, target = draws(1, 32, 12, 10)
    fixture.store({"masked.context_mask": context, "masked.target_mask": target})

    def results(video, frame, wide):
        steps = encode(model, "video", video)
        with Record(blocks("masked.predictor", model.predictor.layer)) as predictor:
            masked = model(video, context_mask=[context], target_mask=[target]).predictor_output
        steps |= predictor | {"masked.predictor": masked.last_hidden_state}
        steps["full.predictor"] = model(video).predictor_output.last_hidden_state
        steps["frame.last_hidden_state"] = model(frame, skip_predictor=True).last_hidden_state
        encoder = original_encoder(model)
        torch.testing.assert_close(encoder(video.transpose(1, 2)), steps["video.last_hidden_state"])
        steps["wide.last_hidden_state"] = encoder(wide.transpose(1, 2))
        steps["wide_as_square.last_hidden_state"] = model(wide, skip_predictor=True).last_hidden_state
        return steps

    fixture.run(results, video=fixture.input("video", 2, 4, 3, 64, 64), frame=fixture.input("frame", 2, 1, 3, 64, 64),
                wide=fixture.input("wide", 1, 4, 3, 32, 96))
    fixture.save()


def make_classifier():
    config = config_of(hidden_size=128, num_labels=7)
    model = VJEPA2ForVideoClassification(config)
    config.architectures = ["VJEPA2ForVideoClassification"]
    fixture = Fixture("vjepa2_classifier", config.to_json_string(use_diff=False), {"": model})

    def results(video):
        with Record({"tokens": model.vjepa2.encoder, "pooled": model.pooler} | blocks("pooler", model.pooler.self_attention_layers)) as steps:
            logits = model(video).logits
        return {key: steps[key] for key in ("pooler.blocks.2", "pooled")} | {"logits": logits}

    fixture.run(results, video=fixture.input("video", 2, 4, 3, 64, 64))
    fixture.save()


def make_probes():
    sizes = {"dim": 128, "heads": 2, "depth": 4}
    classifiers = {f"classifiers.{i}.module.": probe.AttentiveClassifier(**sizes, classes=7) for i in range(2)}
    fixture = Fixture("vjepa2_probe", sizes | {"classes": 7}, classifiers)

    def results(tokens):
        first, second = classifiers.values()
        with Record(blocks("pooler", first.pooler.blocks) | {"pooled": first.pooler}) as steps:
            logits = first(tokens)
        return steps | {"logits": logits, "second.logits": second(tokens)}

    fixture.run(results, tokens=fixture.input("tokens", 2, 20, 128))
    fixture.save()

    heads = {"verbs": 5, "nouns": 6, "actions": 9}
    model = probe.AnticipationClassifier(**sizes, **heads)
    fixture = Fixture("vjepa2_probe_ek100", sizes | heads, {"classifiers.0.module.": model})
    fixture.run(lambda tokens: dict(zip(("verb", "noun", "action"), model(tokens))), tokens=fixture.input("tokens", 2, 20, 128))
    fixture.save()


def main():
    make_model("vjepa2_hd64", hidden_size=128, mlp_ratio=48 / 11)  # the giant's ratio: 558 of 558.5
    make_model("vjepa2_hd80", hidden_size=160)
    make_classifier()
    make_probes()
