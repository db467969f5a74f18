"""Candidates of a product in a large pool of photos, asked over HTTP, beside an exact look at every vector."""

import asyncio
import hashlib
import json
import random
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
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
Connection = psycopg.Connection[tuple[object, ...]]

N_VIEWS = 12
N_DECIDED = 200  # rejected photos of each asked product
SOURCES = ("basket", "shelf", "hand", "return", "rare")
SHARES = (0.6, 0.27, 0.09, 0.03, 0.01)
LIMIT = 50
PATH = "/api/v1/matching/candidates/{}?limit=50&threshold=-1"
BUILD_MEMORY = "SET maintenance_work_mem = '2GB'"


def run(
    folder: Path,
    *,
    pool: Pool | None = None,
    n_asked: int = 100,
    report: Callable[[float, str], None] = lambda fraction, step: None,
) -> list[BenchmarkReport]:
    """Measure time and recall of the first 50 candidates, without and with filters.

    Args:
        folder: a home of its own; one that was filled before is used as it is.
        n_asked: products that are asked about.
    """
    pool = pool or Pool()
    settings = Settings.for_home(folder)
    supervisor = Supervisor(settings, port=0)
    supervisor.start()
    with supervisor.watching():
        centres = pool.centres()
        with psycopg.connect(database_url(settings), autocommit=True) as connection:
            register_vector(connection)
            row = connection.execute("SELECT count(*) FROM (SELECT 1 FROM photo_embeddings LIMIT 1) p").fetchone()
            if row == (0,):
                fill(connection, pool, centres, n_asked, report)
        address = urlsplit(supervisor.url)
        key = (folder / CLI_KEY_FILE).read_text(encoding="utf-8")
        target = Target(str(address.hostname), int(address.port or 0), key)
        return [*_time(target, n_asked), _compare(target, pool, centres, n_asked)]


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
    connection.execute(
        "INSERT INTO match_decisions (product_id, photo_id, decision, tier, user_name)"
        " SELECT md5('product ' || p)::uuid, md5('photo ' || (hashint4(p * 1000 + g) & 2147483647) %% %s)::uuid,"
        " 'rejected', 'similarity', 'nobody' FROM generate_series(0, %s) p, generate_series(1, %s) g"
        " ON CONFLICT DO NOTHING",
        (pool.n_photos, n_asked - 1, N_DECIDED),
    )
    connection.execute(BUILD_MEMORY)
    connection.execute("SELECT make_graphs_of(%s, %s)", (encoder, pool.dim))
    connection.execute("VACUUM ANALYZE")


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
            chooser = random.Random(start + n)
            source = chooser.choices(SOURCES, SHARES)[0]
            taken = f"2026-{chooser.randint(1, 12):02d}-{chooser.randint(1, 28):02d}"
            key = f"real-images/{photo_id}"
            phash = chooser.getrandbits(63)
            copy.write_row(
                (photo_id, key, source, key, photo_id.hex * 2, 90_000, 600, 800, phash, photo_id, "unassigned", taken)
            )
    with connection.cursor().copy(
        "COPY photo_embeddings (encoder_id, photo_id, embedding, is_open, source) FROM STDIN (FORMAT BINARY)"
    ) as copy:
        copy.set_types(["uuid", "uuid", "vector", "bool", "text"])
        for photo_id, vector in zip(ids, block, strict=True):
            copy.write_row((encoder, photo_id, Vector(vector), True, ""))


def _time(target: Target, n_asked: int) -> list[BenchmarkReport]:
    asked = [PATH.format(_md5_id(f"product {number}")) for number in range(n_asked)]
    kinds = {
        "no filter": asked,
        "source of 60 %": [f"{path}&source=basket" for path in asked],
        "source of 9 %": [f"{path}&source=hand" for path in asked],
        "source of 3 %": [f"{path}&source=return" for path in asked],
        "source of 1 %": [f"{path}&source=rare" for path in asked],
        "half of the year": [f"{path}&captured_since=2026-07-01T00:00:00Z" for path in asked],
    }
    asyncio.run(time_one_by_one(target, asked))  # as in a platform that has run for a while
    reports = []
    for kind, paths in kinds.items():
        times_ms = asyncio.run(time_one_by_one(target, paths * 2))
        reports.append(
            BenchmarkReport(
                "candidates.p99",
                round(percentile(times_ms, 99), 1),
                "ms",
                details={"filter": kind, "p50": f"{percentile(times_ms, 50):.1f} ms", "requests": len(times_ms)},
            )
        )
    return reports


def _compare(target: Target, pool: Pool, centres: FloatArray, n_asked: int) -> BenchmarkReport:
    """Return how many of the 50 best of all photos, those decided about left out, the answers hold."""
    chooser = np.random.default_rng(17)
    views = np.stack([around(centres[:n_asked], VIEW_NOISE, chooser) for _ in range(N_VIEWS)], axis=1)
    similarities = np.empty((n_asked, pool.n_photos), dtype=np.float32)
    start = 0
    for block in pool.photos(centres):
        flat = views.reshape(-1, pool.dim) @ block.T
        similarities[:, start : start + len(block)] = flat.reshape(n_asked, N_VIEWS, -1).max(axis=1)
        start += len(block)
    numbers = {str(_md5_id(f"photo {number}")): number for number in range(pool.n_photos)}
    answers = asyncio.run(_ask(target, [PATH.format(_md5_id(f"product {n}")) for n in range(n_asked)]))
    recalls = []
    for product, found in enumerate(answers):
        decided = asyncio.run(_ask(target, [f"/api/v1/matching/decisions/{_md5_id(f'product {product}')}"]))[0]
        similarities[product, [numbers[row["photo_id"]] for row in decided]] = -2
        best = set(np.argpartition(-similarities[product], LIMIT)[:LIMIT].tolist())
        recalls.append(len(best & {numbers[row["id"]] for row in found}) / LIMIT)
    return BenchmarkReport(
        "candidates.recall_at_50",
        round(float(np.mean(recalls)), 4),
        "share",
        details={"least": round(min(recalls), 3), "photos": pool.n_photos, "dim": pool.dim, "products": n_asked},
    )


async def _ask(target: Target, paths: Iterable[str]) -> list[list[dict[str, str]]]:
    connection = await target.connect()
    answers = [json.loads((await connection.get(path))[1]) for path in paths]
    connection.close()
    return answers


def _md5_id(text: str) -> uuid.UUID:
    return uuid.UUID(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest())
