"""A published index beside bare FAISS: the same file, the same threads, the same batches, in turns.

The vectors are made up: centres of products around their categories (pool.py), and views of each. A view is its centre,
0.8 of how it was taken and 0.6 of noise, made a unit row. How it was taken is drawn from 48 directions that all
products share, the first far stronger than the last, as light and pose are: views of one product then lie in many
cells, beside views of other products that were taken alike, and finding them takes more than the nearest cell.
Queries are further views.
"""

import asyncio
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from buybuddy.benchmarks.http_load import percentile
from buybuddy.benchmarks.pool import BLOCK, Pool, unit_rows
from buybuddy.benchmarks.report import BenchmarkReport
from buybuddy.infra.vectors import IndexFacts, IndexKind, IndexOrigin
from buybuddy.infra.vectors.building import Source, build_index
from buybuddy.infra.vectors.cells import look_into
from buybuddy.infra.vectors.facts import INDEX_NAME
from buybuddy.infra.vectors.faiss_library import load_faiss, use_threads
from buybuddy.infra.vectors.published import IMAGES_PER_PRODUCT, PublishedIndex, best_of_products
from buybuddy.infra.vectors.server import MOST_AT_ONCE, IndexServer

FloatArray = npt.NDArray[np.float32]
Report = Callable[[float, str], None]

