"""Building a published index: vectors in, a folder out.

Recall is measured with vectors that the index does not hold yet: they are left out of training and of the first
filling, asked for, compared with exact search over the same vectors, and only then added.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from buybuddy.infra.vectors.cells import cells_of, look_into, new_cells
from buybuddy.infra.vectors.centres import find_centres
from buybuddy.infra.vectors.facts import IndexFacts, IndexKind, IndexOrigin
from buybuddy.infra.vectors.faiss_library import load_faiss
from buybuddy.infra.vectors.folders import write_folder

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

EXACT_UP_TO = 100_000
# The mark is 0.98 of ten; other queries than those measured with find a little less. Fifty, since a ranking of products
# needs more images than it shows products.
TARGET_RECALL_AT_10, TARGET_RECALL_AT_50 = 0.985, 0.95
HELD_OUT_AT_MOST, HELD_OUT_SHARE = 1_000, 0.05
BLOCK = 20_000  # rows added at once
HNSW_BLOCK = 2_000  # slower, and it is to stop within seconds
SAMPLE_PER_CELL = 32
SAMPLE_FOR_RANGES = 20_000
HNSW_LINKS, HNSW_BUILD_SEEN = 32, 100
N_COMPARED = 50
MOST_SEEN = 1024
N_HALVINGS = 3  # of the step between two efforts of which one was too little
QUERIES_AT_ONCE = 128  # it is to stop within seconds


@dataclass(frozen=True)
class Source:
    """What an index is made of; the vectors may lie in a mapped file.

    Args:
        vectors: (n, dim) float32 or float16 unit rows.
        ids, products: (n, 16) uint8, the UUIDs of each vector's image and product.
    """

    vectors: npt.NDArray[np.float32] | npt.NDArray[np.float16]
    ids: npt.NDArray[np.uint8]
    products: npt.NDArray[np.uint8]

    def block(self, start: int, n: int) -> FloatArray:
        return np.ascontiguousarray(self.vectors[start : start + n], dtype=np.float32)


Report = Callable[[float, str], None]


def choose_kind(kind: Literal["auto"] | IndexKind, n_vectors: int) -> IndexKind:
    """Return what `auto` means: exact while that is fast enough, cells above (docs/decisions/0020)."""
    if kind != "auto":
        return kind
    return "exact" if n_vectors <= EXACT_UP_TO else "ivf"


def build_index(
    source: Source, folder: Path, kind: Literal["auto"] | IndexKind, origin: IndexOrigin, report: Report
) -> IndexFacts:
    """Build an index into a folder that is there and empty, and say what it is.

    Args:
        report: called at least every few seconds with the share done and the step; what it raises ends the building.
    Raises: ValueError when there is no vector.
    """
    started_s = time.monotonic()
    if len(source.vectors) == 0:
        raise ValueError("an index needs a vector")
    chosen = choose_kind(kind, len(source.vectors))
    built = _build_exact(source, report) if chosen == "exact" else _Approximate(source, chosen, report).build()
    report(0.95, "writing")
    return write_folder(
        folder,
        built.index,
        source.ids[built.order],
        source.products[built.order],
        lambda size_bytes, sha256: IndexFacts(
            kind=chosen,
            dim=source.vectors.shape[1],
            n_vectors=len(source.vectors),
            n_products=len(np.unique(np.ascontiguousarray(source.products).view("V16"))),
            origin=origin,
            parameters=built.parameters,
            recall_at_10=round(built.recall_at_10, 4),
            recall_at_50=round(built.recall_at_50, 4),
            n_queries=built.n_queries,
            build_s=round(time.monotonic() - started_s, 1),
            size_bytes=size_bytes,
            sha256=sha256,
        ),
    )


@dataclass(frozen=True)
class _Built:
    """An index with what was measured; `order` says which row of the source each of its vectors is."""

    index: Any
    order: IntArray
    parameters: dict[str, int]
    recall_at_10: float = 1.0
    recall_at_50: float = 1.0
    n_queries: int = 0


def _build_exact(source: Source, report: Report) -> _Built:
    n, dim = source.vectors.shape
    index = load_faiss().IndexFlatIP(dim)
    for start in range(0, n, BLOCK):
        report(0.9 * start / n, f"adding {start}/{n}")
        index.add(source.block(start, BLOCK))
    return _Built(index, np.arange(n), {})


class _Approximate:
    """Builds an index of cells or of links, and tunes how much of it a search looks at."""

    def __init__(self, source: Source, kind: IndexKind, report: Report) -> None:
        self._source, self._kind, self._report = source, kind, report
        self._chooser = np.random.default_rng(0)
        self._n, self._dim = source.vectors.shape
        n_held = min(HELD_OUT_AT_MOST, int(HELD_OUT_SHARE * self._n))
        self._held: IntArray = np.sort(self._chooser.choice(self._n, n_held, replace=False)).astype(np.int64)
        self._is_held = np.zeros(self._n, dtype=np.bool_)
        self._is_held[self._held] = True
        self._order: IntArray = np.concatenate([np.flatnonzero(~self._is_held), self._held]).astype(np.int64)

    def build(self) -> _Built:
        index, parameters = self._new_cells() if self._kind == "ivf" else self._new_links()
        queries = np.asarray(self._source.vectors[self._held], dtype=np.float32)
        exact = _Nearest(queries, min(N_COMPARED, self._n - len(self._held)))
        n_added = 0
        for rows in self._rest():
            self._report(0.3 + 0.55 * n_added / self._n, f"adding {n_added}/{self._n}")
            index.add(rows)
            exact.look_at(rows, n_added)
            n_added += len(rows)
        if len(queries) == 0:
            return _Built(index, self._order, parameters)
        effort, recalls = self._tune(index, queries, exact.rows)
        parameters["n_probe" if self._kind == "ivf" else "n_seen"] = effort
        index.add(queries)
        return _Built(index, self._order, parameters, *recalls, len(queries))

    def _new_cells(self) -> tuple[Any, dict[str, int]]:
        """Return an empty index of cells (cells.py)."""
        n_rest = self._n - len(self._held)
        n_cells = max(1, min(2 ** round(np.log2(4 * self._n**0.5)), n_rest // 8))
        n_sample = min(n_rest, SAMPLE_PER_CELL * n_cells)
        chosen = np.sort(self._chooser.choice(self._order[:n_rest], n_sample, replace=False))
        sample = np.asarray(self._source.vectors[chosen], dtype=np.float32)
        centres = find_centres(
            sample, n_cells, self._chooser, lambda share: self._report(0.3 * share, "finding the centres of cells")
        )
        return new_cells(centres, sample[:SAMPLE_FOR_RANGES]), {"n_cells": n_cells}

    def _new_links(self) -> tuple[Any, dict[str, int]]:
        faiss = load_faiss()
        index = faiss.IndexHNSWFlat(self._dim, HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = HNSW_BUILD_SEEN
        return index, {"n_links": HNSW_LINKS}

    def _rest(self) -> Iterator[FloatArray]:
        n_block = HNSW_BLOCK if self._kind == "hnsw" else BLOCK
        for start in range(0, self._n, n_block):
            yield self._source.block(start, n_block)[~self._is_held[start : start + n_block]]

    def _tune(self, index: Any, queries: FloatArray, exact: IntArray) -> tuple[int, tuple[float, float]]:
        """Return about the least effort that finds enough, or the greatest there is, and the recalls at 10 and 50."""
        most = cells_of(index).nlist if self._kind == "ivf" else MOST_SEEN
        low, high = 1, 1
        while not _is_enough(recalls := self._recalls(index, queries, exact, high)) and high < most:
            low, high = high, min(2 * high, most)
        for _ in range(N_HALVINGS):
            middle = (low + high) // 2
            if middle == low or not _is_enough(recalls):
                break
            found = self._recalls(index, queries, exact, middle)
            if _is_enough(found):
                high, recalls = middle, found
            else:
                low = middle
        return high, recalls

    def _recalls(self, index: Any, queries: FloatArray, exact: IntArray, effort: int) -> tuple[float, float]:
        what = "cells" if self._kind == "ivf" else "in view"
        if self._kind == "ivf":
            look_into(index, effort)
        else:
            index.hnsw.efSearch = effort
        rows = []
        for start in range(0, len(queries), QUERIES_AT_ONCE):
            self._report(0.88, f"measuring recall with {effort} {what}")
            some = queries[start : start + QUERIES_AT_ONCE]
            rows.append(index.search(some, exact.shape[1])[1])
        found = np.concatenate(rows)
        return recall(found, exact, 10), recall(found, exact, N_COMPARED)


def _is_enough(recalls: tuple[float, float]) -> bool:
    return recalls[0] >= TARGET_RECALL_AT_10 and recalls[1] >= TARGET_RECALL_AT_50


class _Nearest:
    """The rows most similar to each query, among all that were looked at: exact search over what is never held."""

    def __init__(self, queries: FloatArray, k: int) -> None:
        self._queries, self._k = queries, k
        self._best: FloatArray = np.empty((len(queries), 0), dtype=np.float32)
        self.rows: IntArray = np.empty((len(queries), 0), dtype=np.int64)

    def look_at(self, rows: FloatArray, first: int) -> None:
        if len(self._queries) == 0 or len(rows) == 0:
            return
        similarities = np.concatenate([self._best, self._queries @ rows.T], axis=1)
        numbers = np.broadcast_to(np.arange(first, first + len(rows)), (len(self._queries), len(rows)))
        numbers = np.concatenate([self.rows, numbers], axis=1)
        last = min(self._k, similarities.shape[1]) - 1
        some = np.argpartition(-similarities, last, axis=1)[:, : last + 1]
        order = np.argsort(-np.take_along_axis(similarities, some, axis=1), axis=1, kind="stable")
        chosen = np.take_along_axis(some, order, axis=1)
        self._best = np.take_along_axis(similarities, chosen, axis=1)
        self.rows = np.take_along_axis(numbers, chosen, axis=1)


def recall(found: IntArray, exact: IntArray, k: int) -> float:
    """Return the mean share of the k exact neighbours that are among the k found.

    Args:
        found, exact: (n, at least k, or all there are) int64 numbers, nearest first; -1 for none.
    """
    k = min(k, exact.shape[1])
    hits = sum(len(np.intersect1d(a, b)) for a, b in zip(found[:, :k], exact[:, :k], strict=True))
    return float(hits / (len(exact) * k))
