"""Random numbers that depend on a key alone, never on what was drawn before or on which worker draws.

A key is (seed, stream, counters): the experiment's seed, the purpose ("dropout", "minibatch", ...) and
numbers such as step and shard. Equal keys give equal generators on every machine; different keys give
independent ones.
"""

import hashlib

import numpy as np
import torch


def generator(seed: int, stream: str, *counters: int) -> np.random.Generator:
    """Counter-based (Philox) generator whose 128-bit key is the SHA-256 of (seed, stream, counters)."""
    return np.random.Generator(np.random.Philox(key=int.from_bytes(_digest(seed, stream, counters)[:16])))


def torch_generator(seed: int, stream: str, *counters: int) -> torch.Generator:
    """The same for torch on the CPU. torch's Mersenne twister takes a seed of 32 bits."""
    seed_32 = int.from_bytes(_digest(seed, stream, counters)[:4])
    return torch.Generator().manual_seed(seed_32)


def _digest(seed: int, stream: str, counters: tuple[int, ...]) -> bytes:
    # JSON-like text: unambiguous, since only the stream is text and repr quotes it.
    key = repr((int(seed), stream, tuple(int(counter) for counter in counters)))
    return hashlib.sha256(key.encode()).digest()
