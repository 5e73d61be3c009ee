"""LeWorldModel's training step and plan, published and the demo's, under the names of `jepa bench`; on a GPU also torch.compile. See README.md."""
import contextlib

from timing import Peer, Work, among  # first: a budget counts from here

import torch

import lewm

MODELS = ("lewm-train", "lewm-plan", "demo-train", "demo-plan")
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def training_step(peer, config, batch, slices, weight, rate, dtype, mode):
    """From bytes in the host's memory to moved parameters, as ours; bf16 is autocast over f32 parameters. AdamW is PyTorch's fused one."""
    model = lewm.LeWorldModel(config).to(peer.device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=1e-3, fused=True)
    frames = torch.randint(256, (batch, 4, 3, config.image, config.image), dtype=torch.uint8, pin_memory=peer.is_gpu)
    action = torch.randn(batch, 4, config.action)
    mean, std = (255 * torch.tensor(part, device=peer.device).view(3, 1, 1) for part in (MEAN, STD))
    losses = model.losses if mode == "eager" else torch.compile(model.losses, dynamic=False)
    tier = contextlib.nullcontext() if dtype == torch.float32 else torch.autocast(peer.device.type, dtype)

    def step():
        optimizer.zero_grad()
        pixels = (frames.to(peer.device, non_blocking=True) - mean) / std
        with tier:
            loss = losses(pixels, action.to(peer.device), lewm.random_directions(config.dim, slices, peer.device), weight)["loss"]
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    return Work(step)


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
    device, best_cost, best = emb.device, float("inf"), None
    for iteration in range(iterations):
        if iteration == 0:
            cuts = torch.randint(horizon, (candidates, 2, 1), device=device)
            segment = (torch.arange(horizon, device=device) >= cuts).sum(1)  # [S, T]: 0, 1 or 2
            actions = torch.randn(candidates, 3, 2, device=device).clamp(-1, 1).gather(1, segment[..., None].expand(-1, -1, 2))
        else:
            actions = (mean + std * torch.randn(candidates, horizon, 2, device=device)).clamp(-1, 1)
            actions[0] = mean
        predicted = model.rollout(emb.expand(candidates, 1, -1), model.action_encoder(actions.repeat(1, 1, 5).to(emb.dtype)))
        distance = (predicted[:, 1:] - goal).square().sum(-1)
        cost, order = (distance.amin(1) + 0.03 * distance.mean(1)).topk(elites, largest=False)
        if cost[0] < best_cost:
            best_cost, best = cost[0].item(), actions[order[0]].clone()
        mean, std = actions[order].mean(0), actions[order].std(0).clamp(min=0.05)
    return best


def plan(peer, planner, config, dtype, mode, **options):
    model = lewm.LeWorldModel(config).to(peer.device, dtype).eval()
    pixels, goal = peer.random(2, 1, 1, 3, config.image, config.image, dtype=dtype)
    if mode == "compile":
        model.encode, model.predict = (torch.compile(part, dynamic=False) for part in (model.encode, model.predict))
    return Work(lambda: planner(model, pixels, goal, **options))


def rows(peer, dtype_name, mode):
    """Made once: a model made anew would be compiled anew in every round."""
    dtype = peer.dtypes[dtype_name]
    published, batch, slices = (lewm.DEMO, 4, 64) if peer.small else (lewm.PUBLISHED, 128 if peer.is_gpu else 8, 1024)
    options = {"candidates": 20, "iterations": 2, "elites": 4} if peer.small else {}

    def add(case, part, make, *recipe, **named):
        if case.split()[0] in (peer.options.model or MODELS):
            peer.add(case, part, dtype_name, mode, lambda: make(peer, *recipe, dtype, mode, **named), kept=True)

    add(f"lewm-train {batch}x4", "step", training_step, published, batch, slices, 0.09, 5e-5)
    add("lewm-plan 300x30x5", "plan", plan, cem_plan, published, **options)
    add("demo-train 64x4", "step", training_step, lewm.DEMO, 64, 256, 0.1, 2e-3)
    add("demo-plan 256x4x14", "plan", plan, demo_plan, lewm.DEMO)


def main():
    peer = Peer(__doc__, model=(among(*MODELS), f"some of {','.join(MODELS)}"))
    for mode in peer.modes:
        for name in peer.dtypes:
            rows(peer, name, mode)
    peer.measure()


if __name__ == "__main__":
    main()
