"""Chance that is the same everywhere: each picture has a stream of its own, from what it is made of."""

import hashlib

import numpy as np


def open_stream(*parts: str | int) -> np.random.Generator:
    """Return the stream that belongs to these words and numbers, on any machine and in any order of work."""
    digest = hashlib.sha256("\0".join(str(part) for part in parts).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))


def happens(stream: np.random.Generator, probability: float) -> bool:
    """Draw whether something is done; draws a number in any case, so that what follows does not depend on it."""
    return bool(stream.random() < probability)


def draw_in(stream: np.random.Generator, interval: tuple[float, float]) -> float:
    """Draw a number of an interval, each equally likely."""
    return float(interval[0] + (interval[1] - interval[0]) * stream.random())


def draw_around(stream: np.random.Generator, limit: float) -> float:
    """Draw a number between -limit and limit."""
    return float(limit * (2 * stream.random() - 1))
