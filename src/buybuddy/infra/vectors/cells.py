"""An index of cells: bytes of each number choose what halves of it then decide.

A search reads what is in its cells, and memory is what it waits for: bytes are read in half of the time that halves
are. The few that bytes find, RECHECKED times as many as are asked for, are compared anew by their halves, so that no
recall is lost.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from buybuddy.infra.vectors.faiss_library import load_faiss

FloatArray = npt.NDArray[np.float32]

RECHECKED = 4
SHARE_QUERIES, SHARE_CELLS = 0, 1  # what FAISS's threads divide among themselves


def new_cells(centres: FloatArray, sample: FloatArray) -> Any:
    """Return an empty index: a row's cell is that of the nearest centre.

    Args:
        centres, sample: (n, dim) float32 rows; the sample says what range each number has.
    """
    faiss = load_faiss()
    dim = centres.shape[1]
    nearest = faiss.IndexFlatIP(dim)
    nearest.add(centres)
    metric, is_residual = faiss.METRIC_INNER_PRODUCT, False
    cells = faiss.IndexIVFScalarQuantizer(
        nearest, dim, len(centres), faiss.ScalarQuantizer.QT_8bit, metric, is_residual
    )
    halves = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16, metric)
    index = faiss.IndexRefine(cells, halves)
    index.k_factor = RECHECKED
    index.train(sample)
    return index


def cells_of(index: Any) -> Any:
    """Return the part that has cells; of an index that was built without halves beside its bytes all of it."""
    faiss = load_faiss()
    whole = faiss.downcast_index(index)
    return faiss.downcast_index(whole.base_index) if isinstance(whole, faiss.IndexRefine) else whole


def look_into(index: Any, n_cells: int) -> None:
    """Have searches look into so many cells."""
    cells_of(index).nprobe = n_cells


def share(index: Any, n_queries: int) -> None:
    """Have threads divide one query's cells, or the queries where there are several."""
    cells_of(index).parallel_mode = SHARE_CELLS if n_queries == 1 else SHARE_QUERIES
