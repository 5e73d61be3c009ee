"""LeWorldModel's training step and plan under the names of `jepa bench`: eager and torch.compile. See README.md."""
import contextlib

import torch

import lewm
from bench_lewm import cem_plan
from gpu_timing import DTYPES, Peer

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def training_step(peer, config, batch, slices, dtype, mode):
    """From bytes in the host's memory to moved parameters, as ours; bf16 is autocast over f32 parameters. AdamW is PyTorch's fused one."""
    model = lewm.LeWorldModel(config).to(peer.device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5, weight_decay=1e-3, fused=True)
    frames = torch.randint(256, (batch, 4, 3, config.image, config.image), dtype=torch.uint8, pin_memory=peer.is_gpu)
    action = torch.randn(batch, 4, config.action)
    mean, std = (255 * torch.tensor(part, device=peer.device).view(3, 1, 1) for part in (MEAN, STD))
    losses = model.losses if mode == "eager" else torch.compile(model.losses)
    tier = contextlib.nullcontext() if dtype == torch.float32 else torch.autocast(peer.device.type, dtype)

    def step():
        optimizer.zero_grad()
        pixels = (frames.to(peer.device, non_blocking=True) - mean) / std
        with tier:
            loss = losses(pixels, action.to(peer.device), lewm.random_directions(config.dim, slices, peer.device), 0.09)["loss"]
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    return step


def plan(peer, config, dtype, mode, **options):
    model = lewm.LeWorldModel(config).to(peer.device, dtype).eval()
    pixels, goal = peer.random(2, 1, 1, 3, config.image, config.image, dtype=dtype)
    if mode == "compile":
        model.encode, model.predict = torch.compile(model.encode), torch.compile(model.predict)
    return lambda: cem_plan(model, pixels, goal, **options)


def main():
    peer = Peer(__doc__)
    config, batch, slices = (lewm.DEMO, 4, 64) if peer.small else (lewm.PUBLISHED, 128 if peer.is_gpu else 8, 1024)
    options = {"candidates": 20, "iterations": 2, "elites": 4} if peer.small else {}
    for mode in peer.modes:
        for name, dtype in DTYPES.items():
            torch.compiler.reset()
            peer.time(f"lewm-train {batch}x4", "step", name, mode, training_step(peer, config, batch, slices, dtype, mode))
            peer.time("lewm-plan 300x30x5", "plan", name, mode, plan(peer, config, dtype, mode, **options))
    peer.finish()


if __name__ == "__main__":
    main()
