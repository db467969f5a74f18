"""How a dataset is split: by product, the same on every machine, small datasets included."""

import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from buybuddy.errors import InvalidInput

Split = Literal["train", "val", "test"]
Domain = Literal["synthetic", "real"]
ExportFormat = Literal["imagefolder", "coco", "oml-csv", "parquet", "huggingface"]
SPLITS: tuple[Split, ...] = get_args(Split)
DOMAINS: tuple[Domain, ...] = get_args(Domain)
RATIO_TOLERANCE = 0.001


@dataclass(frozen=True)
class SplitPlan:
    """How products are dealt out.

    Args:
        train, val, test: each in [0, 1], together 1 within RATIO_TOLERANCE.
    """

    train: float = 0.8
    val: float = 0.1
    test: float = 0.1
    seed: int = 42

    @property
    def ratios(self) -> tuple[float, float, float]:
        return self.train, self.val, self.test


@dataclass(frozen=True)
class SplitCuts:
    """Where the line of products, sorted by their places, is cut; two numbers say the split of every product."""

    seed: int
    val_from: int
    test_from: int

    def split_of(self, product_id: uuid.UUID) -> Split:
        place = place_of(self.seed, product_id)
        if place >= self.test_from:
            return "test"
        return "val" if place >= self.val_from else "train"


def check_ratios(plan: SplitPlan) -> None:
    """Raises: InvalidInput when the ratios do not sum to 1."""
    total = sum(plan.ratios)
    if abs(total - 1.0) > RATIO_TOLERANCE + 1e-9:
        what = f"train, val and test must sum to 1; these sum to {total:.6g}."
        raise InvalidInput(f"ratios: {what}", errors=[{"where": "body.ratios", "what": what}], field="ratios")


def place_of(seed: int, product_id: uuid.UUID) -> int:
    """Return a product's place in the line, in [0, 2^64): a hash, so that neither order nor machine matters."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{product_id}".encode()).digest()[:8], "big")


def cut_splits(plan: SplitPlan, product_ids: Iterable[uuid.UUID]) -> SplitCuts:
    """Cut the products, in the order of their places, into train, val and test."""
    places = sorted(place_of(plan.seed, product_id) for product_id in product_ids)
    n_train, n_val, _ = split_sizes(len(places), plan.ratios)
    end = 1 << 64
    bounds = [*places, end]
    return SplitCuts(plan.seed, val_from=bounds[n_train], test_from=bounds[n_train + n_val])


def split_sizes(n: int, ratios: tuple[float, float, float]) -> tuple[int, int, int]:
    """Return how many of n products each split gets: largest remainders, at least one where a ratio is not 0.

    With fewer products than splits that want one, train comes first, then val.
    """
    total = sum(ratios)
    exact = [n * ratio / total for ratio in ratios]
    sizes = [int(size + 1e-9) for size in exact]
    by_remainder = sorted(range(3), key=lambda i: (sizes[i] - exact[i], i))
    for i in [i for i in by_remainder if ratios[i] > 0][: n - sum(sizes)]:
        sizes[i] += 1
    for i in range(3):
        largest = max(range(3), key=lambda j: (sizes[j], -j))
        if ratios[i] > 0 and sizes[i] == 0 and sizes[largest] > 1:
            sizes[largest] -= 1
            sizes[i] += 1
    if n and sizes[0] == 0 and ratios[0] > 0:
        sizes[max(range(3), key=lambda j: (sizes[j], j))] -= 1
        sizes[0] += 1
    return sizes[0], sizes[1], sizes[2]
