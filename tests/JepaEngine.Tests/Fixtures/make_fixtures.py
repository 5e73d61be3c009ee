"""Writes the golden values beside this file: what PyTorch computes in float64 from float32 weights and inputs.

Prints for each result how far PyTorch's own float32 is from it: max|f32 - f64| / max|f64|.
"""
import copy
import json
import sys
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn import functional as F

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parents[2] / "benchmarks" / "peers"))
import lewm  # noqa: E402

TINY = lewm.Config(image=28, hidden=24, layers=2, heads=3, mlp=48, projector_hidden=40, dim=24, action_hidden=48, depth=2,
                   predictor_heads=4, predictor_mlp=40, dim_head=16, dropout=0.0)


def save(name, tensors, config):
    path = HERE / f"{name}.safetensors"
    tensors = {key: value.detach().clone(memory_format=torch.contiguous_format) for key, value in tensors.items()}
    save_file(tensors, path, {"config": json.dumps(config)})
    print(f"{path.name}: {path.stat().st_size:,} bytes, {len(tensors)} tensors")


def print_errors(name, golden, single):
    for key, value in golden.items():
        if value.dtype == torch.float64:
            error = (single[key].double() - value).abs().max() / value.abs().max()
            print(f"  {name} {key}: {error:.1e}")


# LeWorldModel -------------------------------------------------------------------------------------------------------

def randomise(model):
    """Every tensor of the state dict away from 0 and 1, so that no part of the model is silently skipped."""
    for name, tensor in model.state_dict().items():
        if name.endswith("num_batches_tracked"):
            tensor.fill_(7)
        elif name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
        elif name.endswith("weight") and tensor.dim() > 1:
            tensor.normal_(0, tensor[0].numel() ** -0.5)
        elif name.endswith("weight"):
            tensor.normal_(1, 0.2)
        elif name.endswith(("cls_token", "position_embeddings", "pos_embedding")):
            tensor.normal_(0, 0.5)
        else:
            tensor.normal_(0, 0.2)


def lewm_results(model, x, weight):
    """Evaluation first, with the stored running statistics; then one training forward and backward."""
    golden = {}
    model.eval()
    with torch.no_grad():
        emb, act_emb = model.encode(x["pixels"]), model.action_encoder(x["action"])
        candidates = x["action_candidates"]  # [B, S, T, A]
        first = emb[:, :1].repeat_interleave(candidates.shape[1], dim=0)
        predicted = model.rollout(first, model.action_encoder(candidates.flatten(0, 1))).unflatten(0, candidates.shape[:2])
        goal = model.encode(x["goal"])[:, None]  # [B, 1, 1, D]
        golden |= {"eval.emb": emb, "eval.pred": model.predict(emb[:, :-1], act_emb[:, :-1]), "eval.goal_emb": goal[:, 0],
                   "eval.predicted_emb": predicted, "eval.cost": (predicted[:, :, -1:] - goal).square().sum((2, 3))}
    model.train()
    step = model.losses(x["pixels"], x["action"], x["directions"], weight)
    step["loss"].backward()
    golden |= {f"train.{key}": value.detach() for key, value in step.items()}
    golden |= {f"grad.{key}": parameter.grad for key, parameter in model.named_parameters()}
    golden |= {f"after.{key}": value.clone() for key, value in model.named_buffers()}
    return golden


def make_lewm():
    batch, frames, samples, horizon, slices, weight = 3, 4, 5, 5, 16, 0.09
    model = lewm.LeWorldModel(TINY)
    randomise(model)
    state = copy.deepcopy(model.state_dict())
    x = {"pixels": torch.randn(batch, frames, 3, TINY.image, TINY.image), "action": torch.randn(batch, frames, TINY.action),
         "directions": lewm.random_directions(TINY.dim, slices),
         "goal": torch.randn(batch, 1, 3, TINY.image, TINY.image),
         "action_candidates": torch.randn(batch, samples, horizon, TINY.action)}
    single = lewm_results(copy.deepcopy(model), x, weight)
    golden = lewm_results(model.double(), {key: value.double() for key, value in x.items()}, weight)
    config = asdict(TINY) | {"sigreg_weight": weight, "sigreg_knots": 17}
    save("lewm_tiny", state | {f"in.{key}": value for key, value in x.items()} | golden, config)
    print_errors("lewm_tiny", golden, single)


