"""Decisions about photos that need no database."""

import datetime as dt
import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt

UInt8Array = npt.NDArray[np.uint8]

PhotoStatus = Literal["unassigned", "assigned", "discarded"]
MOST_AT_ONCE = 500  # photos that one request discards or restores
MOST_A_JOB = 200
LONGEST_NAME = 1000
LONGEST_SOURCE = 200

# What was measured for these three is in docs/experiments-retrieval.md.
MOST_HASH_BITS = 3  # hashes of near-duplicates differ in so many bits at most; the indexes by bands find no more
MOST_CELL_DIFFERENCE = 24.0
MOST_BRIGHTNESS_DIFFERENCE = 60.0
_LEAST_CONTRAST = 8.0


def is_same_scene(scene: UInt8Array, other: UInt8Array) -> bool:
    """Tell whether two photos of similar hash show the same, and not another thing before the same background.

    Brightness and contrast may differ; no cell may differ much once they are made equal.

    Args:
        scene, other: (16, 16, 3) uint8 RGB.
    """
    first, second = scene.astype(np.float32), other.astype(np.float32)
    if abs(float(first.mean() - second.mean())) > MOST_BRIGHTNESS_DIFFERENCE:
        return False
    contrast = float(first.std() + second.std()) / 2 + _LEAST_CONTRAST
    levelled = [
        (cells - cells.mean()) * (contrast / (float(cells.std()) + _LEAST_CONTRAST)) for cells in (first, second)
    ]
    return float(np.abs(levelled[0] - levelled[1]).max()) <= MOST_CELL_DIFFERENCE


def count_differing_bits(first: int, second: int) -> int:
    """Return in how many of their 64 bits two signed hashes differ."""
    return ((first ^ second) & (2**64 - 1)).bit_count()


def merge_groups(
    links: Iterable[tuple[uuid.UUID, uuid.UUID]], begun_at: Mapping[uuid.UUID, dt.datetime]
) -> dict[uuid.UUID, uuid.UUID]:
    """Return for each group that is merged into another the one that is left: of all that are linked, the oldest.

    Args:
        links: pairs of groups that belong together.
        begun_at: when the oldest photo of each of these groups came.
    """
    above: dict[uuid.UUID, uuid.UUID] = {}

    def root_of(group: uuid.UUID) -> uuid.UUID:
        while group in above:
            group = above[group]
        return group

    for pair in links:
        older, younger = sorted(map(root_of, pair), key=lambda group: (begun_at[group], group))
        if older != younger:
            above[younger] = older
    return {group: root_of(group) for group in above}


def plain_name(name: str) -> str:
    """Return a file's path as it was imported, without what cannot be shown, and not too long.

    Forms have no quotation mark in a file's name, but %22, and from some clients two backslashes for one.
    """
    path = re.sub(r"\\+", "/", name.replace("%22", '"'))
    shown = "".join(letter for letter in path if letter.isprintable())
    return shown[:LONGEST_NAME] or "photo"
