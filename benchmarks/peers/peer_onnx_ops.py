"""Operations in ONNX Runtime on the processor, forward, under the names of `jepa bench`. See README.md."""
import functools

import onnx_session  # before torch, whose OpenMP it tells how to wait

import numpy as np
import torch
from onnx import TensorProto, helper, numpy_helper

FUSED = "com.microsoft"


def random(*shape, generator=np.random.default_rng(0)):
    return generator.standard_normal(shape, np.float32)


def graph(nodes, inputs, weights, output):
    """inputs: name -> shape; weights: name -> array, known when the session is made, so that it may pack them; the result is y."""
    value = functools.partial(helper.make_tensor_value_info, elem_type=TensorProto.FLOAT)
    body = helper.make_graph(nodes, "case", [value(name, shape=shape) for name, shape in inputs.items()], [value("y", shape=output)],
                             [numpy_helper.from_array(array, name) for name, array in weights.items()])
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 20), helper.make_opsetid(FUSED, 1)], ir_version=10).SerializeToString()


def prepare(nodes, inputs, weights, output):
    arrays = {name: random(*shape) for name, shape in inputs.items()}
    model = graph(nodes, inputs, {name: random(*shape) for name, shape in weights.items()}, output)
    return onnx_session.work(onnx_session.session(model, torch.get_num_threads()), arrays)[0]


def rows(peer, n, width):
    node, hidden = helper.make_node, 4 * width
    heads = width // 64

    def add(case, nodes, inputs, output, weights=None, engine=""):
        peer.add(case, "forward", "F32", engine, lambda: prepare(nodes, inputs, weights or {}, output))

    linear = {"w": (hidden, width), "b": (hidden,)}
    add(f"MatMul {n}x{width}x{width}", [node("MatMul", ["x", "w"], ["y"])], {"x": (n, width), "w": (width, width)}, (n, width))
    add(f"Linear {n}x{hidden}x{width}", [node("Gemm", ["x", "w", "b"], ["y"], transB=1)], {"x": (n, width)}, (n, hidden), linear)
    add(f"Linear gelu {n}x{hidden}x{width}", [node("Gemm", ["x", "w", "b"], ["z"], transB=1), node("Gelu", ["z"], ["y"])],
        {"x": (n, width)}, (n, hidden), linear)
    add(f"Mlp {n}x{width}",
        [node("Gemm", ["x", "w", "b"], ["z"], transB=1), node("Gelu", ["z"], ["a"]), node("Gemm", ["a", "v", "c"], ["y"], transB=1)],
        {"x": (n, width)}, (n, width), linear | {"v": (width, hidden), "c": (width,)})
    # Its heads lie side by side in a token, as ours.
    add(f"Attention 1x{n}x{heads}x64", [node("MultiHeadAttention", ["q", "k", "v"], ["y"], domain=FUSED, num_heads=heads)],
        dict.fromkeys("qkv", (1, n, width)), (1, n, width), engine="MultiHeadAttention")
    add(f"LayerNorm {n}x{width}", [node("LayerNormalization", ["x", "w", "b"], ["y"], axis=-1, epsilon=1e-6)],
        {"x": (n, width)}, (n, width), {"w": (width,), "b": (width,)})
    add(f"Gelu {n}x{hidden}", [node("Gelu", ["x"], ["y"])], {"x": (n, hidden)}, (n, hidden))
    add(f"Add {n}x{hidden}", [node("Add", ["a", "b"], ["y"])], dict.fromkeys("ab", (n, hidden)), (n, hidden))


def main():
    peer = onnx_session.peer(__doc__)
    for n in (16,) if peer.small else (256, 2048):
        rows(peer, n, 128 if peer.small else 1024)
    peer.measure()


if __name__ == "__main__":
    main()
