"""Operations in PyTorch under the names of `jepa bench`: eager, torch.compile, SDPA, fused AdamW. See README.md."""
import torch
from torch.nn import functional as F

import lewm
from gpu_timing import DTYPES, Peer, gradients

EPS = 1e-6


def both_ways(peer, case, dtype, function, inputs, engine=None):
    """Forward without a tape, and the gradients of all float inputs by themselves."""
    for mode, call in peer.variants(function):
        name = engine or mode
        with torch.no_grad():
            peer.time(case, "forward", dtype, name, lambda: call(*inputs))
        with gradients(*inputs):
            upstream = torch.randn_like(call(*inputs))
            peer.time(case, "backward", dtype, name, lambda y: torch.autograd.grad(y, inputs, upstream), lambda: (call(*inputs),))
        if engine:
            break


def forward(peer, case, dtype, function, inputs):
    for mode, call in peer.variants(function):
        with torch.no_grad():
            peer.time(case, "forward", dtype, mode, lambda: call(*inputs))


def products(peer, name, n, width):
    hidden, dtype = 4 * width, DTYPES[name]
    x, square = peer.random(n, width, dtype=dtype), peer.random(width, width, dtype=dtype)
    wide, narrow = peer.random(hidden, width, dtype=dtype), peer.random(width, hidden, dtype=dtype)
    bias1, bias2 = peer.random(hidden, dtype=dtype), peer.random(width, dtype=dtype)
    both_ways(peer, f"MatMul {n}x{width}x{width}", name, torch.matmul, (x, square), "eager")
    both_ways(peer, f"Linear {n}x{hidden}x{width}", name, F.linear, (x, wide, bias1), "eager")
    forward(peer, f"Linear gelu {n}x{hidden}x{width}", name, lambda x, w, b: F.gelu(F.linear(x, w, b)), (x, wide, bias1))
    both_ways(peer, f"Mlp {n}x{width}", name, lambda x, w1, b1, w2, b2: F.linear(F.gelu(F.linear(x, w1, b1)), w2, b2), (x, wide, bias1, narrow, bias2))
    q, k, v = peer.random(3, 1, n, width // 64, 64, dtype=dtype).unbind()
    both_ways(peer, f"Attention 1x{n}x{width // 64}x64", name,
              lambda q, k, v: F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)).transpose(1, 2), (q, k, v), "sdpa")


def rows(peer, name, n, width):
    dtype = DTYPES[name]
    x, shift, scale = peer.random(3, n, width, dtype=dtype).unbind()
    weight, bias = peer.random(2, width, dtype=dtype).unbind()
    both_ways(peer, f"LayerNorm {n}x{width}", name, lambda x, w, b: F.layer_norm(x, (width,), w, b, EPS), (x, weight, bias))
    both_ways(peer, f"AdaLayerNorm {n}x{width}", name, lambda x, shift, scale: F.layer_norm(x, (width,), eps=EPS) * (1 + scale) + shift, (x, shift, scale))
    a, b = peer.random(2, n, 4 * width, dtype=dtype).unbind()
    both_ways(peer, f"Gelu {n}x{4 * width}", name, F.gelu, (a,))
    forward(peer, f"Add {n}x{4 * width}", name, torch.add, (a, b))
    both_ways(peer, f"SmoothL1Loss {n}x{4 * width}", name, F.smooth_l1_loss, (a, b))
    clip, ids = peer.random(1, n, width, dtype=dtype), torch.randint(n, (1, n // 2), device=peer.device)
    forward(peer, f"Gather 1x{n}x{width}", name, lambda x, ids: x.gather(1, ids[..., None].expand(-1, -1, x.shape[-1])), (clip, ids))


def sigreg(peer):
    z, directions = peer.random(4, 128, 192), lewm.random_directions(192, 1024, peer.device)
    for mode, call in peer.variants(lewm.sigreg):
        with torch.no_grad():
            peer.time("SigReg 4x128x192 in 1024 directions", "forward", "F32", mode, lambda: call(z, directions))
        with gradients(z):
            peer.time("SigReg 4x128x192 in 1024 directions", "backward", "F32", mode, lambda loss: torch.autograd.grad(loss, z), lambda: (call(z, directions),))


def optimizer(peer, count):
    """f32, as PyTorch trains in both tiers; the average is a second pass, since no fused kernel has it."""
    parameter = torch.nn.Parameter(peer.random(count))
    parameter.grad = torch.randn_like(parameter)
    average = torch.randn_like(parameter)
    adamw = torch.optim.AdamW([parameter], lr=1e-4, weight_decay=1e-3, fused=True)

    @torch.no_grad()
    def averaged():
        adamw.step()
        average.lerp_(parameter, 0.004)

    for name in DTYPES:
        peer.time(f"AdamW {count}", "step", name, "fused", adamw.step)
        peer.time(f"AdamW {count} with average", "step", name, "fused", averaged)


def main():
    peer = Peer(__doc__)
    width, tokens = (128, (16,)) if peer.small else (1024, (256, 2048))
    for name in DTYPES:
        for n in tokens:
            products(peer, name, n, width)
            rows(peer, name, n, width)
        for side in (1024, 2048, 4096) if peer.is_gpu else ():
            a, b = peer.random(2, side, side, dtype=DTYPES[name]).unbind()
            both_ways(peer, f"MatMul {side}x{side}x{side}", name, torch.matmul, (a, b), "eager")
    sigreg(peer)
    optimizer(peer, 20_000 if peer.small else 10_000_000)
    peer.finish()


if __name__ == "__main__":
    main()
