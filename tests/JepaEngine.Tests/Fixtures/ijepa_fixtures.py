"""I-JEPA: the encoder as transformers has it, and encoder, target encoder and predictor under the original names."""
import re

from torch.nn import functional as F
from transformers import IJepaConfig, IJepaModel

from model_fixture import Fixture, Record, blocks, draws

import ijepa

PUBLISHED = {"q_proj": "attention.query", "k_proj": "attention.key", "v_proj": "attention.value", "o_proj": "output.dense",
             "mlp.fc1": "intermediate.dense", "mlp.fc2": "output.dense"}


def published(key):
    """The files have the names of transformers 4; so has what transformers 5 saves."""
    return "encoder.layer." * key.startswith("layers.") + re.sub("|".join(PUBLISHED), lambda part: PUBLISHED[part[0]], key).removeprefix("layers.")


def make_transformers(name, image, wide, **sizes):
    config = IJepaConfig(image_size=image, num_hidden_layers=2, num_attention_heads=2, layer_norm_eps=1e-6, attn_implementation="sdpa", **sizes)
    model = IJepaModel(config)
    config.architectures = ["IJepaModel"]
    fixture = Fixture(name, config.to_json_string(use_diff=False), {"": model}, published)

    def results(image, wide):
        with Record({"image.embeddings": model.embeddings} | blocks("image", model.layers)) as steps:
            last = model(image).last_hidden_state
        stretched = model(wide, interpolate_pos_encoding=True).last_hidden_state
        return steps | {"image.last_hidden_state": last, "wide.last_hidden_state": stretched}

    fixture.run(results, image=fixture.input("image", 2, 3, image, image), wide=fixture.input("wide", 1, 3, *wide))
    fixture.save()


def make_original():
    config = {"image": 56, "patch": 14, "dim": 160, "depth": 2, "heads": 2, "mlp": 640, "predictor_dim": 48, "predictor_depth": 2,
              "predictor_heads": 2}
    encoder, target_encoder = (ijepa.Encoder(4, 14, 160, 2, 2) for _ in range(2))
    predictor = ijepa.Predictor(4, 160, 48, 2, 2)
    fixture = Fixture("ijepa_original", config, {"encoder.module.": encoder, "predictor.module.": predictor,
                                                 "target_encoder.module.": target_encoder})
    context, *targets = draws(2, 16, 7, 4, 4)
    fixture.store({"context_mask": context, "target_mask.0": targets[0], "target_mask.1": targets[1]})

    def results(image):
        whole = target_encoder(image)
        with Record(blocks("context", encoder.blocks)) as steps:
            features = encoder(image, [context])
        with Record(blocks("predictor", predictor.predictor_blocks)) as inner:
            prediction = predictor(features, context, targets)
        target = ijepa.gather(F.layer_norm(whole, whole.shape[-1:]), targets)
        return steps | inner | {"image.last_hidden_state": encoder(image), "image.target": whole, "context.last_hidden_state": features,
                                "predictor": prediction, "loss": F.smooth_l1_loss(prediction, target)}

    fixture.run(results, image=fixture.input("image", 2, 3, 56, 56))
    fixture.save()


def main():
    make_transformers("ijepa_hd80", 56, (42, 70), hidden_size=160, intermediate_size=640, patch_size=14)
    make_transformers("ijepa_hd88", 64, (64, 96), hidden_size=176, intermediate_size=768, patch_size=16)  # 768 = 176 * 48 / 11
    make_original()
