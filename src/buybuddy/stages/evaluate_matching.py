"""Stage: rank products for photos and photos for products, and say how often the right ones come first."""

import io
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from buybuddy.errors import StageFailed
from buybuddy.ml.retrieval import metrics
from buybuddy.ml.retrieval.metrics import FloatArray, IntArray
from buybuddy.stages.context import StageContext
from buybuddy.stages.specs import ConfusedPair, EvaluateMatchingResult, EvaluateMatchingSpec, MatchingFigures

KS = (1, 5, 10)
CONFUSED_SHOWN = 50
NOT_THERE = -1

Names = npt.NDArray[np.str_]


class Photos:
    """The photos of the truth, all in memory: 100,000 of 1,352 dims are 540 MB.

    Attributes:
        vectors: (n, dim) float32 unit rows, in the order of `shown`.
        shown: (n,) the number of the product that each shows, ascending.
        names: the products' ids by number.
        is_kept: (n,) whether it takes part in the ranking of photos: one near-duplicate of each product does.
    """

    def __init__(self, parts: Sequence[dict[str, npt.NDArray[np.generic]]]) -> None:
        names = np.concatenate([part["products"] for part in parts]).astype(np.str_)
        self.names, shown = np.unique(names, return_inverse=True)
        order = np.argsort(shown, kind="stable")
        self.shown: IntArray = shown[order].astype(np.int64)
        self.vectors: FloatArray = np.concatenate([part["vectors"] for part in parts]).astype(np.float32)[order]
        groups = np.unique(np.concatenate([part["groups"] for part in parts]), return_inverse=True)[1]
        self.is_kept = metrics.first_of_groups(self.shown, groups[order].astype(np.int64))
        self.starts = np.searchsorted(self.shown, np.arange(len(self.names) + 1))

    def number_of(self, products: Names) -> IntArray:
        """Return the numbers of products, NOT_THERE for one that no photo shows."""
        places = np.minimum(np.searchsorted(self.names, products), len(self.names) - 1)
        return np.where(self.names[places] == products, places, NOT_THERE).astype(np.int64)

    def rows_of(self, number: int) -> slice:
        return slice(int(self.starts[number]), int(self.starts[number + 1]))


class Block:
    """Some products with all of their pictures.

    Attributes:
        vectors: (m, dim) float32 unit rows, those of a product one after another.
        names: the products' ids, ascending.
        starts: (c,) the first row of each.
    """

    def __init__(self, part: dict[str, npt.NDArray[np.generic]]) -> None:
        self.vectors = np.asarray(part["vectors"], dtype=np.float32)
        products = part["products"].astype(np.str_)
        if np.any(products[:-1] > products[1:]):
            raise StageFailed("The pictures of a part are not in the order of their products.")
        self.names, starts = np.unique(products, return_index=True)
        self.starts: IntArray = starts.astype(np.int64)


def evaluate_matching(spec: EvaluateMatchingSpec, context: StageContext) -> EvaluateMatchingResult:
    """Rank every product for each photo, and every photo for each product that has some.

    The best of its pictures speaks for a product. Photos whose product has no picture are left out of both.
    Of the near-duplicate photos of a product one, the first of the truth, takes part in the ranking of photos, as one
    card stands for them in matching: no photo is found because a copy of it was. In the ranking of products every
    photo is a query of its own: none of the pictures there is a photo of the pool.
    Raises: StageFailed when there is nothing to rank, StageCancelled, NotFound, Unavailable.
    """
    photos = Photos([_read_part(key, context) for key in spec.photo_keys])
    own = _rank_own(spec, photos, context)
    ranking = Ranking(photos, own)
    for index, block in enumerate(_blocks(spec, context)):
        context.report(0.1 + 0.9 * index / len(spec.product_keys), f"ranking {index + 1}/{len(spec.product_keys)}")
        ranking.add(block, context.raise_if_cancelled)
    result = ranking.result()
    context.report(1.0, "done")
    return result