# AdamW --------------------------------------------------------------------------------------------------------------

def make_adamw():
    config = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.05, "max_norm": 1.0, "clip_eps": 1e-6,
              "schedule_start": 2e-5, "schedule_peak": 2e-3, "schedule_end": 1e-5, "schedule_warmup": 4, "schedule_total": 20}
    lr = torch.tensor([1e-3, 2e-2, 5e-3], dtype=torch.float64)
    gradients = torch.randn(3, 23) * torch.tensor([[3.0], [0.05], [0.5]])  # norms above, below and above 1
    start = torch.randn(23)
    parameter = torch.nn.Parameter(start.double())
    optimizer = torch.optim.AdamW([parameter], lr=1.0, betas=(config["beta1"], config["beta2"]), eps=config["eps"],
                                  weight_decay=config["weight_decay"])
    parameters, moments1, moments2, norms, clips = [], [], [], [], []
    for rate, gradient in zip(lr, gradients.double()):
        parameter.grad = gradient.clone()
        norms.append(torch.nn.utils.clip_grad_norm_([parameter], config["max_norm"]))
        clips.append((parameter.grad / gradient).mean())
        optimizer.param_groups[0]["lr"] = rate.item()
        optimizer.step()
        state = optimizer.state[parameter]
        for history, value in ((parameters, parameter), (moments1, state["exp_avg"]), (moments2, state["exp_avg_sq"])):
            history.append(value.detach().clone())

    peak, warmup, total = config["schedule_peak"], config["schedule_warmup"], config["schedule_total"]
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=peak)
    scheduler = torch.optim.lr_scheduler
    schedule = scheduler.SequentialLR(
        optimizer, [scheduler.LinearLR(optimizer, config["schedule_start"] / peak, total_iters=warmup),
                    scheduler.CosineAnnealingLR(optimizer, total - warmup, config["schedule_end"])], [warmup])
    rates = []
    for _ in range(total):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    save("adamw", {"parameter": start, "gradients": gradients, "lr": lr, "parameters": torch.stack(parameters),
                   "moments1": torch.stack(moments1), "moments2": torch.stack(moments2), "norms": torch.stack(norms),
                   "clips": torch.stack(clips), "schedule": torch.tensor(rates, dtype=torch.float64)}, config)


# Operations ---------------------------------------------------------------------------------------------------------

class Cases:
    """Runs each case in float64 (stored) and float32 (compared); names are <case>.<tensor>, gradients <case>.d<tensor>."""

    def __init__(self):
        self.tensors = {}

    def add(self, name, function, inputs, fixed=None, output="y"):
        """function(**inputs, **fixed); the gradient of the output, dy, is drawn; a scalar output's is 1."""
        fixed = fixed or {}
        results, dy = {}, None
        for dtype in (torch.float64, torch.float32):
            arguments = {key: value.to(dtype, copy=True).requires_grad_() for key, value in inputs.items()}
            constants = {key: value.to(dtype, copy=True) for key, value in fixed.items()}
            y = function(**arguments, **constants)
            dy = torch.randn(y.shape) if dy is None else dy
            y.backward(dy.to(dtype) if y.dim() else None)
            results[dtype] = {output: y.detach()} | {f"d{key}": value.grad for key, value in arguments.items()}
        stored = inputs | fixed | ({"dy": dy} if dy.dim() else {}) | results[torch.float64]
        self.tensors |= {f"{name}.{key}": value for key, value in stored.items()}
        print_errors(f"ops {name}", results[torch.float64], results[torch.float32])


def attention(q, k, v, causal=False):
    """[B, N, H, E]; causal: query i sees keys j <= i + Nk - Nq."""
    mask = torch.ones(q.shape[1], k.shape[1], dtype=torch.bool).tril(k.shape[1] - q.shape[1]) if causal else None
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2)


