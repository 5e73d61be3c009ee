"""LeWorldModel and its operations in PyTorch on the CPU, fp32: one JSON line a measurement. See README.md."""
import argparse
import json
import time

import torch
from torch.nn import functional as F

import lewm


def emit(name, run, repeats, threads):
    torch.set_num_threads(threads)
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    print(json.dumps({"name": name, "seconds": sorted(times)[repeats // 2], "threads": threads, "version": torch.__version__}), flush=True)


def training_step(config, batch, slices, weight, rate):
    """Forward, both losses, backward, clip and AdamW on 4 frames; fused AdamW, which is the fastest PyTorch has here."""
    model = lewm.LeWorldModel(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=1e-3, fused=True)
    pixels, action = torch.randn(batch, 4, 3, config.image, config.image), torch.randn(batch, 4, config.action)

    def step():
        optimizer.zero_grad()
        model.losses(pixels, action, lewm.random_directions(config.dim, slices), weight)["loss"].backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return step


@torch.no_grad()
def cem_plan(model, pixels, goal, candidates=300, iterations=30, horizon=5, elites=30):
    """The published planner: the cost is the last step's, the answer the mean; candidate 0 is the mean, the std unbiased."""
    emb, goal = model.encode(torch.cat((pixels, goal)))
    mean = torch.zeros(horizon, model.config.action, device=emb.device)
    std = torch.ones_like(mean)
    for _ in range(iterations):
        actions = mean + std * torch.randn(candidates, *mean.shape, device=emb.device)
        actions[0] = mean
        predicted = model.rollout(emb.expand(candidates, 1, -1), model.action_encoder(actions.to(emb.dtype)))
        best = actions[(predicted[:, -1] - goal).square().sum(-1).topk(elites, largest=False).indices]
        mean, std = best.mean(0), best.std(0)
    return mean


@torch.no_grad()
def demo_plan(model, pixels, goal, candidates=256, iterations=4, horizon=14, elites=6):
    """The demo's: one 2-D action a block, three constant segments first, min + 0.03 mean over the steps, the best seen wins."""
    emb, goal = model.encode(torch.cat((pixels, goal)))
    best_cost, best = float("inf"), None
    for iteration in range(iterations):
        if iteration == 0:
            cuts = torch.randint(horizon, (candidates, 2, 1))
            segment = (torch.arange(horizon) >= cuts).sum(1)  # [S, T]: 0, 1 or 2
            actions = torch.randn(candidates, 3, 2).clamp(-1, 1).gather(1, segment[..., None].expand(-1, -1, 2))
        else:
            actions = (mean + std * torch.randn(candidates, horizon, 2)).clamp(-1, 1)
            actions[0] = mean
        predicted = model.rollout(emb.expand(candidates, 1, -1), model.action_encoder(actions.repeat(1, 1, 5)))
        distance = (predicted[:, 1:] - goal).square().sum(-1)
        cost, order = (distance.amin(1) + 0.03 * distance.mean(1)).topk(elites, largest=False)
        if cost[0] < best_cost:
            best_cost, best = cost[0].item(), actions[order[0]].clone()
        mean, std = actions[order].mean(0), actions[order].std(0).clamp(min=0.05)
    return best


def plan(planner, config):
    model = lewm.LeWorldModel(config).eval()
    pixels, goal = torch.randn(2, 1, 1, 3, config.image, config.image)
    return lambda: planner(model, pixels, goal)


def adamw(fused):
    parameter = torch.nn.Parameter(torch.randn(10_000_000))
    parameter.grad = torch.randn_like(parameter)
    return torch.optim.AdamW([parameter], lr=1e-4, weight_decay=1e-3, fused=fused).step


def operations():
    """(name, run): forward only, without a gradient."""
    x, norm = torch.randn(2048, 1024), torch.nn.LayerNorm(1024)
    yield "layernorm 2048x1024", lambda: norm(x)
    wide = torch.randn(2048, 4096)
    yield "gelu 2048x4096", lambda: F.gelu(wide)
    yield "adamw 10M", adamw(None)
    yield "adamw 10M fused", adamw(True)
    for rows, inner, outer in ((784, 384, 384), (1568, 1536, 384), (1024, 1024, 1024)):
        a, linear = torch.randn(rows, inner), torch.nn.Linear(inner, outer)
        yield f"linear {rows}x{inner}x{outer}", lambda: linear(a)
    q, k, v = torch.randn(3, 1, 16, 2048, 64)
    yield "attention 16x64, 2048 tokens", lambda: F.scaled_dot_product_attention(q, k, v)


def main():
    groups = ("operations", "demo", "published")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*", default=groups, help=f"of {', '.join(groups)}; all if none")
    groups = parser.parse_args().groups
    torch.manual_seed(0)
    if "operations" in groups:
        with torch.no_grad():
            for name, run in operations():
                for threads in (1, 2):
                    emit(name, run, 21, threads)
    if "demo" in groups:
        emit("demo training step, 64 x 4 frames", training_step(lewm.DEMO, 64, 256, 0.1, 2e-3), 21, 2)
        emit("demo plan, 256 x 4 x 14", plan(demo_plan, lewm.DEMO), 7, 2)
    if "published" in groups:
        emit("lewm training step, 8 x 4 frames", training_step(lewm.PUBLISHED, 8, 1024, 0.09, 5e-5), 5, 2)
        emit("lewm plan, 300 x 30 x 5", plan(cem_plan, lewm.PUBLISHED), 3, 2)


if __name__ == "__main__":
    main()
