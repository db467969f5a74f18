"""Exports of products: archives of their images, CSV and JSON, made row by row from one snapshot."""

import csv
import io
import re
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import PurePosixPath
from typing import Any, Literal

from sqlalchemy import Row

from buybuddy.domain.products.exports import repository
from buybuddy.domain.products.exports.repository import Chosen
from buybuddy.domain.products.exports.schemas import ImageExport, ProductExport
from buybuddy.domain.products.lists.filters import ProductFilters
from buybuddy.errors import InvalidInput, NotFound
from buybuddy.infra.db import Actor, Database, Session, Subject, record_audit
from buybuddy.infra.storage import ObjectStorage
from buybuddy.infra.storage.zip_stream import ZipEntry, one_ahead, stream_zip

ExportFormat = Literal["zip", "csv", "json", "ndjson"]

MOST_IMAGES = 100_000  # an archive's directory is held until its end: half a kilobyte a file
UNKNOWN_NAMED = 20
CSV_HEADER = ("id", "barcode", "brand_name", "product_name", "category", "status", "frame_count", "created_at")
# A spreadsheet takes such a cell for a formula; after ; or a line break too, where it splits cells at ;
_FORMULA = re.compile(r"(^|[;\t\r\n])(?=[=+\-@\t\r\n])")
_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")


class ArchiveTooLarge(InvalidInput):
    """More images than one archive takes."""

    code = "ARCHIVE_TOO_LARGE"
    http_status = 422


async def begin_export(db: Database, chosen: Chosen, export_format: ExportFormat, actor: Actor) -> None:
    """Check that an export can be made and write down who makes it. Raises: NotFound, ArchiveTooLarge."""
    async with db.transaction() as session:
        if not isinstance(chosen, ProductFilters) and (unknown := await repository.find_unknown(session, chosen)):
            named = [str(product_id) for product_id in unknown[:UNKNOWN_NAMED]]
            raise NotFound(f"{len(unknown)} of these products do not exist.", product_ids=named)
        size = await repository.measure(session, chosen)
        if export_format == "zip" and size.n_images > MOST_IMAGES:
            raise ArchiveTooLarge(
                f"{size.n_images} images are too many for one archive, which takes {MOST_IMAGES}; narrow the filters.",
                n_images=size.n_images,
                limit=MOST_IMAGES,
            )
        filters = chosen.model_dump(exclude_none=True) if isinstance(chosen, ProductFilters) else None
        after: dict[str, object] = {"format": export_format, "n_products": size.n_products, "filters": filters}
        record_audit(
            session, actor, "product.export", Subject("product", None, f"{size.n_products} products"), after=after
        )


def stream_csv(db: Database, chosen: Chosen) -> AsyncGenerator[bytes, None]:
    """Return the chunks of a CSV for spreadsheets: UTF-8 with a byte order mark, CRLF, no cell a formula."""
    return one_ahead(_csv_chunks(db, chosen))


def stream_json(db: Database, chosen: Chosen, *, is_lines: bool) -> AsyncGenerator[bytes, None]:
    """Return the chunks of a JSON array, or of one object a line."""
    return one_ahead(_json_chunks(db, chosen, is_lines))


def stream_archive(
    db: Database, storage: ObjectStorage, chosen: Chosen, *, has_folders: bool = True
) -> AsyncGenerator[bytes, None]:
    """Return the chunks of a ZIP of images and metadata.json, each product in a folder of its own or all at the top."""
    return stream_zip(storage, _archive_entries(db, chosen, has_folders))


async def _csv_chunks(db: Database, chosen: Chosen) -> AsyncGenerator[bytes, None]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)  # its line end is CRLF
    writer.writerow(CSV_HEADER)
    yield "\ufeff".encode() + _taken(buffer)
    async with (
        repository.open_snapshot(db) as session,
        aclosing(repository.stream_products(session, chosen, repository.CSV_COLUMNS)) as parts,
    ):
        async for part in parts:
            writer.writerows(_csv_cells(row) for row in part)
            yield _taken(buffer)


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode()


def _csv_cells(row: Row[Any]) -> tuple[str, ...]:
    texts = (row.barcodes[0] if row.barcodes else "", row.brand_name, row.product_name, row.category)
    defused_texts = (defused(text or "") for text in texts)
    return (str(row.id), *defused_texts, row.status, str(row.frame_count), row.created_at.isoformat())


def defused(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: what would begin one gets an apostrophe before it."""
    return _FORMULA.sub(r"\1'", cell)


async def _json_chunks(db: Database, chosen: Chosen, is_lines: bool) -> AsyncGenerator[bytes, None]:
    before, between, after = (b"", b"\n", b"\n") if is_lines else (b"[\n", b",\n", b"\n]\n")
    n_written = 0
    async with (
        repository.open_snapshot(db) as session,
        aclosing(repository.stream_products(session, chosen, repository.PRODUCT_COLUMNS)) as parts,
    ):
        async for part in parts:
            objects = between.join(ProductExport.from_row(row).model_dump_json().encode() for row in part)
            yield (between if n_written else before) + objects
            n_written += len(part)
    yield after if n_written else (b"" if is_lines else b"[]\n")


async def _archive_entries(db: Database, chosen: Chosen, has_folders: bool) -> AsyncGenerator[ZipEntry, None]:
    async with (
        repository.open_snapshot(db) as session,
        aclosing(repository.stream_products(session, chosen, repository.PRODUCT_COLUMNS)) as parts,
    ):
        async for part in parts:
            for row in part:
                folder = f"{row.id}/" if has_folders else ""
                async with aclosing(_product_entries(session, row, folder)) as entries:
                    async for entry in entries:
                        yield entry


async def _product_entries(session: Session, row: Row[Any], folder: str) -> AsyncGenerator[ZipEntry, None]:
    """Yield a product's images and mattes, then its metadata.json, which says of each file what it is."""
    described: list[bytes] = []
    if row.frame_count or row.real_count or row.augmented_count:
        async with aclosing(repository.stream_images(session, row.id)) as parts:
            async for part in parts:
                for image in part:
                    for entry in _image_entries(image, folder):
                        yield entry
                    described.append(_describe(image).model_dump_json().encode())
    product = ProductExport.from_row(row).model_dump_json().encode()
    images = b",\n".join(described)
    yield ZipEntry(f"{folder}metadata.json", data=b'{"product": %b,\n"images": [\n%b\n]}\n' % (product, images))


def _image_entries(image: Row[Any], folder: str) -> Sequence[ZipEntry]:
    entries = [
        ZipEntry(
            folder + image_file(image.image_type, image.frame_index, image.id, image.storage_key), image.storage_key
        )
    ]
    if image.matte_key is not None:
        entries.append(
            ZipEntry(folder + image_file("mattes", image.frame_index, image.id, image.matte_key), image.matte_key)
        )
    return entries


def _describe(image: Row[Any]) -> ImageExport:
    values = dict(image._mapping)
    key, matte_key = values.pop("storage_key"), values.pop("matte_key")
    file = image_file(image.image_type, image.frame_index, image.id, key)
    matte_file = image_file("mattes", image.frame_index, image.id, matte_key) if matte_key is not None else None
    return ImageExport.model_construct(**values, file=file, matte_file=matte_file)


def image_file(folder: str, frame_index: int | None, image_id: uuid.UUID, key: str) -> str:
    """Return an image's path in an archive: nothing in it was typed by anybody."""
    suffix = PurePosixPath(key).suffix.lower()
    number = f"{frame_index:05d}-" if frame_index is not None else ""
    return f"{folder}/{number}{image_id}{suffix if _SUFFIX.fullmatch(suffix) else ''}"
