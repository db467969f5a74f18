"""Decisions about matching that need no database."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

Decision = Literal["approved", "rejected", "skipped"]
Tier = Literal["both", "barcode", "similarity"]
TIERS: tuple[Tier, ...] = ("both", "barcode", "similarity")
DEFAULT_THRESHOLD = 0.7
MOST_AT_ONCE = 500  # photos that one request decides about


class Found(NamedTuple):
    """A photo that may show a product: its cosine to the product's most similar picture, if both have vectors."""

    tier: Tier
    similarity: float | None


def tier_of(*, has_barcode: bool, similarity: float | None, threshold: float) -> Tier | None:
    """Return what speaks for a pair; None when nothing does."""
    is_similar = similarity is not None and similarity >= threshold
    if has_barcode:
        return "both" if is_similar else "barcode"
    return "similarity" if is_similar else None


def rank_key(found: Found) -> tuple[int, float]:
    """Return what candidates are sorted by: what speaks for them, then how similar they are."""
    return TIERS.index(found.tier), -(found.similarity if found.similarity is not None else -1.0)


def barcode_variants(barcodes: Iterable[str]) -> list[str]:
    """Return the ways that barcodes are written: with or without the leading zeros of GTIN-12, -13 and -14."""
    variants: dict[str, None] = {}
    for barcode in barcodes:
        variants[barcode] = None
        if barcode.isdigit() and (bare := barcode.lstrip("0")):
            variants |= dict.fromkeys(bare.zfill(length) for length in (8, 12, 13, 14) if len(bare) <= length)
            variants[bare] = None
    return list(variants)


def choose_probes(views: FloatArray, n_probes: int) -> list[int]:
    """Choose views that stand for all of them: the one nearest to their mean, then always the one farthest from those.

    Args:
        views: (n, d) float32 unit rows.
    Returns: min(n, n_probes) rows.
    """
    if len(views) <= n_probes:
        return list(range(len(views)))
    chosen = [int((views @ views.mean(axis=0)).argmax())]
    nearest = views @ views[chosen[0]]
    while len(chosen) < n_probes:
        chosen.append(int(nearest.argmin()))
        nearest = np.maximum(nearest, views @ views[chosen[-1]])
    return chosen
