"""The plain way to answer a page of products: FastAPI, psycopg, one statement, typed rows, no sign-in."""

import argparse
import datetime as dt
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel

STATEMENT = """
SELECT p.id, (SELECT barcode FROM product_barcodes b WHERE b.product_id = p.id AND is_primary) AS barcode,
    ARRAY(SELECT barcode FROM product_barcodes b WHERE b.product_id = p.id) AS barcodes,
    p.brand_name, p.sub_brand, p.product_name, p.variant_flavor, p.category, p.container_type, p.net_quantity, p.status,
    p.frame_count, p.real_count, p.augmented_count, p.visibility_score, '/media/' || i.storage_key AS primary_image_url,
    '/media/' || i.thumbnail_key AS thumbnail_url, p.version, p.created_at, p.updated_at
FROM products p LEFT JOIN product_images i ON i.id = p.primary_image_id
ORDER BY p.created_at DESC, p.id DESC LIMIT 50
"""


class BareRow(BaseModel):
    id: uuid.UUID
    barcode: str | None
    barcodes: list[str]
    brand_name: str | None
    sub_brand: str | None
    product_name: str | None
    variant_flavor: str | None
    category: str | None
    container_type: str | None
    net_quantity: str | None
    status: str
    frame_count: int
    real_count: int
    augmented_count: int
    visibility_score: int | None
    primary_image_url: str | None
    thumbnail_url: str | None
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime


class BarePage(BaseModel):
    items: list[BareRow]


def create_bare_app(dsn: str) -> FastAPI:
    """Build it for a database."""
    pool = AsyncConnectionPool(dsn, min_size=10, max_size=20, open=False)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await pool.open()
        yield
        await pool.close()

    app = FastAPI(lifespan=lifespan)

    @app.get("/products")
    async def list_products() -> BarePage:
        async with pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(STATEMENT)
            return BarePage(items=[BareRow.model_validate(row) for row in await cursor.fetchall()])

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dsn")
    parser.add_argument("port", type=int)
    arguments = parser.parse_args()
    uvicorn.run(create_bare_app(arguments.dsn), port=arguments.port, access_log=False, log_level="warning")
