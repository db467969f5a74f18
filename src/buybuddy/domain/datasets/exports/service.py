"""Exporting a dataset: a frozen version, or its present state, as one streamed ZIP archive."""

import asyncio
import json
import tempfile
import uuid
from collections.abc import AsyncGenerator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import assert_never

from buybuddy.domain.datasets import service
from buybuddy.domain.datasets.exports.layouts import (
    Coco,
    FinishedFile,
    HuggingFace,
    ImageFolder,
    Labelled,
    Layout,
    MetricLearning,
    MissingTable,
    ProductTable,
)
from buybuddy.domain.datasets.exports.parquet_layout import ParquetShards
from buybuddy.domain.datasets.rules import ExportFormat, SplitPlan
from buybuddy.domain.datasets.versions import service as versions
from buybuddy.domain.datasets.versions.manifests import ManifestImage, read_manifest
from buybuddy.domain.datasets.versions.service import Manifest
from buybuddy.errors import NotFound
from buybuddy.infra.db import Actor, Database, Subject, new_id, record_audit, throw_away
from buybuddy.infra.storage import ObjectStorage, object_key
from buybuddy.infra.storage.zip_stream import ZipEntry, stream_zip

IMAGES_AT_ONCE = 512
LOOKS_AT_ONCE = 16
SENT_WHOLE_UP_TO_BYTES = 1024 * 1024
PORTION_BYTES = 32 * 1024 * 1024
STAGED_FOR_S = 24 * 3600.0


class Inventory:
    """Looks which images are there, and numbers the products as they come: a manifest always gives the same numbers."""

    def __init__(self, storage: ObjectStorage, folder: Path) -> None:
        self.products, self.missing = ProductTable(folder), MissingTable(folder)
        self.n_images = self.n_products = 0
        self._storage = storage
        self._last_product_id: str | None = None

    def take(self, images: Sequence[ManifestImage]) -> list[Labelled]:
        """Return the images that storage has; the others are noted. Blocking. Raises: Unavailable."""
        if self._storage.local_root is not None:
            looks = [self._is_there(image) for image in images]
        else:
            with ThreadPoolExecutor(LOOKS_AT_ONCE, thread_name_prefix="export-look") as pool:
                looks = list(pool.map(self._is_there, images))
        present = []
        for image, is_there in zip(images, looks, strict=True):
            if image.product_id != self._last_product_id:
                self._last_product_id = image.product_id
                self.n_products += 1
            if is_there:
                present.append(Labelled(image, self.n_products - 1))
            else:
                self.missing.add(image)
        self.n_images += len(present)
        self.products.add(present)
        return present

    def _is_there(self, image: ManifestImage) -> bool:
        try:
            self._storage.size_bytes(image.storage_key)
        except NotFound:
            return False
        return True


async def begin_export(
    db: Database, dataset_id: uuid.UUID, number: int | None, form: ExportFormat, actor: Actor
) -> None:
    """Write down who takes what out. Raises: NotFound for the dataset or the version."""
    async with db.transaction() as session:
        dataset = await service.get_dataset(session, dataset_id)
        if number is not None:
            await versions.get_version(session, dataset_id, number)
        what: dict[str, object] = {"format": form, "version": number}
        record_audit(session, actor, "dataset.export", Subject("dataset", dataset_id, dataset.name), after=what)


async def stream_export(
    db: Database, storage: ObjectStorage, dataset_id: uuid.UUID, number: int | None, form: ExportFormat
) -> AsyncGenerator[bytes, None]:
    """Yield a ZIP archive; images that storage no longer has are listed in it, never silently left out.

    Args:
        number: of the version; None for the present state with the usual split.
    Raises: NotFound, NothingToFreeze, PayloadTooLarge, Unavailable.
    """
    export_id = new_id()
    prefix = object_key("exports", "staged", export_id) + "/"
    async with versions.open_manifest(db, storage, dataset_id, number, SplitPlan()) as manifest:
        async with db.transaction() as session:
            throw_away(session, prefix, after_s=STAGED_FOR_S)  # should this process die on the way
        try:
            async with aclosing(stream_zip(storage, list_entries(storage, manifest, form, prefix))) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            await asyncio.to_thread(storage.delete_prefix, prefix)