def make_ops():
    cases = Cases()
    wide = torch.cat((3 * torch.randn(90), torch.tensor([-30.0, -6.0, -1e-4, 0.0, 1e-4, 6.0, 30.0])))
    cases.add("gelu", lambda x: F.gelu(x), {"x": wide})
    cases.add("silu", lambda x: F.silu(x), {"x": wide})

    rows = torch.randn(5, 37) * torch.tensor([[1.0], [10.0], [1e-3], [1e-6], [1.0]])  # the variances meet each epsilon
    rows[4] += 100
    weight, bias = 1 + 0.3 * torch.randn(37), torch.randn(37)
    for eps in ("1e-5", "1e-6", "1e-12"):
        cases.add(f"layer_norm.{eps}", lambda x, weight, bias: F.layer_norm(x, (37,), weight, bias, float(eps)),
                  {"x": rows, "weight": weight, "bias": bias})
    cases.add("ada_layer_norm", lambda x, shift, scale: F.layer_norm(x, (37,), eps=1e-6) * (1 + scale) + shift,
              {"x": rows, "shift": torch.randn(5, 37), "scale": torch.randn(5, 37)})

    x, weight, bias = 2 * torch.randn(12, 9) + torch.randn(9), 1 + 0.3 * torch.randn(9), torch.randn(9)
    running = {"running_mean": torch.randn(9), "running_var": 0.5 + torch.rand(9)}
    cases.add("batch_norm", lambda x, weight, bias, running_mean, running_var:
              F.batch_norm(x, running_mean, running_var, weight, bias, True, 0.1, 1e-5), {"x": x, "weight": weight, "bias": bias}, running)
    after = {key: value.double() for key, value in running.items()}
    F.batch_norm(x.double(), after["running_mean"], after["running_var"], None, None, True, 0.1, 1e-5)
    cases.tensors |= {f"batch_norm.{key}_after": value for key, value in after.items()}
    cases.tensors["batch_norm.y_eval"] = F.batch_norm(x.double(), running["running_mean"].double(), running["running_var"].double(),
                                                      weight.double(), bias.double(), False, 0.1, 1e-5)

    pair = {"prediction": 1.5 * torch.randn(4, 6, 7), "target": torch.randn(4, 6, 7)}
    for name, loss in (("mse", F.mse_loss), ("l1", F.l1_loss), ("smooth_l1", F.smooth_l1_loss)):
        cases.add(name, lambda prediction, target: loss(prediction, target), pair, output="loss")

    for size in (24, 32, 64, 80, 88):
        qkv = {key: torch.randn(1, 7, 2, size) for key in "qkv"}
        cases.add(f"attention.{size}", attention, qkv)
        cases.add(f"attention.{size}.causal", lambda q, k, v: attention(q, k, v, causal=True), qkv)
    cross = {"q": torch.randn(2, 3, 2, 24), "k": torch.randn(2, 8, 2, 24), "v": torch.randn(2, 8, 2, 24)}
    cases.add("attention.cross", attention, cross)
    cases.add("attention.cross.causal", lambda q, k, v: attention(q, k, v, causal=True), cross)

    cases.add("patch_embed", lambda pixels, weight, bias: F.conv2d(pixels, weight, bias, stride=14).flatten(2).transpose(1, 2),
              {"pixels": torch.randn(2, 3, 28, 42), "weight": 0.05 * torch.randn(5, 3, 14, 14), "bias": torch.randn(5)})

    cases.add("sigreg", lewm.sigreg, {"z": torch.randn(3, 8, 6) * torch.linspace(0.2, 2, 6) + 0.3},
              {"directions": lewm.random_directions(6, 11)}, output="loss")
    cases.add("epps_pulley", lewm.epps_pulley, {"u": 1.3 * torch.randn(3, 8, 11)}, output="loss")
    known = torch.tensor([-1.5, -0.5, 0, 0.25, 1, 2]).view(1, 6, 1)  # 0.1575722333848502
    cases.add("epps_pulley.known", lewm.epps_pulley, {"u": known}, output="loss")
    save("ops", cases.tensors, {"batch_norm_momentum": 0.1, "batch_norm_eps": 1e-5, "sigreg_knots": 17, "patch": 14})


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(20260319)
    make_lewm()
    make_adamw()
    make_ops()
