"""The manifest of a dataset: every image with its hash, domain, product and split, as one Parquet file."""

import contextlib
import hashlib
import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from sqlalchemy import Row

from buybuddy.domain.datasets.rules import DOMAINS, SPLITS, Domain, Split, SplitCuts, SplitPlan

ROWS_IN_GROUP = 20_000
HASH_CHUNK_BYTES = 1024 * 1024
IMAGE_TYPES = ("synthetic", "real", "augmented")
_WORDS = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        ("image_id", pa.string()), ("product_id", pa.string()), ("split", _WORDS), ("domain", _WORDS),
        ("image_type", _WORDS), ("source", _WORDS), ("storage_key", pa.string()), ("sha256", pa.string()),
        ("size_bytes", pa.int64()), ("width_px", pa.int32()), ("height_px", pa.int32()),
        ("parent_image_id", pa.string()), ("video_id", pa.string()), ("frame_index", pa.int32()),
        ("barcode", pa.string()), ("brand_name", pa.string()), ("product_name", pa.string()),
        ("variant_flavor", pa.string()), ("category", pa.string()),
    ]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ManifestImage:
    """One image of a manifest; `domain` of an augmented image is its parent's, `barcode` the primary one."""

    image_id: str
    product_id: str
    split: Split
    domain: Domain
    image_type: str
    source: str
    storage_key: str
    sha256: str
    size_bytes: int
    width_px: int
    height_px: int
    parent_image_id: str | None
    video_id: str | None
    frame_index: int | None
    barcode: str | None
    brand_name: str | None
    product_name: str | None
    variant_flavor: str | None
    category: str | None


NAMES = tuple(field.name for field in fields(ManifestImage))


@dataclass(frozen=True)
class ManifestSummary:
    """What is known of a written manifest.

    Args:
        sha256: of the file.
        content_sha256: of its images and their splits alone; the same whatever program wrote the file.
        counts: for each split how many products and images, and how many of each type and domain.
    """

    sha256: str
    content_sha256: str
    size_bytes: int
    n_products: int
    n_images: int
    counts: dict[str, dict[str, int]]


class ManifestWriter:
    """Writes a manifest in row groups; a context manager. Blocking.

    Args:
        cuts: say the split of each product.
    """

    def __init__(self, path: Path, plan: SplitPlan, cuts: SplitCuts) -> None:
        self._path, self._cuts = path, cuts
        made_by = {"seed": str(plan.seed), "ratios": "/".join(f"{ratio:.6f}" for ratio in plan.ratios)}
        self._writer = pq.ParquetWriter(path, SCHEMA.with_metadata(made_by), compression="zstd")
        self._waiting: list[ManifestImage] = []
        self._digest = hashlib.sha256()
        self._last: tuple[uuid.UUID, Split] | None = None
        names = ("products", "images", *IMAGE_TYPES, *(f"domain_{domain}" for domain in DOMAINS))
        self._counts = {split: dict.fromkeys(names, 0) for split in SPLITS}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._writer.close()

    def add(self, rows: Sequence[Row[*tuple[Any, ...]]]) -> None:
        """Add rows of repository.IMAGE_COLUMNS, all of a product's one after another."""
        for row in rows:
            self._add(row)
        if len(self._waiting) >= ROWS_IN_GROUP:
            self._write()

    def end(self) -> ManifestSummary:
        """Finish the file and describe it."""
        if self._waiting:
            self._write()
        self._writer.close()
        return ManifestSummary(
            hash_file(self._path),
            self._digest.hexdigest(),
            self._path.stat().st_size,
            sum(counts["products"] for counts in self._counts.values()),
            sum(counts["images"] for counts in self._counts.values()),
            {split: dict(counts) for split, counts in self._counts.items()},
        )

    def _add(self, row: Row[*tuple[Any, ...]]) -> None:
        if self._last is None or self._last[0] != row.product_id:
            self._last = row.product_id, self._cuts.split_of(row.product_id)
            self._counts[self._last[1]]["products"] += 1
        split = self._last[1]
        domain = domain_of(row.image_type, row.parent_type, row.augmentation_step)
        image = ManifestImage(
            image_id=str(row.image_id),
            product_id=str(row.product_id),
            split=split,
            domain=domain,
            image_type=row.image_type,
            source=row.source,
            storage_key=row.storage_key,
            sha256=row.sha256,
            size_bytes=row.size_bytes,
            width_px=row.width_px,
            height_px=row.height_px,
            parent_image_id=str(row.parent_image_id) if row.parent_image_id else None,
            video_id=str(row.video_id) if row.video_id else None,
            frame_index=row.frame_index,
            barcode=row.barcodes[0] if row.barcodes else None,
            brand_name=row.brand_name,
            product_name=row.product_name,
            variant_flavor=row.variant_flavor,
            category=row.category,
        )
        line = f"{image.image_id} {image.product_id} {image.sha256} {image.image_type} {domain} {split}\n"
        self._digest.update(line.encode())
        counts = self._counts[split]
        for name in ("images", image.image_type, f"domain_{domain}"):
            counts[name] += 1
        self._waiting.append(image)

    def _write(self) -> None:
        columns = {name: [getattr(image, name) for image in self._waiting] for name in NAMES}
        self._writer.write_table(pa.table(columns, schema=SCHEMA))
        self._waiting = []


def domain_of(image_type: str, parent_type: str | None, augmentation_step: str | None = None) -> Domain:
    """Return what kind of picture an image is, or was made from, also when its parent is gone."""
    return "real" if "real" in (image_type, parent_type) or augmentation_step == "photo" else "synthetic"


class OpenManifest:
    """A manifest that is read from again and again; its file may be removed once it is open. Blocking."""

    def __init__(self, path: Path) -> None:
        self._file = pq.ParquetFile(path)

    def read(self, rows_at_once: int, *, start: int = 0) -> Iterator[list[ManifestImage]]:
        """Yield the images, many at once, from the start-th on."""
        first = 0
        for group in range(self._file.num_row_groups):
            n_rows = self._file.metadata.row_group(group).num_rows
            if first + n_rows > start:
                table = self._file.read_row_group(group, columns=list(NAMES)).slice(max(start - first, 0))
                for batch in table.to_batches(max_chunksize=rows_at_once):
                    yield [ManifestImage(**row) for row in batch.to_pylist()]
            first += n_rows

    def splits_of(self, product_ids: Collection[str]) -> dict[str, str]:
        """Return the splits of those of the products that are in it."""
        wanted = pa.array(sorted(product_ids), pa.string())
        found: dict[str, str] = {}
        for group in range(self._file.num_row_groups):
            table = self._file.read_row_group(group, columns=["product_id", "split"])
            rows = table.filter(pc.is_in(table["product_id"], value_set=wanted))
            found.update(zip(rows["product_id"].to_pylist(), rows["split"].to_pylist(), strict=True))
        return found

    def close(self) -> None:
        self._file.close()


def read_manifest(path: Path, rows_at_once: int, *, start: int = 0) -> Iterator[list[ManifestImage]]:
    """Yield the images of a manifest, many at once, from the start-th on. Blocking."""
    with contextlib.closing(OpenManifest(path)) as manifest:
        yield from manifest.read(rows_at_once, start=start)


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file. Blocking."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(HASH_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