async def list_entries(
    storage: ObjectStorage, manifest: Manifest, form: ExportFormat, staging_prefix: str
) -> AsyncGenerator[ZipEntry, None]:
    """Yield what the archive holds: images first, then what is said of them.

    Args:
        staging_prefix: where large tables lie until they are sent; whoever sends them removes it.
    """
    with tempfile.TemporaryDirectory(prefix="buybuddy-export-") as name:
        folder = Path(name)
        layout, inventory = _layout(form, storage, folder, manifest), Inventory(storage, folder)
        batches = read_manifest(manifest.path, IMAGES_AT_ONCE)
        while (images := await asyncio.to_thread(next, batches, None)) is not None:
            present = await asyncio.to_thread(inventory.take, images)
            for some in portions(present):
                for entry in await asyncio.to_thread(layout.add, some):
                    yield entry
        if isinstance(layout, ParquetShards):
            for entry in await asyncio.to_thread(layout.last_shards):
                yield entry
        finished = await asyncio.to_thread(_finish, layout, inventory, folder, manifest, form)
        for position, file in enumerate(finished):
            yield await _sent(storage, file, f"{staging_prefix}{position}")


def portions(images: Sequence[Labelled], at_most_bytes: int = PORTION_BYTES) -> Iterator[Sequence[Labelled]]:
    """Cut images into portions that may be held in memory together, as a layout may do; of at least one image."""
    first, n_bytes = 0, 0
    for position, one in enumerate(images):
        if position > first and n_bytes + one.image.size_bytes > at_most_bytes:
            yield images[first:position]
            first, n_bytes = position, 0
        n_bytes += one.image.size_bytes
    if images:
        yield images[first:]


def _layout(form: ExportFormat, storage: ObjectStorage, folder: Path, manifest: Manifest) -> Layout:
    match form:
        case "imagefolder":
            return ImageFolder()
        case "coco":
            version = str(manifest.number) if manifest.number is not None else "unfrozen"
            return Coco(folder, {"description": manifest.dataset_name, "version": version})
        case "oml-csv":
            return MetricLearning(folder)
        case "parquet":
            return ParquetShards(storage)
        case "huggingface":
            return HuggingFace(folder, _card(manifest))
        case _:
            assert_never(form)


def _finish(
    layout: Layout, inventory: Inventory, folder: Path, manifest: Manifest, form: ExportFormat
) -> list[FinishedFile]:
    about = {
        "dataset": manifest.dataset_name,
        "version": manifest.number,
        "format": form,
        "seed": manifest.plan.seed,
        "ratios": dict(zip(("train", "val", "test"), manifest.plan.ratios, strict=True)),
        "n_products": inventory.n_products,
        "n_images": inventory.n_images,
        "n_missing": inventory.missing.n_images,
    }
    described = folder / "dataset.json"
    described.write_text(json.dumps(about, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    tables = [*inventory.products.end(), *inventory.missing.end(), FinishedFile("dataset.json", described)]
    tables.append(FinishedFile("manifest.parquet", manifest.path))
    return [*layout.end(), *(FinishedFile(f"about/{file.name}", file.path) for file in tables)]


async def _sent(storage: ObjectStorage, file: FinishedFile, staging_key: str) -> ZipEntry:
    """Return an entry for a file: its bytes, or when it is large an object that it was put into."""
    if file.path.stat().st_size <= SENT_WHOLE_UP_TO_BYTES:
        return ZipEntry(file.name, data=await asyncio.to_thread(file.path.read_bytes))
    with file.path.open("rb") as content:
        await storage.put_stream(staging_key, content)
    return ZipEntry(file.name, key=staging_key)


def _card(manifest: Manifest) -> str:
    """Return the beginning of a dataset card; JSON strings are YAML strings."""
    shown = "".join(letter for letter in manifest.dataset_name if letter.isprintable())  # YAML takes no other
    title = json.dumps(shown, ensure_ascii=False)
    version = f"version {manifest.number}" if manifest.number is not None else "not frozen"
    return f"---\npretty_name: {title}\ntags:\n- image\n- metric-learning\n---\n\nA dataset of products, {version}.\n"
