"""FAISS, loaded when an index is first built or opened: nobody who has none pays for it."""

import importlib
from functools import lru_cache
from typing import Any

BATCH_OF = 4  # queries; above it exact search multiplies matrices instead of comparing one vector after another


@lru_cache(maxsize=1)
def load_faiss() -> Any:
    """Return the faiss module, told once that batches are to be batches: its own threshold is 128,000 queries."""
    faiss = importlib.import_module("faiss")
    faiss.cvar.distance_compute_blas_threshold = BATCH_OF
    return faiss


def use_threads(n_threads: int) -> None:
    """Limit FAISS on the calling thread; each thread has a limit of its own."""
    load_faiss().omp_set_num_threads(n_threads)
