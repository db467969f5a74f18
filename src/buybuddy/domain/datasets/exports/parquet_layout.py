"""A dataset as Parquet shards that carry their images, as Hugging Face datasets and its like read them."""

import io
import json
from collections.abc import Sequence

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from buybuddy.domain.datasets.exports.layouts import FinishedFile, HuggingFace, Labelled, described, inner_path
from buybuddy.domain.datasets.rules import SPLITS, Split
from buybuddy.errors import NotFound
from buybuddy.infra.storage import ObjectStorage
from buybuddy.infra.storage.zip_stream import ZipEntry

SHARD_BYTES = 32 * 1024 * 1024
WHOLE_IMAGE_BYTES = 256 * 1024 * 1024
TEXTS = (
    "product_id", "image_id", "domain", "image_type", "barcode", "brand_name", "product_name", "variant_flavor",
    "category", "sha256",
)  # fmt: skip
_FEATURES = {
    "image": {"_type": "Image"},
    "label": {"dtype": "int64", "_type": "Value"},
    **{name: {"dtype": "string", "_type": "Value"} for name in TEXTS},
}
SCHEMA = pa.schema(
    [
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        ("label", pa.int64()),
        *((name, pa.string()) for name in TEXTS),
    ],
    metadata={"huggingface": json.dumps({"info": {"features": _FEATURES}})},
)


class ParquetShards:
    """`data/train-00000.parquet` ...: an image's bytes, its label and what is known of it in one row.

    At most one shard of each split is held at a time.
    """

    def __init__(self, storage: ObjectStorage) -> None:
        self._storage = storage
        self._rows: dict[Split, list[dict[str, object]]] = {split: [] for split in SPLITS}
        self._held_bytes = dict.fromkeys(SPLITS, 0)
        self._n_shards = dict.fromkeys(SPLITS, 0)

    def add(self, images: Sequence[Labelled]) -> list[ZipEntry]:
        """Raises: Unavailable when storage fails."""
        entries = []
        read = self._storage.read_many([one.image.storage_key for one in images], WHOLE_IMAGE_BYTES)
        for one, data in zip(images, read, strict=True):
            if isinstance(data, NotFound | int):  # gone since it was seen a moment ago
                continue
            if not isinstance(data, bytes):
                raise data
            split = one.image.split
            self._rows[split].append({"image": {"bytes": data, "path": inner_path(one.image)}, **described(one)})
            self._held_bytes[split] += len(data)
            if self._held_bytes[split] >= SHARD_BYTES:
                entries.append(self._shard(split))
        return entries

    def last_shards(self) -> list[ZipEntry]:
        """Return the shards that are not full."""
        return [self._shard(split) for split in SPLITS if self._rows[split]]

    def end(self) -> list[FinishedFile]:
        return []

    def _shard(self, split: Split) -> ZipEntry:
        buffer = io.BytesIO()
        table = pa.Table.from_pylist(self._rows[split], schema=SCHEMA)
        pq.write_table(table, buffer, compression=dict.fromkeys(TEXTS, "zstd") | {"label": "zstd"})
        name = f"data/{HuggingFace.FOLDERS[split]}-{self._n_shards[split]:05d}.parquet"
        self._rows[split], self._held_bytes[split] = [], 0
        self._n_shards[split] += 1
        return ZipEntry(name, data=buffer.getvalue())
