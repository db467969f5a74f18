"""Which images come together in a batch: triplets, with negatives from products that look alike."""

from collections.abc import Iterator
from dataclasses import dataclass

import faiss
import numpy as np
import numpy.typing as npt

from buybuddy.training_config import BatchConfig

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

_EXACT_UP_TO = 20_000  # products; more are searched by cells
_CELLS_SEARCHED = 16
_QUERIES_AT_ONCE = 4096


@dataclass(frozen=True)
class ImageFacts:
    """What a sampler has to know of the training images.

    Args:
        classes: (n,) int64 from 0 on, without gaps: the product of each.
        is_real: (n,) whether it is a photo; others are synthetic.
    """

    classes: IntArray
    is_real: BoolArray

    @property
    def n_classes(self) -> int:
        return int(self.classes.max()) + 1


class TripletSampler:
    """Draws batches of triplets: anchor, positive (the same product), negative (another one), one after another.

    A batch is the same for the same seed, epoch and pool, whatever was drawn before.

    Args:
        batch_size: images; a third of it triplets.
    """

    def __init__(self, facts: ImageFacts, config: BatchConfig, batch_size: int, seed: int) -> None:
        self._facts, self._config, self._seed = facts, config, seed
        self._n_triplets = max(1, batch_size // 3)
        every = range(facts.n_classes)
        order = np.argsort(facts.classes, kind="stable")
        bounds = np.searchsorted(facts.classes[order], np.arange(facts.n_classes + 1))
        self._all = [order[bounds[one] : bounds[one + 1]] for one in every]
        self._real = [rows[facts.is_real[rows]] for rows in self._all]
        self._synthetic = [rows[~facts.is_real[rows]] for rows in self._all]
        self._has_both = [bool(len(self._real[one]) and len(self._synthetic[one])) for one in every]
        self._pool: IntArray | None = None

    @property
    def n_batches(self) -> int:
        """Of one epoch: as many as have room for every image once."""
        return max(1, -(-len(self._facts.classes) // (3 * self._n_triplets)))

    def set_pool(self, nearest: IntArray) -> None:
        """Draw negatives from these classes from now on; (n_classes, k), the nearest first, as of `nearest_classes`."""
        self._pool = nearest

    def batches(self, epoch: int) -> Iterator[IntArray]:
        """Yield the batches of an epoch: (3 · triplets,) rows of images."""
        draw = np.random.default_rng([self._seed, epoch])
        n_classes = self._facts.n_classes
        n_wanted = self.n_batches * self._n_triplets
        rounds = [draw.permutation(n_classes) for _ in range(-(-n_wanted // n_classes))]
        anchors = np.concatenate(rounds)[:n_wanted]
        for batch in anchors.reshape(self.n_batches, self._n_triplets):
            yield np.array([row for one in batch for row in self._triplet(draw, int(one))], dtype=np.int64)

    def _triplet(self, draw: np.random.Generator, one: int) -> tuple[int, int, int]:
        is_crossing = draw.random() < self._config.domain_aware_share
        if is_crossing and self._has_both[one]:
            anchor, positive = draw.choice(self._real[one]), draw.choice(self._synthetic[one])
        else:
            rows = self._all[one]
            anchor, positive = draw.choice(rows, 2, replace=len(rows) < 2)
        return int(anchor), int(positive), int(draw.choice(self._all[self._negative(draw, one)]))

    def _negative(self, draw: np.random.Generator, one: int) -> int:
        if self._facts.n_classes == 1:
            return one
        if self._pool is None:
            other = int(draw.integers(self._facts.n_classes - 1))
            return other + (other >= one)
        near = self._pool[one]
        if not self._config.hardest_negatives:
            return int(draw.choice(near))
        weights = np.linspace(2, 1, len(near))  # the nearest twice as often as the farthest
        return int(draw.choice(near, p=weights / weights.sum()))


def nearest_classes(vectors: FloatArray, classes: IntArray, k: int) -> IntArray:
    """Return the k other classes whose centroids are nearest to each class's own, the nearest first.

    No matrix of every class with every class is made; from 20,000 classes on, neighbours are searched by cells.

    Args:
        vectors: (n, d) float32 unit rows.
        classes: (n,) from 0 on, each with at least one row.
    Returns: (n_classes, min(k, n_classes - 1)) int64.
    """
    centroids = centroids_of(vectors, classes)
    n_classes = len(centroids)
    k = min(k, n_classes - 1)
    index = _index_of(centroids)
    nearest = np.empty((n_classes, k), dtype=np.int64)
    for start in range(0, n_classes, _QUERIES_AT_ONCE):
        rows = np.arange(start, min(start + _QUERIES_AT_ONCE, n_classes))
        found = index.search(centroids[rows], k + 1)[1]
        nearest[rows] = _without_own(found, rows, k)
    return nearest


def _index_of(centroids: FloatArray) -> faiss.Index:
    n_classes, dim = centroids.shape
    exact = faiss.IndexFlatIP(dim)
    if n_classes <= _EXACT_UP_TO:
        exact.add(centroids)
        return exact
    cells = faiss.IndexIVFFlat(exact, dim, int(4 * np.sqrt(n_classes)), faiss.METRIC_INNER_PRODUCT)
    cells.cp.niter, cells.cp.max_points_per_centroid = 6, 64
    cells.train(centroids)
    cells.nprobe = _CELLS_SEARCHED
    cells.add(centroids)
    return cells


def centroids_of(vectors: FloatArray, classes: IntArray) -> FloatArray:
    """Return the unit mean of each class's vectors: (n_classes, d) float32."""
    order = np.argsort(classes, kind="stable")
    starts = np.searchsorted(classes[order], np.arange(int(classes.max()) + 1))
    sums = np.add.reduceat(vectors[order], starts, axis=0)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.ascontiguousarray(sums / np.maximum(lengths, 1e-12), dtype=np.float32)


def _without_own(found: IntArray, own: IntArray, k: int) -> IntArray:
    """Take each row's own class out of what was found, and keep k; where cells held too few, the last is repeated."""
    is_other = (found != own[:, None]) & (found >= 0)
    order = np.argsort(~is_other, axis=1, kind="stable")[:, :k]
    kept = np.take_along_axis(found, order, axis=1)
    counts = np.maximum(is_other.sum(axis=1), 1)
    columns = np.minimum(np.arange(k), counts[:, None] - 1)
    return np.asarray(np.take_along_axis(kept, columns, axis=1), dtype=np.int64)
