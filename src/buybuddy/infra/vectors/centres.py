"""Centres of cells: k-means on the unit sphere, in steps short enough to be stopped between two of them."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from buybuddy.infra.vectors.faiss_library import load_faiss

FloatArray = npt.NDArray[np.float32]

N_ROUNDS = 8
BLOCK = 16_384  # rows compared with all centres at once


def find_centres(
    sample: FloatArray, n_centres: int, chooser: np.random.Generator, report: Callable[[float], None]
) -> FloatArray:
    """Return centres such that each row of the sample is near one.

    Args:
        sample: (n, dim) float32 unit rows, at least `n_centres`.
        report: called between two steps with the share done; what it raises ends the search.
    Returns: (n_centres, dim) float32 unit rows.
    """
    centres = sample[chooser.choice(len(sample), n_centres, replace=False)]
    for number in range(N_ROUNDS):
        sums, counts = np.zeros_like(centres), np.zeros(n_centres, dtype=np.int64)
        nearest = load_faiss().IndexFlatIP(sample.shape[1])
        nearest.add(centres)
        for start in range(0, len(sample), BLOCK):
            report((number + start / len(sample)) / N_ROUNDS)
            block = sample[start : start + BLOCK]
            _add_to_cells(block, nearest.search(block, 1)[1][:, 0], sums, counts)
        is_empty = counts == 0
        sums[is_empty] = sample[chooser.choice(len(sample), int(is_empty.sum()), replace=False)]
        centres = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    return centres


def _add_to_cells(
    block: FloatArray, cells: npt.NDArray[np.int64], sums: FloatArray, counts: npt.NDArray[np.int64]
) -> None:
    order = np.argsort(cells, kind="stable")
    found, starts = np.unique(cells[order], return_index=True)
    sums[found] += np.add.reduceat(block[order], starts, axis=0)
    counts[found] += np.diff([*starts, len(block)])
