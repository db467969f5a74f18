"""Every query about imports: a batch of rows in each."""

import datetime as dt
import json
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Text, Uuid, any_, cast, delete, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from buybuddy.domain.products.bulk.rules import TEXT_FIELDS, WRITABLE
from buybuddy.domain.products.imports.tables import ProductImport, ProductImportRow
from buybuddy.domain.products.tables import Product, ProductBarcode
from buybuddy.infra.db import Session
from buybuddy.infra.db.pages import Count, Order, Slice, Window, read_page

IN_FILE_ORDER = Order("row_no", (ProductImportRow.row_no,))
COMPARED = (
    Product.id, Product.version, Product.barcodes, *(getattr(Product, name) for name in WRITABLE)
)  # fmt: skip

_ADD_ROWS = text("""
    INSERT INTO product_import_rows
        (import_id, row_no, kind, label, product_id, version, before, changes, barcodes, errors)
    SELECT :import_id, c.row_no, c.kind, c.label, c.product_id, c.version, c.before, c.changes,
        ARRAY(SELECT jsonb_array_elements_text(c.barcodes)), c.errors
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS c (row_no int, kind text, label text, product_id uuid,
        version int, before jsonb, changes jsonb, barcodes jsonb, errors jsonb)
""")
_NOTE_OUTCOMES = text("""
    UPDATE product_import_rows r SET outcome = c.outcome, reason = c.reason, product_id = c.product_id
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS c (row_no int, outcome text, reason text, product_id uuid)
    WHERE r.import_id = :import_id AND r.row_no = c.row_no
""")
_TEXTS = ", ".join(TEXT_FIELDS)
_TEXTS_OF_ROW = ", ".join(f"c.changes->>'{name}'" for name in TEXT_FIELDS)
_ADD_PRODUCTS = text(f"""
    INSERT INTO products (id, {_TEXTS}, status, barcodes, edited_fields)
    SELECT c.id, {_TEXTS_OF_ROW}, coalesce(c.changes->>'status', 'pending'),
        ARRAY(SELECT jsonb_array_elements_text(c.barcodes)),
        ARRAY(SELECT jsonb_object_keys(c.changes) EXCEPT SELECT CAST('status' AS text) ORDER BY 1)
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS c (id uuid, changes jsonb, barcodes jsonb)
""")
_ADD_BARCODES = text("""
    INSERT INTO product_barcodes (barcode, product_id, is_primary)
    SELECT c.barcode, c.product_id, c.is_primary
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS c (barcode text, product_id uuid, is_primary boolean)
    ON CONFLICT (barcode) DO NOTHING RETURNING barcode
""")


async def owners_of(session: Session, barcodes: Sequence[str]) -> dict[str, uuid.UUID]:
    """Return whose each barcode is, for those that are somebody's."""
    owned = ProductBarcode.barcode == any_(cast(list(barcodes), ARRAY(Text)))
    statement = select(ProductBarcode.barcode, ProductBarcode.product_id).where(owned)
    return {row.barcode: row.product_id for row in await session.execute(statement)}


async def products_by_id(session: Session, product_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Row[Any]]:
    """Return what rows of a file are compared with."""
    rows = await session.execute(select(*COMPARED).where(Product.id == any_(cast(list(product_ids), ARRAY(Uuid)))))
    return {row.id: row for row in rows}


async def add_rows(session: Session, import_id: uuid.UUID, rows: Sequence[dict[str, object]]) -> None:
    await session.execute(_ADD_ROWS, {"import_id": import_id, "rows": json.dumps(rows)})


async def find_import(session: Session, import_id: uuid.UUID) -> ProductImport | None:
    return await session.get(ProductImport, import_id)


async def lock_import(session: Session, import_id: uuid.UUID) -> ProductImport | None:
    return await session.scalar(select(ProductImport).where(ProductImport.id == import_id).with_for_update())


