"""Candidates of a product in a large pool of photos, asked over HTTP, beside an exact look at every vector.

Of each asked product the photos that are nearest to it have been rejected, as by a person who has gone through its
candidates from the first one on: its own photos and those of its category, which a search then has to pass.
"""

import asyncio
import hashlib
import json
import random
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import psycopg
from pgvector import Vector
from pgvector.psycopg import register_vector

from buybuddy.benchmarks.http_load import Target, percentile, time_one_by_one
from buybuddy.benchmarks.pool import VIEW_NOISE, Pool, around
from buybuddy.benchmarks.report import BenchmarkReport
from buybuddy.connections import database_url
from buybuddy.settings import Settings
from buybuddy.supervisor import CLI_KEY_FILE, Supervisor

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
Connection = psycopg.Connection[tuple[object, ...]]

N_VIEWS = 12
N_DECIDED = 200  # rejected photos of each asked product, the nearest ones
SOURCES = ("basket", "shelf", "hand", "return", "rare")
SHARES = (0.6, 0.27, 0.09, 0.03, 0.01)
LIMIT = 50
LEFT_OUT = -2.0  # less than any similarity
PATH = "/api/v1/matching/candidates/{}?limit=50&threshold=-1"
BUILD_MEMORY = "SET maintenance_work_mem = '2GB'"
REJECTED = "SELECT * FROM unnest(%s::uuid[], %s::uuid[]) AS w (product_id, photo_id)"


class Drawn(NamedTuple):
    """What is drawn of a photo by its number; `taken` is a day, as ISO 8601 has it."""

    source: str
    taken: str
    phash: int


@dataclass(frozen=True)
class Filter:
    """What a request may be narrowed down by.

    Args:
        name: of the figure of its recall.
        title: what it is called in the reports of times.
        query: what a request has in addition.
    """

    name: str
    title: str
    query: str = ""
    source: str | None = None
    since: str | None = None

    def fits(self, photo: Drawn) -> bool:
        return self.source in (None, photo.source) and (self.since is None or photo.taken >= self.since)


NO_FILTER = Filter("recall_at_50", "no filter")
FILTERS = (
    *(
        Filter(f"recall_{source}", f"source of {share} %", f"&source={source}", source=source)
        for source, share in (("basket", 60), ("hand", 9), ("return", 3), ("rare", 1))
    ),
    Filter("recall_half_year", "half of the year", "&captured_since=2026-07-01T00:00:00Z", since="2026-07-01"),
)


def run(
    folder: Path,
    *,
    pool: Pool | None = None,
    n_asked: int = 100,
    report: Callable[[float, str], None] = lambda fraction, step: None,
) -> list[BenchmarkReport]:
    """Measure time and recall of the first 50 candidates, without and with filters.

    Args:
        folder: a home of its own; the pool of one that was filled before is used as it is.
        n_asked: products that are asked about.
    """
    pool = pool or Pool()
    centres = pool.centres()
    similarities = _compare_all(pool, centres, n_asked)
    rejected = choose_rejected(similarities)
    settings = Settings.for_home(folder)
    supervisor = Supervisor(settings, port=0)
    supervisor.start()
    with supervisor.watching():
        with psycopg.connect(database_url(settings), autocommit=True) as connection:
            register_vector(connection)
            row = connection.execute("SELECT count(*) FROM (SELECT 1 FROM photo_embeddings LIMIT 1) p").fetchone()
            if row == (0,):
                fill(connection, pool, centres, n_asked, report)
            _reject(connection, rejected)
        address = urlsplit(supervisor.url)
        key = (folder / CLI_KEY_FILE).read_text(encoding="utf-8")
        target = Target(str(address.hostname), int(address.port or 0), key)
        return [*_time(target, n_asked), *_measure_recall(target, pool, similarities, rejected)]


