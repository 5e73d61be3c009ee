"""ONNX Runtime under the clock of timing.py: sessions with as many threads as the row, whose inputs and outputs stay where they are. See README.md."""
import os

# The threads of OpenMP that emptied the caches would go on spinning on the cores that ONNX Runtime's are about to use.
os.environ["OMP_WAIT_POLICY"] = "passive"

import numpy as np
import onnxruntime

from timing import Peer, Work


def peer(description):
    return Peer(description, f"ONNX Runtime {onnxruntime.__version__}", only_cpu=True)


def session(model, threads):
    """model: a path, or the bytes of a graph."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def work(session, inputs):
    """inputs: name -> array. Every run writes the same memory anew. Returns the work and the memory of the first output."""
    memory = inputs | {output.name: np.empty(output.shape, np.float32) for output in session.get_outputs()}
    values = {name: onnxruntime.OrtValue.ortvalue_from_numpy(array) for name, array in memory.items()}
    binding = session.io_binding()
    for name in inputs:
        binding.bind_ortvalue_input(name, values[name])
    for output in session.get_outputs():
        binding.bind_ortvalue_output(output.name, values[output.name])

    def run(held=(memory, values)):  # the binding knows addresses only
        session.run_with_iobinding(binding)

    return Work(run), memory[session.get_outputs()[0].name]
