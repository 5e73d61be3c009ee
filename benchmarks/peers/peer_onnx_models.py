"""The encoders of peer_models.py in ONNX Runtime on the processor, exported by PyTorch and checked against it. See README.md."""
import functools
import tempfile
import warnings
from pathlib import Path

import onnx_session  # before torch, whose OpenMP it tells how to wait

import torch
from torch.onnx import register_custom_op_symbolic

import peer_models

OPSET, FUSED = 20, "com.microsoft"


class Encoder(torch.nn.Module):
    """A model whose output is one tensor."""

    def __init__(self, model, **options):
        super().__init__()
        self.model, self.options = model, options

    def forward(self, pixels):
        return self.model(pixels, **self.options).last_hidden_state


def fuse_attention(heads):
    """Scaled dot products become ONNX Runtime's own attention, which never stores the scores; the usual export multiplies and takes a softmax."""
    def attention(g, q, k, v, *_):
        constant = lambda *shape: g.op("Constant", value_t=torch.tensor(shape))
        tokens = [g.op("Reshape", g.op("Transpose", x, perm_i=[0, 2, 1, 3]), constant(0, 0, -1)) for x in (q, k, v)]
        y = g.op(f"{FUSED}::MultiHeadAttention", *tokens, num_heads_i=heads)
        return g.op("Transpose", g.op("Reshape", y, constant(0, 0, heads, -1)), perm_i=[0, 2, 1, 3])

    register_custom_op_symbolic("aten::scaled_dot_product_attention", attention, OPSET)


@torch.no_grad()
def export(encoder, pixels, path):
    """Writes the graph, weights beside it where they exceed 2 GB, and returns PyTorch's answer."""
    fuse_attention(encoder.model.config.num_attention_heads)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a frozen shape is what is wanted
        torch.onnx.export(encoder, (pixels,), str(path), dynamo=False, opset_version=OPSET, input_names=["pixels"], output_names=["tokens"],
                          custom_opsets={FUSED: 1})
    return encoder(pixels)


def prepare(path, pixels, expected, threads):
    """Made once for so many threads. A time counts only where the answer is transformers'."""
    work, output = onnx_session.work(onnx_session.session(str(path), threads), {"pixels": pixels.numpy()})
    work.run()
    error = ((torch.from_numpy(output) - expected).abs().max() / expected.abs().max()).item()
    if not error < 1e-3:
        raise ValueError(f"its answer is {error:.1e} of the largest value away from transformers'")
    return work


def rows(peer, folder, build, cases, **options):
    """A session lives as long as the process: making one takes longer than a round."""
    encoder = Encoder(build(peer.small), **options).eval()
    for case, pixels in cases.items():
        path = folder / case / "model.onnx"
        path.parent.mkdir()
        expected = export(encoder, pixels, path)
        make = functools.partial(prepare, path, pixels, expected)
        peer.add(case, "encode", "F32", "MultiHeadAttention",
                 lambda make=make: make(torch.get_num_threads()), kept=True)


def main():
    peer = onnx_session.peer(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        rows(peer, Path(folder), peer_models.ijepa, {"ijepa-vith": peer.random(1, 3, 224, 224)})
        rows(peer, Path(folder), peer_models.vjepa2, {f"vjepa2-vitl-{frames}": peer_models.clip(peer, frames) for frames in (2, 16)}, skip_predictor=True)
        peer.measure()


if __name__ == "__main__":
    main()