DIM, VIEWS_PER_PRODUCT = 768, 20
WAYS, WAY_SHARE, NOISE_SHARE = 48, 0.8, 0.6
K = 10
K_IMAGES = K * IMAGES_PER_PRODUCT  # that a search by photo asks for first, to rank K products
N_ASKED = 500  # queries that recall is counted with, and the times of one client
ORIGIN = IndexOrigin(
    encoder_name="made-up",
    encoder_weights_sha256="none",
    encoder_preprocessing="none/1",
    dataset_version_id="none",
    domains={},
)


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Args:
        n_exact: vectors of the exact index that batches are compared on.
        n_rounds: of bare and served searches, in turns.
        n_served: queries of a round.
    """

    n_vectors: int = 1_000_000
    n_exact: int = 100_000
    n_rounds: int = 5
    n_served: int = 3_200
    kind: Literal["auto"] | IndexKind = "ivf"


def run(
    folder: Path, size: Size, *, n_threads: int = 2, report: Report = lambda share, step: None
) -> list[BenchmarkReport]:
    """Build an index of made-up vectors, and measure how fast and how well it is searched.

    Args:
        folder: an empty one, with room for four bytes for each number.
        n_threads: of building and of searching.
    """
    use_threads(n_threads)
    pool = Pool(size.n_vectors, VIEWS_PER_PRODUCT, DIM)
    views = Views(pool.centres())
    vectors = _write_views(folder / "vectors.f16", size.n_vectors, views)
    queries = views.of(np.random.default_rng(7).integers(0, pool.n_products, 4_096), np.random.default_rng(8))
    facts = _build(folder / "index", vectors, size.kind, report)
    peak_mb = _peak_mb()
    index = PublishedIndex.open(folder / "index")
    exact = _nearest(vectors, queries[:N_ASKED])
    found = index.search(queries[:N_ASKED], K).rows
    of_row = _rows_of(folder / "index", size.n_vectors)
    recalls = [len({*of_row[a].tolist()} & {*b.tolist()}) / K for a, b in zip(found, exact, strict=True)]
    details: dict[str, float | int | str] = {
        "vectors": size.n_vectors, "dim": DIM, "kind": facts.kind, **facts.parameters,
    }  # fmt: skip
    return [
        BenchmarkReport(
            "index.recall_at_10",
            round(float(np.mean(recalls)), 4),
            "share",
            details={**details, "queries": N_ASKED, "measured_when_built": facts.recall_at_10},
        ),
        *asyncio.run(_measure_service(folder / "index", index, queries, size, n_threads, details)),
        BenchmarkReport(
            "index.build",
            facts.build_s,
            "s",
            details={**details, "file": f"{facts.size_bytes / 1e6:.0f} MB", "peak": f"{peak_mb:.0f} MB"},
        ),
        _measure_exact(folder / "exact", vectors[: size.n_exact], queries, n_threads),
    ]


class Views:
    """Makes views of products.

    Args:
        centres: (n_products, DIM) float32 unit rows.
    """

    def __init__(self, centres: FloatArray) -> None:
        self._centres = centres
        directions = np.random.default_rng(9).standard_normal((DIM, WAYS))
        self._ways: FloatArray = np.linalg.qr(directions)[0].T.astype(np.float32)
        strengths = 1 / np.sqrt(1 + np.arange(WAYS))
        self._strengths: FloatArray = (strengths / np.linalg.norm(strengths)).astype(np.float32)

    def of(self, products: npt.NDArray[np.int64], chooser: np.random.Generator) -> FloatArray:
        """Return a view of each of the products: (n, DIM) float32 unit rows."""
        taken = chooser.standard_normal((len(products), WAYS), dtype=np.float32) * self._strengths
        noise = unit_rows(chooser.standard_normal((len(products), DIM), dtype=np.float32))
        return unit_rows(self._centres[products] + WAY_SHARE * (taken @ self._ways) + NOISE_SHARE * noise)


def _write_views(path: Path, n: int, views: Views) -> npt.NDArray[np.float16]:
    """Write the vectors block by block as halves, and return them mapped: (n, DIM)."""
    chooser = np.random.default_rng(6)
    with path.open("wb") as file:
        for start in range(0, n, BLOCK):
            products = np.arange(start, min(start + BLOCK, n)) % max(1, n // VIEWS_PER_PRODUCT)
            file.write(views.of(products, chooser).astype(np.float16).tobytes())
    return np.memmap(path, dtype=np.float16, mode="r", shape=(n, DIM))


def _build(
    folder: Path, vectors: npt.NDArray[np.float16], kind: Literal["auto"] | IndexKind, report: Report
) -> IndexFacts:
    folder.mkdir()
    numbers = np.zeros((len(vectors), 16), dtype=np.uint8)
    numbers[:, 8:] = np.arange(len(vectors), dtype=">u8").view(np.uint8).reshape(-1, 8)
    products = np.zeros_like(numbers)
    n_products = max(1, len(vectors) // VIEWS_PER_PRODUCT)
    products[:, 8:] = (np.arange(len(vectors), dtype=np.int64) % n_products).astype(">u8").view(np.uint8).reshape(-1, 8)
    return build_index(Source(vectors, numbers, products), folder, kind, ORIGIN, report)


def _rows_of(folder: Path, n: int) -> npt.NDArray[np.int64]:
    """Return which vector each row of an index is."""
    ids = np.load(folder / "ids.npy")
    return np.ascontiguousarray(ids[:, 8:]).view(">u8").reshape(n).astype(np.int64)


def _nearest(vectors: npt.NDArray[np.float16], queries: FloatArray) -> npt.NDArray[np.int64]:
    """Return the K nearest of all vectors for each query, by comparing with every one."""
    best = np.empty((len(queries), 0), dtype=np.float32)
    rows = np.empty((len(queries), 0), dtype=np.int64)
    for start in range(0, len(vectors), BLOCK):
        block = queries @ np.asarray(vectors[start : start + BLOCK], dtype=np.float32).T
        some = np.argpartition(-block, K, axis=1)[:, :K]
        best = np.concatenate([best, np.take_along_axis(block, some, axis=1)], axis=1)
        rows = np.concatenate([rows, some + start], axis=1)
        order = np.argsort(-best, axis=1)[:, :K]
        best, rows = np.take_along_axis(best, order, axis=1), np.take_along_axis(rows, order, axis=1)
    return rows


async def _measure_service(
    folder: Path,
    index: PublishedIndex,
    queries: FloatArray,
    size: Size,
    n_threads: int,
    details: dict[str, float | int | str],
) -> list[BenchmarkReport]:
    server = IndexServer(n_threads=n_threads)
    server.swap(index)
    bare = load_faiss().read_index(str(folder / INDEX_NAME), load_faiss().IO_FLAG_MMAP_IFC)
    if index.facts.kind == "ivf":
        look_into(bare, index.facts.parameters["n_probe"])
    elif index.facts.kind == "hnsw":
        bare.hnsw.efSearch = index.facts.parameters["n_seen"]
    with ThreadPoolExecutor(1, initializer=use_threads, initargs=(n_threads,)) as alone:
        rates = []
        await _ask(server, queries, 2 * MOST_AT_ONCE, 10 * MOST_AT_ONCE)  # as in a platform that has run for a while
        for _ in range(size.n_rounds):
            plain = alone.submit(_search_bare, bare, queries, size.n_served).result()
            served = await _ask(server, queries, 2 * MOST_AT_ONCE, size.n_served)
            rates.append((size.n_served / served.seconds, plain))
        ranked = await _ask(server, queries, 2 * MOST_AT_ONCE, size.n_served // 4, is_of_products=True)
    times = []
    for clients, n in (("one client", 1), ("four clients", 4)):
        plain_times = await _ask(server, queries, n, n * N_ASKED)
        times.append(
            _times(clients, plain_times, await _ask(server, queries, n, n * N_ASKED, is_of_products=True), details)
        )
    server.close()
    ratios = [served / plain for served, plain in rates]
    served_rate, plain_rate = (statistics.median(column) for column in zip(*rates, strict=True))
    return [
        BenchmarkReport(
            "index.service_rate",
            round(served_rate, 1),
            "queries/s",
            baseline=round(plain_rate, 1),
            ratio=round(statistics.median(ratios), 3),
            details={
                **details,
                "least_ratio": round(min(ratios), 3),
                "batch": MOST_AT_ONCE,
                "threads": n_threads,
                "products_per_s": round(size.n_served // 4 / ranked.seconds, 1),
                "products": f"{K}, by {K_IMAGES} images, before the database is asked which are there",
            },
        ),
        *times,
    ]


@dataclass(frozen=True)
class _Asked:
    seconds: float
    times_ms: list[float]


async def _ask(
    server: IndexServer, queries: FloatArray, n_clients: int, n: int, *, is_of_products: bool = False
) -> _Asked:
    """Have clients ask one query after another, n in all.

    Args:
        is_of_products: as a search by photo does (domain/embeddings/searching.py), but for what it asks the database.
    """
    numbers: Iterator[int] = iter(range(n))
    index = server.current
    assert index is not None
    times_ms = []

    async def ask() -> None:
        for number in numbers:
            row = number % len(queries)
            began_s = time.perf_counter()
            if is_of_products:
                best_of_products(index.hits(await server.search(queries[row : row + 1], K_IMAGES, index)), K)
            else:
                await server.search(queries[row : row + 1], K)
            times_ms.append(1e3 * (time.perf_counter() - began_s))

    started_s = time.perf_counter()
    await asyncio.gather(*(ask() for _ in range(n_clients)))
    return _Asked(time.perf_counter() - started_s, times_ms)


def _search_bare(index: object, queries: FloatArray, n: int) -> float:
    """Return how many queries a second FAISS answers by itself, batch after batch."""
    started_s = time.perf_counter()
    for start in range(0, n, MOST_AT_ONCE):
        row = start % (len(queries) - MOST_AT_ONCE + 1)
        index.search(queries[row : row + MOST_AT_ONCE], K)  # type: ignore[attr-defined]  # FAISS has no types
    return n / (time.perf_counter() - started_s)


def _times(clients: str, asked: _Asked, of_products: _Asked, details: dict[str, float | int | str]) -> BenchmarkReport:
    return BenchmarkReport(
        "index.p99",
        round(percentile(asked.times_ms, 99), 2),
        "ms",
        details={
            "clients": clients,
            "p50": f"{percentile(asked.times_ms, 50):.2f} ms",
            "slowest": f"{max(asked.times_ms):.1f} ms",
            "requests": len(asked.times_ms),
            "images": K,
            f"p99_of_{K_IMAGES}_images": f"{percentile(of_products.times_ms, 99):.2f} ms, products ranked by them",
            "database": "not asked",
            **details,
        },
    )


def _measure_exact(
    folder: Path, vectors: npt.NDArray[np.float16], queries: FloatArray, n_threads: int
) -> BenchmarkReport:
    """Compare how many queries a second an exact index answers in batches and one by one, in turns.

    On one thread, since a query alone is one thread's work: the ratio is what multiplying matrices is worth. What all
    threads make of a batch is beside it.
    """
    _build(folder, vectors, "exact", lambda share, step: None)
    index = PublishedIndex.open(folder)
    kinds = [(threads, n) for threads in (1, n_threads) for n in (MOST_AT_ONCE, 1)]
    rates: dict[tuple[int, int], list[float]] = {kind: [] for kind in kinds}
    for number in range(7):
        for threads, n in dict.fromkeys(kinds):
            use_threads(threads)
            started_s = time.perf_counter()
            for part in range(3):
                start = (number * 3 + part) * MOST_AT_ONCE
                index.search(queries[start : start + n], K)
            rates[threads, n].append(3 * n / (time.perf_counter() - started_s))
    use_threads(n_threads)
    medians = {kind: statistics.median(measured) for kind, measured in rates.items()}
    batch, one = medians[1, MOST_AT_ONCE], medians[1, 1]
    return BenchmarkReport(
        "index.exact_batch_rate",
        round(batch, 1),
        "queries/s",
        baseline=round(one, 1),
        ratio=round(batch / one, 2),
        details={
            "batch": MOST_AT_ONCE,
            "vectors": len(vectors),
            "dim": DIM,
            "threads": 1,
            "all_threads": n_threads,
            "all_threads_rate": round(medians[n_threads, MOST_AT_ONCE], 1),
            "all_threads_ratio": round(medians[n_threads, MOST_AT_ONCE] / medians[n_threads, 1], 2),
        },
    )


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