def fill(
    connection: Connection, pool: Pool, centres: FloatArray, n_asked: int, report: Callable[[float, str], None]
) -> None:
    """Put the pool and the asked products into the database; the graph is built once all vectors are in."""
    encoder = uuid.uuid5(uuid.NAMESPACE_OID, "bench encoder")
    connection.execute(
        "INSERT INTO encoders (id, name, weights_sha256, preprocessing, dim, is_serving)"
        " VALUES (%s, 'made-up', 'none', 'none/1', %s, true)",
        (encoder, pool.dim),
    )
    suffix = encoder.hex
    connection.execute(f"DROP INDEX photo_graph_{suffix}, image_graph_{suffix}".encode())
    _add_products(connection, encoder, centres[:n_asked])
    n_done = 0
    for block in pool.photos(centres):
        _add_photos(connection, encoder, n_done, block)
        n_done += len(block)
        report(0.5 * n_done / pool.n_photos, f"{n_done} photos")
    connection.execute(BUILD_MEMORY)
    connection.execute("SELECT make_graphs_of(%s, %s)", (encoder, pool.dim))
    connection.execute("VACUUM ANALYZE")


def choose_rejected(similarities: FloatArray) -> list[IntArray]:
    """Return the numbers of the photos that are rejected for each product: the nearest N_DECIDED.

    Args:
        similarities: (n_asked, n_photos), each product's best view of each photo.
    """
    n = min(N_DECIDED, similarities.shape[1] - 1)
    return [np.argpartition(-of_all, n)[:n] for of_all in similarities]


def _reject(connection: Connection, rejected: list[IntArray]) -> None:
    """Have these photos be all that was decided about; a home where they are already is left in peace."""
    wanted = (
        [_md5_id(f"product {product}") for product, photos in enumerate(rejected) for _ in photos],
        [_md5_id(f"photo {photo}") for photos in rejected for photo in photos],
    )
    there = connection.execute(
        "SELECT count(*), count(w.photo_id) FROM match_decisions d"
        f" LEFT JOIN ({REJECTED}) w USING (product_id, photo_id)",
        wanted,
    ).fetchone()
    if there == (len(wanted[0]), len(wanted[0])):
        return
    connection.execute("DELETE FROM match_decisions")
    connection.execute(
        "INSERT INTO match_decisions (product_id, photo_id, decision, tier, user_name)"
        f" SELECT product_id, photo_id, 'rejected', 'similarity', 'nobody' FROM ({REJECTED}) w",
        wanted,
    )
    connection.execute("VACUUM ANALYZE match_decisions")


def _add_products(connection: Connection, encoder: uuid.UUID, centres: FloatArray) -> None:
    chooser = np.random.default_rng(17)
    connection.execute(
        "INSERT INTO products (id, product_name, status) SELECT md5('product ' || g)::uuid, 'product ' || g,"
        " 'needs_matching' FROM generate_series(0, %s) g",
        (len(centres) - 1,),
    )
    connection.execute(
        "INSERT INTO product_images (id, product_id, image_type, source, storage_key, width_px, height_px, size_bytes,"
        " sha256) SELECT md5('view ' || p || ' ' || v)::uuid, md5('product ' || p)::uuid, 'synthetic', 'upload',"
        " 'frames/' || p || '/' || v, 518, 518, 1000, md5(p || ' ' || v)"
        " FROM generate_series(0, %s) p, generate_series(0, %s) v",
        (len(centres) - 1, N_VIEWS - 1),
    )
    with connection.cursor().copy(
        "COPY image_embeddings (encoder_id, image_id, embedding) FROM STDIN (FORMAT BINARY)"
    ) as copy:
        copy.set_types(["uuid", "uuid", "vector"])
        for number in range(N_VIEWS):
            for product, vector in enumerate(around(centres, VIEW_NOISE, chooser)):
                copy.write_row((encoder, _md5_id(f"view {product} {number}"), Vector(vector)))


def _add_photos(connection: Connection, encoder: uuid.UUID, start: int, block: FloatArray) -> None:
    ids = [_md5_id(f"photo {start + n}") for n in range(len(block))]
    with connection.cursor().copy(
        "COPY real_images (id, name, source, storage_key, sha256, size_bytes, width_px, height_px, phash, group_id,"
        " status, captured_at) FROM STDIN"
    ) as copy:
        for n, photo_id in enumerate(ids):
            drawn = _draw(start + n)
            key = f"real-images/{photo_id}"
            copy.write_row(
                (
                    photo_id, key, drawn.source, key, photo_id.hex * 2, 90_000, 600, 800, drawn.phash, photo_id,
                    "unassigned", f"{drawn.taken}T00:00:00Z",
                )
            )  # fmt: skip
    with connection.cursor().copy(
        "COPY photo_embeddings (encoder_id, photo_id, embedding, is_open, source) FROM STDIN (FORMAT BINARY)"
    ) as copy:
        copy.set_types(["uuid", "uuid", "vector", "bool", "text"])
        for photo_id, vector in zip(ids, block, strict=True):
            copy.write_row((encoder, photo_id, Vector(vector), True, ""))