class Ranking:
    """What is known of the ranks after some blocks of products."""

    def __init__(self, photos: Photos, own: FloatArray) -> None:
        self._photos, self._own = photos, own
        self._is_ranked = np.isfinite(own)
        if not self._is_ranked.any():
            raise StageFailed("No photo shows a product that has a picture with a vector.")
        self._rivals = np.zeros(len(own), dtype=np.int64)
        self._nearest = np.full(len(own), -np.inf, dtype=np.float32)
        self._found: IntArray = np.full(len(own), NOT_THERE, dtype=np.int64)
        self._names: list[Names] = []
        self._photo_hits: list[tuple[bool, float]] = []

    def add(self, block: Block, after_chunk: Callable[[], None]) -> None:
        """Compare all photos with the products of a block."""
        photos = self._photos
        best = metrics.best_similarities(photos.vectors, block.vectors, block.starts, after_chunk=after_chunk)
        numbers = photos.number_of(block.names)
        column_of = np.full(len(photos.names), NOT_THERE, dtype=np.int64)
        column_of[numbers[numbers >= 0]] = np.flatnonzero(numbers >= 0)
        self._rivals += metrics.count_rivals(best, self._own, column_of[photos.shown])
        self._note_nearest(best, sum(map(len, self._names)))
        self._names.append(block.names)
        may_be_found = photos.is_kept & self._is_ranked
        for column in np.flatnonzero(numbers >= 0):
            after_chunk()
            is_own = np.zeros(len(best), dtype=np.bool_)
            is_own[photos.rows_of(int(numbers[column]))] = True
            ranks = metrics.relevant_ranks(best[may_be_found, column], is_own[may_be_found])
            self._photo_hits.append((bool(ranks[0] == 1), metrics.average_precision_at_r(ranks)))

    def result(self) -> EvaluateMatchingResult:
        """Build the figures from the ranks of all blocks."""
        ranks, shown = 1 + self._rivals[self._is_ranked], self._photos.shown[self._is_ranked]
        names = np.concatenate(self._names)
        hits = np.array(self._photo_hits, dtype=np.float64)
        of_products = {"cmc@1": _rounded(hits[:, 0].mean()), "map@r": _rounded(hits[:, 1].mean())}
        per_product = metrics.hit_rates_per_product(ranks, shown, KS)
        n_ranked = int(self._is_ranked.sum())
        return EvaluateMatchingResult(
            photo_to_product=_named(metrics.hit_rates(ranks, KS)),
            product_to_photo=of_products,
            macro=MatchingFigures(photo_to_product=_named(per_product), product_to_photo=of_products),
            queries=n_ranked,
            products=len(names),
            products_with_photos=len(hits),
            n_folded=int((self._is_ranked & ~self._photos.is_kept).sum()),
            n_without_picture=len(self._own) - n_ranked,
            confused=self._confused(names),
        )

    def _note_nearest(self, best: FloatArray, n_before: int) -> None:
        column = best.argmax(axis=1)
        similarity = best[np.arange(len(best)), column]
        is_nearer = similarity > self._nearest
        self._nearest[is_nearer] = similarity[is_nearer]
        self._found[is_nearer] = n_before + column[is_nearer]

    def _confused(self, names: Names) -> tuple[ConfusedPair, ...]:
        order = np.argsort(names)
        shown_names = self._photos.names[self._photos.shown[self._is_ranked]]
        shown = order[np.searchsorted(names, shown_names, sorter=order)].astype(np.int64)
        pairs = metrics.most_confused(shown, self._found[self._is_ranked], CONFUSED_SHOWN)
        return tuple(
            ConfusedPair(product_id=str(names[one]), found_product_id=str(names[other]), n_photos=n)
            for (one, other), n in pairs.items()
        )


def _rank_own(spec: EvaluateMatchingSpec, photos: Photos, context: StageContext) -> FloatArray:
    """Return how similar each photo is to its own product, (n,) float32; -inf where that has no picture."""
    own = np.full(len(photos.shown), -np.inf, dtype=np.float32)
    for index, block in enumerate(_blocks(spec, context)):
        context.report(0.1 * index / len(spec.product_keys), "comparing photos with their own products")
        ends = [*block.starts[1:], len(block.vectors)]
        for number, start, end in zip(photos.number_of(block.names), block.starts, ends, strict=True):
            if number == NOT_THERE:
                continue
            context.raise_if_cancelled()
            rows = photos.rows_of(int(number))
            own[rows] = metrics.best_similarities(photos.vectors[rows], block.vectors[start:end], np.array([0]))[:, 0]
    return own


def _blocks(spec: EvaluateMatchingSpec, context: StageContext) -> Iterator[Block]:
    for key in spec.product_keys:
        context.raise_if_cancelled()
        yield Block(_read_part(key, context))


def _read_part(key: str, context: StageContext) -> dict[str, npt.NDArray[np.generic]]:
    """Return the arrays of a part. Raises: NotFound, Unavailable."""
    path = context.read_input(key)
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            return dict(arrays)
    finally:
        if path.is_relative_to(context.scratch_dir):
            path.unlink(missing_ok=True)


def _named(rates: dict[int, float]) -> dict[str, float]:
    return {f"cmc@{k}": _rounded(rate) for k, rate in rates.items()}


def _rounded(share: float) -> float:
    return round(float(share), 4)
