"""Many people who edit the same products at once: every acknowledged edit must be in what is left."""

import asyncio
import random
import time
import uuid
from pathlib import Path

from buybuddy.benchmarks.report import BenchmarkReport
from buybuddy.domain.products import repository, service
from buybuddy.domain.products.schemas import ProductEdit
from buybuddy.domain.products.tables import Product
from buybuddy.infra.db import Actor, Database, new_id
from buybuddy.infra.db.migrate import upgrade_schema
from buybuddy.infra.embedded_postgres import EmbeddedPostgres


def run(folder: Path, *, n_edits: int = 100_000, n_clients: int = 32, n_products: int = 200) -> list[BenchmarkReport]:
    """Count up a number in products, read and written through versioned edits, and compare the sum with the edits.

    Args:
        folder: an empty folder for a database of its own.
    """
    with EmbeddedPostgres(folder) as postgres:
        dsn = postgres.start().url
        upgrade_schema(dsn)
        return asyncio.run(_measure(dsn, n_edits, n_clients, n_products))


async def _measure(dsn: str, n_edits: int, n_clients: int, n_products: int) -> list[BenchmarkReport]:
    db = Database(dsn, pool_size=n_clients // 2)
    ids = [new_id() for _ in range(n_products)]
    async with db.transaction() as session:
        session.add_all(Product(id=product_id, status="pending", net_quantity="0") for product_id in ids)
    left = iter(range(n_edits))
    n_stale = 0

    async def edit_some(client: int) -> None:
        nonlocal n_stale
        chooser = random.Random(client)
        for _ in left:
            while not await _count_up(db, chooser.choice(ids)):
                n_stale += 1

    started_s = time.perf_counter()
    async with asyncio.TaskGroup() as clients:
        for client in range(n_clients):
            clients.create_task(edit_some(client))
    seconds = time.perf_counter() - started_s
    async with db.transaction() as session:
        products = [await repository.find_product(session, product_id) for product_id in ids]
    n_kept = sum(int(product.net_quantity or 0) for product in products if product is not None)
    n_versions = sum(product.version - 1 for product in products if product is not None)
    await db.close()
    details = {
        "edits": n_edits,
        "clients": n_clients,
        "products": n_products,
        "stale, asked again": n_stale,
        "versions moved": n_versions,
        "edits/s": round(n_edits / seconds, 1),
    }
    return [BenchmarkReport("edits.lost_updates", n_edits - n_kept, "edits", details=details)]


async def _count_up(db: Database, product_id: uuid.UUID) -> bool:
    """Read a product, then write one more than was read; False when somebody was faster."""
    async with db.transaction() as session:
        product = await repository.find_product(session, product_id)
    if product is None:
        return False
    edit = ProductEdit(net_quantity=str(int(product.net_quantity or 0) + 1))
    try:
        async with db.transaction() as session:
            await service.edit_product(session, product_id, edit, product.version, Actor.platform())
    except service.StaleVersion:
        return False
    return True