def _time(target: Target, n_asked: int) -> list[BenchmarkReport]:
    asked = [PATH.format(_md5_id(f"product {number}")) for number in range(n_asked)]
    asyncio.run(time_one_by_one(target, asked))  # as in a platform that has run for a while
    reports = []
    for kind in (NO_FILTER, *FILTERS):
        times_ms = asyncio.run(time_one_by_one(target, [f"{path}{kind.query}" for path in asked] * 2))
        reports.append(
            BenchmarkReport(
                "candidates.p99",
                round(percentile(times_ms, 99), 1),
                "ms",
                details={"filter": kind.title, "p50": f"{percentile(times_ms, 50):.1f} ms", "requests": len(times_ms)},
            )
        )
    return reports


def _compare_all(pool: Pool, centres: FloatArray, n_asked: int) -> FloatArray:
    """Return how similar each photo is to the best view of each asked product: (n_asked, n_photos)."""
    chooser = np.random.default_rng(17)
    views = np.stack([around(centres[:n_asked], VIEW_NOISE, chooser) for _ in range(N_VIEWS)], axis=1)
    similarities = np.empty((n_asked, pool.n_photos), dtype=np.float32)
    start = 0
    for block in pool.photos(centres):
        flat = views.reshape(-1, pool.dim) @ block.T
        similarities[:, start : start + len(block)] = flat.reshape(n_asked, N_VIEWS, -1).max(axis=1)
        start += len(block)
    return similarities


def _measure_recall(
    target: Target, pool: Pool, similarities: FloatArray, rejected: list[IntArray]
) -> list[BenchmarkReport]:
    """Return how many of the 50 best photos that fit, those decided about left out, the answers hold."""
    for of_all, decided in zip(similarities, rejected, strict=True):
        of_all[decided] = LEFT_OUT
    numbers = {str(_md5_id(f"photo {number}")): number for number in range(pool.n_photos)}
    drawn = [_draw(number) for number in range(pool.n_photos)]
    reports = []
    for kind in (NO_FILTER, *FILTERS):
        fits = np.array([kind.fits(photo) for photo in drawn])
        asked = [f"{PATH.format(_md5_id(f'product {n}'))}{kind.query}" for n in range(len(similarities))]
        answers = asyncio.run(_ask(target, asked))
        recalls = []
        for of_all, found in zip(similarities, answers, strict=True):
            best = choose_best(of_all, fits)
            recalls.append(len(best & {numbers[row["id"]] for row in found}) / max(len(best), 1))
        reports.append(
            BenchmarkReport(
                f"candidates.{kind.name}",
                round(float(np.mean(recalls)), 4),
                "share",
                details={
                    "filter": kind.title,
                    "least": round(min(recalls), 3),
                    "photos": pool.n_photos,
                    "photos_that_fit": int(fits.sum()),
                    "nearest_rejected": N_DECIDED,
                    "dim": pool.dim,
                    "products": len(recalls),
                },
            )
        )
    return reports


def choose_best(similarities: FloatArray, fits: npt.NDArray[np.bool_]) -> set[int]:
    """Return the numbers of the LIMIT photos that are nearest of those that fit and were not decided about.

    Args:
        similarities: (n_photos,); LEFT_OUT where a photo was decided about.
    """
    there = np.flatnonzero(fits & (similarities > LEFT_OUT))
    return set(there[np.argsort(-similarities[there], kind="stable")[:LIMIT]].tolist())


async def _ask(target: Target, paths: Iterable[str]) -> list[list[dict[str, str]]]:
    connection = await target.connect()
    answers = [json.loads((await connection.get(path))[1]) for path in paths]
    connection.close()
    return answers


def _draw(number: int) -> Drawn:
    """Return what is drawn of a photo by its number, always the same."""
    chooser = random.Random(number)
    source = chooser.choices(SOURCES, SHARES)[0]
    taken = f"2026-{chooser.randint(1, 12):02d}-{chooser.randint(1, 28):02d}"
    return Drawn(source, taken, chooser.getrandbits(63))


def _md5_id(text: str) -> uuid.UUID:
    return uuid.UUID(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest())
