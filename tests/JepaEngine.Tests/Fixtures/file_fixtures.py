"""Small checkpoints of every kind that is published, written by the libraries that write them, and beside each NAME.io.safetensors: inputs,
masks and what the model makes of them in float64 from the stored weights. The weights follow the rule, rounded to the file's type."""
import copy
import json
from dataclasses import asdict

import torch
from torch import nn
from transformers import IJepaConfig, IJepaModel, VJEPA2Config, VJEPA2Model

from model_fixture import FOLDER, draws, rule_tensor, save_file

import ijepa
import lewm
import probe
import vjepa


def fill(module, prefix=""):
    """The rule everywhere but in the sine tables and in BatchNorm's counter; its variances are drawn about 1."""
    for key, tensor in module.state_dict().items():
        name = prefix + key.replace("running_var", "running_var.weight")
        if tensor.is_floating_point() and not (key.endswith("pos_embed") and tensor.any()):
            tensor.copy_(rule_tensor(name, tensor.shape))
    return module.eval()


@torch.no_grad()
def save_io(name, config, inputs, results, **integers):
    """results(**inputs in float64) -> tensors by name"""
    golden = results(**{key: tensor.double() for key, tensor in inputs.items()})
    tensors = {f"input.{key}": tensor for key, tensor in inputs.items()} | {key: tensor.float() for key, tensor in golden.items()} | integers
    save_file(FOLDER / f"{name}.io.safetensors", tensors, {"config": json.dumps(config)})


def wrapped(module, prefix):
    """The module where its trainer's wrappers left it, so that the state dict's keys begin with the prefix."""
    for name in reversed(prefix.split(".")):
        parent = nn.Module()
        parent.add_module(name, module)
        module = parent
    return module


def make_vjepa2(name, dtype, **saving):
    config = VJEPA2Config(patch_size=8, crop_size=24, frames_per_clip=4, hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
                          pred_hidden_size=16, pred_num_hidden_layers=1, pred_num_attention_heads=2, attn_implementation="sdpa")
    model = fill(VJEPA2Model(config)).to(dtype)
    model.save_pretrained(FOLDER / name, **saving)
    model.double()
    context, target = draws(7, 18, 7, 6)

    def results(video):
        output = model(video, context_mask=[context], target_mask=[target])
        return {"last_hidden_state": output.last_hidden_state, "predictor": output.predictor_output.last_hidden_state}

    save_io(name, {}, {"video": rule_tensor("input.video", (2, 4, 3, 24, 24))}, results, context_mask=context, target_mask=target)


def make_ijepa():
    config = IJepaConfig(image_size=32, patch_size=8, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=128,
                         layer_norm_eps=1e-6, attn_implementation="sdpa")
    model = fill(IJepaModel(config)).half()
    model.save_pretrained(FOLDER / "hf_ijepa")
    model.double()
    image = rule_tensor("input.image", (2, 3, 32, 32))
    save_io("hf_ijepa", {}, {"image": image}, lambda image: {"last_hidden_state": model(image).last_hidden_state})


def optimiser_state(*modules):
    """AdamW's after one step, with the trainers' groups."""
    parameters = [parameter for module in modules for parameter in copy.deepcopy(module).parameters()]
    for parameter in parameters:
        parameter.grad = parameter.detach() / 8
    optimiser = torch.optim.AdamW([{"params": [p for p in parameters if p.dim() > 1]},
                                   {"params": [p for p in parameters if p.dim() == 1], "WD_exclude": True, "weight_decay": 0}], lr=1e-3)
    optimiser.step()
    return optimiser.state_dict()


