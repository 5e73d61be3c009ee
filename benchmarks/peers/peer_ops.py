"""Operations in PyTorch under the names of `jepa bench`: SDPA, fused AdamW; on a GPU also torch.compile. See README.md."""
from timing import Peer, Work, numbers  # first: a budget counts from here

import torch
from torch.nn import functional as F

import lewm

EPS = 1e-6


def forward(call, inputs):
    @torch.no_grad()
    def run():
        call(*inputs)

    return Work(run)


def backward(call, inputs, wanted):
    """The gradients of the first inputs, as many as wanted, by themselves."""
    wanted = [x.requires_grad_(True) for x in inputs[:wanted]]
    upstream = torch.randn_like(call(*inputs))
    return Work(lambda y: torch.autograd.grad(y, wanted, upstream), lambda: (call(*inputs),))


class Rows:
    """Adds rows of one dtype, whose inputs are drawn anew in each round."""

    def __init__(self, peer, name):
        self.peer, self.name = peer, name

    def draw(self, shapes):
        return [shape() if callable(shape) else self.peer.random(*shape, dtype=self.peer.dtypes[self.name]) for shape in shapes]

    def forward(self, case, function, *shapes, engine=None):
        """Without a tape. Where an engine is named, a compiler has nothing to add to it."""
        for mode, call in [(engine, function)] if engine else self.peer.variants(function):
            self.peer.add(case, "forward", self.name, mode, lambda call=call: forward(call, self.draw(shapes)))

    def both_ways(self, case, function, *shapes, wanted=None, engine=None):
        """And the gradients of all inputs, or of the first ones."""
        self.forward(case, function, *shapes, engine=engine)
        for mode, call in [(engine, function)] if engine else self.peer.variants(function):
            self.peer.add(case, "backward", self.name, mode, lambda call=call: backward(call, self.draw(shapes), wanted or len(shapes)))


def products(rows, n, width):
    hidden, heads = 4 * width, (1, n, width // 64, 64)
    x, wide, narrow = (n, width), (hidden, width), (width, hidden)
    rows.both_ways(f"MatMul {n}x{width}x{width}", torch.matmul, x, (width, width), engine="eager")
    rows.both_ways(f"Linear {n}x{hidden}x{width}", F.linear, x, wide, (hidden,), engine="eager")
    rows.forward(f"Linear gelu {n}x{hidden}x{width}", lambda x, w, b: F.gelu(F.linear(x, w, b)), x, wide, (hidden,))
    rows.both_ways(f"Mlp {n}x{width}", lambda x, w1, b1, w2, b2: F.linear(F.gelu(F.linear(x, w1, b1)), w2, b2), x, wide, (hidden,), narrow, (width,))
    rows.both_ways(f"Attention 1x{n}x{width // 64}x64",
                   lambda q, k, v: F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)).transpose(1, 2),
                   heads, heads, heads, engine="sdpa")


def elements(rows, n, width):
    x, wide = (n, width), (n, 4 * width)
    rows.both_ways(f"LayerNorm {n}x{width}", lambda x, w, b: F.layer_norm(x, (width,), w, b, EPS), x, (width,), (width,))
    rows.both_ways(f"AdaLayerNorm {n}x{width}", lambda x, shift, scale: F.layer_norm(x, (width,), eps=EPS) * (1 + scale) + shift, x, x, x)
    rows.both_ways(f"Gelu {n}x{4 * width}", F.gelu, wide)
    rows.forward(f"Add {n}x{4 * width}", torch.add, wide, wide)
    rows.both_ways(f"SmoothL1Loss {n}x{4 * width}", F.smooth_l1_loss, wide, wide)
    rows.forward(f"Gather 1x{n}x{width}", lambda x, ids: x.gather(1, ids[..., None].expand(-1, -1, x.shape[-1])), (1, n, width),
                 lambda: torch.randint(n, (1, n // 2), device=rows.peer.device))


def optimizer(peer, count, averaged):
    """f32, as PyTorch trains in both tiers; the average is a second pass, since no fused kernel has it."""
    parameter = torch.nn.Parameter(peer.random(count))
    parameter.grad = torch.randn_like(parameter)
    average = torch.randn_like(parameter)
    adamw = torch.optim.AdamW([parameter], lr=1e-4, weight_decay=1e-3, fused=True)

    @torch.no_grad()
    def step():
        adamw.step()
        average.lerp_(parameter, 0.004)

    return Work(step if averaged else adamw.step)


def main():
    peer = Peer(__doc__, tokens=(numbers, "rows of the operations' inputs (256,2048)"))
    width, tokens, count = (128, (16,), 20_000) if peer.small else (1024, (256, 2048), 10_000_000)
    for name in peer.dtypes:
        rows = Rows(peer, name)
        for n in peer.options.tokens or tokens:
            products(rows, n, width)
            elements(rows, n, width)
        for side in (1024, 2048, 4096) if peer.is_gpu else ():
            rows.both_ways(f"MatMul {side}x{side}x{side}", torch.matmul, (side, side), (side, side), engine="eager")
        peer.add(f"AdamW {count}", "step", name, "fused", lambda: optimizer(peer, count, averaged=False))
        peer.add(f"AdamW {count} with average", "step", name, "fused", lambda: optimizer(peer, count, averaged=True))
    if "F32" in peer.dtypes:
        directions = lambda: lewm.random_directions(192, 1024, peer.device)
        Rows(peer, "F32").both_ways("SigReg 4x128x192 in 1024 directions", lewm.sigreg,
                                    (4, 128, 192), directions, wanted=1)
    peer.measure()


if __name__ == "__main__":
    main()
