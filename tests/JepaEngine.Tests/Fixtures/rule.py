"""The rule by which weights and inputs of the model fixtures are made, so that they need no bytes. RuleFile.cs follows it to the bit.

Number i (row-major, from 0) of the tensor NAME is u * scale + shift in float32, rounded after the product and after the sum:

    h = splitmix64(fnv1a64(NAME in UTF-8) + i * 0x9E3779B97F4A7C15)    modulo 2^64; splitmix64 is its finaliser alone
    u = (h >> 40) * 2^-23 - 1                                          exact, in [-1, 1)

The first line that fits a tensor gives scale and shift:

    name begins with input.action or input.state                       1                   0
    name begins with input.                                            2                   0
    name holds mask_token, query_tokens, pos_embed,
        position_embeddings, mod_embed or cls_token                    0.5                 0
    two dimensions or more                                             sqrt(3 / fan_in)    0     fan_in: product of all but the first
    name ends in weight (LayerNorm)                                    0.2                 1
    anything else (biases)                                             0.2                 0

The names of weights are the keys of the file they would stand in, prefixes included.
"""
import numpy as np

TABLES = ("mask_token", "query_tokens", "pos_embed", "position_embeddings", "mod_embed", "cls_token")


def fnv1a64(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def splitmix64(z):
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def scale_and_shift(name, shape):
    if name.startswith(("input.action", "input.state")):
        return 1, 0
    if name.startswith("input."):
        return 2, 0
    if any(table in name for table in TABLES):
        return 0.5, 0
    if len(shape) >= 2:
        return np.sqrt(3 / np.prod(shape[1:])), 0
    return 0.2, int(name.endswith("weight"))


def numbers(name, shape):
    """float32 [shape]"""
    steps = np.arange(np.prod(shape), dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    h = splitmix64(np.uint64(fnv1a64(name)) + steps)
    u = (h >> np.uint64(40)).astype(np.float32) * np.float32(2**-23) - np.float32(1)
    scale, shift = scale_and_shift(name, shape)
    return (u * np.float32(scale) + np.float32(shift)).reshape(shape)