def save_training(name, prefix, encoder, target_encoder, predictor):
    modules = {"encoder": encoder, "predictor": predictor, "target_encoder": target_encoder}
    for key, module in modules.items():
        modules[key] = fill(wrapped(module, prefix), key + ".")
    scaler = {"scale": 65536.0, "growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 2000, "_growth_tracker": 7}
    torch.save({key: module.state_dict() for key, module in modules.items()}
               | {"opt": optimiser_state(encoder, predictor), "scaler": scaler, "epoch": 300, "loss": 0.4375, "batch_size": 128, "world_size": 16,
                  "lr": 1e-6}, FOLDER / name)
    for module in modules.values():
        module.double()


def make_ijepa_training():
    sizes = {"grid": 4, "patch": 4, "dim": 24, "depth": 1, "heads": 2}
    encoder, target_encoder = ijepa.Encoder(**sizes), ijepa.Encoder(**sizes)
    predictor = ijepa.Predictor(4, 24, 12, 1, 2)
    save_training("ijepa.pth.tar", "module", encoder, target_encoder, predictor)
    context, *targets = draws(8, 16, 7, 4, 4)

    def results(image):
        return {"encoder": encoder(image), "target_encoder": target_encoder(image),
                "predictor": predictor(encoder(image, [context]), context, targets)}

    save_io("ijepa.pth.tar", sizes | {"predictor_dim": 12, "predictor_depth": 1, "predictor_heads": 2},
            {"image": rule_tensor("input.image", (2, 3, 16, 16))}, results,
            **{"context_mask": context, "target_mask.0": targets[0], "target_mask.1": targets[1]})


def make_vjepa2_training():
    sizes = {"frames": 4, "grid": 4, "dim": 24, "depth": 1, "heads": 2, "patch": 4}
    encoder, target_encoder = vjepa.Encoder(2, **sizes), vjepa.Encoder(2, **sizes)
    predictor = vjepa.Predictor(2, 4, 4, 24, 16, 1, 2, mask_tokens=3)
    save_training("vjepa2.pt", "module.backbone", encoder, target_encoder, predictor)
    context, target = draws(9, 32, 12, 10)

    def results(video):
        clip = video.transpose(1, 2)
        features = target_encoder(clip)
        return {"encoder": encoder(clip), "target_encoder": features,
                "predictor": predictor(vjepa.gather(features, [context]), context, target, mask_index=1)}

    save_io("vjepa2.pt", sizes | {"tubelet": 2, "predictor_dim": 16, "predictor_depth": 1, "predictor_heads": 2, "mask_tokens": 3},
            {"video": rule_tensor("input.video", (2, 4, 3, 16, 16))}, results, context_mask=context, target_mask=target)


def make_probe():
    sizes = {"dim": 24, "heads": 2, "depth": 2, "classes": 7}
    classifiers = [fill(wrapped(probe.AttentiveClassifier(**sizes), "module"), f"classifiers.{i}.") for i in range(2)]
    torch.save({"classifiers": [classifier.state_dict() for classifier in classifiers], "opt": [], "scaler": None, "epoch": 20, "batch_size": 4,
                "world_size": 8, "val_acc": 73.5}, FOLDER / "probe.pt")
    first = classifiers[0].double().module
    save_io("probe.pt", sizes, {"tokens": rule_tensor("input.tokens", (2, 9, 24))}, lambda tokens: {"logits": first(tokens)})


def hydra_tree(c):
    """config.json of a LeWM; the published ones say the encoder's sizes by "size": "tiny" alone."""
    package = "stable_worldmodel.wm.lewm"
    mlp = {"_target_": f"{package}.module.MLP", "input_dim": c.dim, "output_dim": c.dim, "hidden_dim": c.projector_hidden,
           "norm_fn": {"_target_": "torch.nn.BatchNorm1d", "_partial_": True}}
    return {"_target_": f"{package}.LeWM",
            "encoder": {"_target_": "stable_pretraining.backbone.utils.vit_hf", "size": "tiny", "patch_size": c.patch, "image_size": c.image,
                        "pretrained": False, "use_mask_token": False, "hidden_size": c.hidden, "num_hidden_layers": c.layers,
                        "num_attention_heads": c.heads, "intermediate_size": c.mlp},
            "predictor": {"_target_": f"{package}.module.Predictor", "num_frames": c.history, "input_dim": c.dim, "hidden_dim": c.dim,
                          "output_dim": c.dim, "depth": c.depth, "heads": c.predictor_heads, "mlp_dim": c.predictor_mlp, "dim_head": c.dim_head,
                          "dropout": c.dropout, "emb_dropout": 0.0},
            "action_encoder": {"_target_": f"{package}.module.Embedder", "input_dim": c.action, "emb_dim": c.dim},
            "projector": mlp, "pred_proj": mlp}


def make_lewm():
    c = lewm.Config(image=28, hidden=24, layers=1, heads=3, mlp=48, projector_hidden=40, dim=24, action_hidden=96, depth=1, predictor_heads=2,
                    predictor_mlp=40, dim_head=16, dropout=0.1)
    model = fill(lewm.LeWorldModel(c))
    (FOLDER / "lewm").mkdir(exist_ok=True)
    torch.save(model.state_dict(), FOLDER / "lewm" / "weights.pt")
    (FOLDER / "lewm" / "config.json").write_text(json.dumps(hydra_tree(c), indent=2) + "\n")
    model.double()

    def results(pixels, action):
        emb, act_emb = model.encode(pixels), model.action_encoder(action)
        return {"emb": emb, "pred": model.predict(emb[:, :-1], act_emb[:, :-1])}

    save_io("lewm", asdict(c), {"pixels": rule_tensor("input.pixels", (2, 4, 3, 28, 28)), "action": rule_tensor("input.action", (2, 4, 10))}, results)


def make_lewm_keys():
    """Which key of the published LeWM is which when its encoder is the ViTModel of transformers 5."""
    model = lewm.LeWorldModel(lewm.PUBLISHED)
    renamed = lewm.transformers_names(model.encoder)
    new = lewm.transformers_encoder(model.encoder, lewm.PUBLISHED).state_dict()
    assert set(renamed.values()) == set(new)
    keys = {key: "encoder." + renamed[key.removeprefix("encoder.")] if key.startswith("encoder.") else key for key in model.state_dict()}
    (FOLDER / "lewm_keys.json").write_text(json.dumps(keys, indent=0) + "\n")


def main():
    make_vjepa2("hf_vjepa2", torch.float32)
    make_vjepa2("hf_vjepa2_sharded", torch.bfloat16, max_shard_size="30KB")
    make_ijepa()
    make_ijepa_training()
    make_vjepa2_training()
    make_probe()
    make_lewm()
    make_lewm_keys()
