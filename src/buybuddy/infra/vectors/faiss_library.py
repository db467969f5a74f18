"""FAISS, loaded when an index is first built or opened: nobody who has none pays for it."""

import importlib
from functools import lru_cache
from typing import Any

BATCH_OF = 4  # queries; from here on exact search multiplies matrices instead of comparing one vector after another
VECTORS_AT_ONCE = 16_384  # that a batch is multiplied with; with FAISS's own 1,024 two threads were half as fast


@lru_cache(maxsize=1)
def load_faiss() -> Any:
    """Return the faiss module, told once that batches are to be batches: its own threshold is 128,000 queries."""
    faiss = importlib.import_module("faiss")
    faiss.cvar.distance_compute_blas_threshold = BATCH_OF
    faiss.cvar.distance_compute_blas_database_bs = VECTORS_AT_ONCE
    return faiss


def use_threads(n_threads: int) -> None:
    """Limit FAISS on the calling thread; each thread has a limit of its own."""
    load_faiss().omp_set_num_threads(n_threads)