async def first_rows(session: Session, import_id: uuid.UUID, kind: str, limit: int) -> Sequence[ProductImportRow]:
    statement = select(ProductImportRow).where(ProductImportRow.import_id == import_id, ProductImportRow.kind == kind)
    return (await session.scalars(statement.order_by(ProductImportRow.row_no).limit(limit))).all()


async def count_errors(session: Session, import_id: uuid.UUID) -> int:
    n_of_row = func.jsonb_array_length(ProductImportRow.errors)
    statement = select(func.sum(n_of_row)).where(
        ProductImportRow.import_id == import_id, ProductImportRow.kind == "error"
    )
    return int(await session.scalar(statement) or 0)


async def list_rows(
    session: Session, import_id: uuid.UUID, *, kind: str | None, outcome: str | None, window: Window, total: int | None
) -> Slice[ProductImportRow]:
    """Return one page of a file's rows, in its order."""
    statement = select(ProductImportRow).where(ProductImportRow.import_id == import_id)
    if kind:
        statement = statement.where(ProductImportRow.kind == kind)
    if outcome:
        statement = statement.where(ProductImportRow.outcome == outcome)
    count = Count(total) if total is not None and outcome is None else None
    return await read_page(session, statement, IN_FILE_ORDER, window, count=count)


async def next_rows(
    session: Session, import_id: uuid.UUID, after_row_no: int, limit: int
) -> Sequence[ProductImportRow]:
    """Return the next rows that are to be applied and have not been."""
    statement = select(ProductImportRow).where(
        ProductImportRow.import_id == import_id,
        ProductImportRow.row_no > after_row_no,
        ProductImportRow.kind.in_(("create", "update")),
        ProductImportRow.outcome.is_(None),
    )
    return (await session.scalars(statement.order_by(ProductImportRow.row_no).limit(limit))).all()


async def add_products(
    session: Session, changes: dict[uuid.UUID, dict[str, object]], barcodes: dict[uuid.UUID, list[str]]
) -> None:
    """Add products, each already carrying the barcodes that add_barcodes is to give it, so that it is written once."""
    rows = [
        {"id": str(product_id), "changes": values, "barcodes": [*codes[:1], *sorted(codes[1:])]}
        for product_id, values in changes.items()
        for codes in [barcodes[product_id]]
    ]
    await session.execute(_ADD_PRODUCTS, {"rows": json.dumps(rows)})


async def remove_created(session: Session, product_ids: Sequence[uuid.UUID]) -> None:
    await session.execute(delete(Product).where(Product.id.in_(product_ids)))


async def add_barcodes(session: Session, barcodes: dict[uuid.UUID, list[str]], *, first_is_primary: bool) -> set[str]:
    """Give products barcodes and return those that somebody else has taken at the same moment."""
    values = sorted(
        (code, product_id, first_is_primary and index == 0)
        for product_id, codes in barcodes.items()
        for index, code in enumerate(codes)
    )  # in one order for everybody, so that no two transactions wait for each other's codes in a circle
    rows = [{"barcode": code, "product_id": str(one), "is_primary": is_primary} for code, one, is_primary in values]
    given = set(await session.scalars(_ADD_BARCODES, {"rows": json.dumps(rows)}))
    return {code for code, _, _ in values} - given


async def without_barcode(session: Session, product_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Return those of the products that have no primary barcode yet."""
    having = select(ProductBarcode.product_id).where(
        ProductBarcode.product_id.in_(product_ids), ProductBarcode.is_primary
    )
    return set(product_ids) - set(await session.scalars(having))


async def note_outcomes(session: Session, import_id: uuid.UUID, rows: Sequence[dict[str, object]]) -> None:
    await session.execute(_NOTE_OUTCOMES, {"import_id": import_id, "rows": json.dumps(rows)})


async def oldest_import(session: Session, older_than: dt.timedelta) -> ProductImport | None:
    """Return an import that is old enough to be forgotten, its row locked."""
    limit = func.clock_timestamp() - older_than
    statement = select(ProductImport).where(ProductImport.created_at < limit).order_by(ProductImport.created_at)
    return await session.scalar(statement.limit(1).with_for_update(skip_locked=True))
