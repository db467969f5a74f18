"""A shop whose products' images have made-up vectors, and a worker with real stages: for tests of published indexes."""

import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from buybuddy.domain.datasets import service as datasets
from buybuddy.domain.datasets.rules import SplitPlan
from buybuddy.domain.datasets.schemas import ProductChoice
from buybuddy.domain.datasets.tables import DatasetVersion
from buybuddy.domain.datasets.versions import service as versions
from buybuddy.domain.embeddings import activation, gathering, searching, service
from buybuddy.domain.embeddings.service import Kind, Wish
from buybuddy.domain.embeddings.shelf import IndexShelf
from buybuddy.domain.embeddings.tables import EmbeddingIndex
from buybuddy.domain.jobs.batches import BatchStep
from buybuddy.domain.jobs.runner import JobRunner
from buybuddy.flow import BATCH_STEPS, build_apply_result
from buybuddy.infra.db import new_id
from buybuddy.infra.executors import LocalExecutor
from buybuddy.infra.storage import ObjectStorage
from buybuddy.stages.messages import Setup
from tests.integration.conftest import SOMEBODY, Jobs

FloatArray = npt.NDArray[np.float32]
DIM = 24
CLEAR = "TRUNCATE tallies, products, real_images, datasets, embedding_indexes CASCADE"
PER_PART = 7
IMAGE = (
    "INSERT INTO product_images (id, product_id, photo_id, image_type, source, storage_key, width_px, height_px,"
    " size_bytes, sha256) SELECT i.id, CAST(:product AS uuid), CAST(:photo AS uuid), :type, :source, i.id::text,"
    " 1, 1, 1, 'x' FROM unnest(CAST(:ids AS uuid[])) AS i (id)"
)


def unit(n: int, seed: int) -> FloatArray:
    rows = np.random.default_rng(seed).standard_normal((n, DIM)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


@dataclass
class Shop:
    """Products whose images have made-up vectors, in a dataset; a worker with real stage processes."""

    jobs: Jobs
    storage: ObjectStorage
    executor: LocalExecutor
    steps: dict[str, BatchStep]
    runner: JobRunner
    home: Path
    encoder: uuid.UUID = field(default_factory=new_id)
    dataset: uuid.UUID = field(default_factory=new_id)
    vectors: dict[uuid.UUID, FloatArray] = field(default_factory=dict)
    products: dict[uuid.UUID, uuid.UUID] = field(default_factory=dict)

    async def open(self) -> None:
        await self.jobs.sql(
            "INSERT INTO encoders (id, name, weights_sha256, preprocessing, dim, is_serving)"
            " VALUES (:id, 'made-up', 'x', 'none/1', :dim, true)",
            id=self.encoder,
            dim=DIM,
        )
        async with self.jobs.db.transaction() as session:
            self.dataset = (await datasets.create_dataset(session, "Snacks", "", SOMEBODY)).id

    async def product(self, n_images: int, *, seed: int, n_with_vector: int | None = None) -> list[uuid.UUID]:
        """Add a product of the dataset, and return its images."""
        product, ids = new_id(), [new_id() for _ in range(n_images)]
        await self.jobs.sql("INSERT INTO products (id, status) VALUES (:id, 'ready')", id=product)
        values = {"photo": None, "type": "synthetic", "source": "upload"}
        await self.jobs.sql(IMAGE, product=product, ids=ids, **values)
        rows = unit(n_images, seed)[: n_images if n_with_vector is None else n_with_vector]
        await self.embed(dict(zip(ids, rows, strict=False)))
        self.vectors |= dict(zip(ids, rows, strict=False))
        self.products |= dict.fromkeys(ids, product)
        async with self.jobs.db.transaction() as session:
            await datasets.add_products(session, self.dataset, ProductChoice(product_ids=[product]), SOMEBODY)
        return ids

    async def embed(self, vectors: Mapping[uuid.UUID, FloatArray]) -> None:
        """Give images their vectors, whether they had others before or not."""
        await self.jobs.sql(
            "INSERT INTO image_embeddings (encoder_id, image_id, embedding) SELECT :encoder, i.id, v.v::vector"
            " FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS i (id, n)"
            " JOIN unnest(CAST(:rows AS text[])) WITH ORDINALITY AS v (v, n) ON v.n = i.n"
            " ON CONFLICT (encoder_id, image_id) DO UPDATE SET embedding = excluded.embedding",
            encoder=self.encoder,
            ids=list(vectors),
            rows=[str(row.tolist()) for row in vectors.values()],
        )

    async def freeze(self) -> DatasetVersion:
        return await versions.freeze(self.jobs.db, self.storage, self.dataset, SplitPlan(), "", SOMEBODY)

    async def begin(self, name: str, kind: Kind = "auto", *, key: str | None = None) -> uuid.UUID:
        async with self.jobs.db.transaction() as session:
            wish = Wish(name, dataset_id=self.dataset, kind=kind)
            return (await service.begin(session, self.jobs.board, wish, SOMEBODY, key)).id

    async def work(self) -> None:
        """Run every job until none is left."""
        while waiting := await self.jobs.sql("SELECT id FROM jobs WHERE status = 'queued' ORDER BY created_at"):
            for job_id in waiting:
                await self.runner.run(uuid.UUID(str(job_id)))

    async def build(self, name: str, kind: Kind = "auto") -> EmbeddingIndex:
        index_id = await self.begin(name, kind)
        await self.work()
        return await self.look(index_id)

    async def look(self, index_id: uuid.UUID) -> EmbeddingIndex:
        async with self.jobs.db.transaction() as session:
            return await service.get_index(session, index_id)

    async def serving(self) -> list[object]:
        return await self.jobs.sql("SELECT name FROM embedding_indexes WHERE is_serving")

    def shelf(self) -> IndexShelf:
        """The indexes that an API process has open."""
        return IndexShelf(self.jobs.db, self.storage, self.home / f"indexes-{new_id()}", 1)

    async def activate(self, shelf: IndexShelf, index_id: uuid.UUID) -> None:
        await activation.open_and_activate(self.jobs.db, shelf, index_id, SOMEBODY)

    async def rank(self, shelf: IndexShelf, query: FloatArray, k: int) -> list[tuple[uuid.UUID, uuid.UUID]]:
        assert shelf.serving is not None
        found = await searching.rank_products(self.jobs.db, shelf.server, shelf.serving, [query.tolist()], k)
        return [(match.product_id, match.image_id) for match in found]

    def best(self, query: FloatArray, k: int) -> list[tuple[uuid.UUID, uuid.UUID]]:
        """What comparing with every vector finds."""
        seen: dict[uuid.UUID, uuid.UUID] = {}
        for image in sorted(self.vectors, key=lambda one: -float(self.vectors[one] @ query)):
            seen.setdefault(self.products[image], image)
        return list(seen.items())[:k]


@asynccontextmanager
async def open_shop(jobs: Jobs, home: Path) -> AsyncIterator[Shop]:
    """Lend an empty shop, and leave nothing of it behind."""
    await jobs.sql(CLEAR)
    await jobs.sql("DELETE FROM encoders")  # row by row: the graphs go with each
    storage = ObjectStorage(f"file://{home / 'storage'}")
    executor = LocalExecutor(Setup(storage_url=storage.url, models_dir=home, scratch_dir=home / "scratch", n_threads=1))
    steps = {**BATCH_STEPS, "gather_index": gathering.build_gathering(storage, images_of_part=PER_PART)}
    runner = JobRunner(jobs.db, jobs.board, executor, build_apply_result(jobs.board, storage), batch_steps=steps)
    shop = Shop(jobs, storage, executor, steps, runner, home)
    await shop.open()
    yield shop
    await executor.close()
    await jobs.sql(CLEAR)
    await jobs.sql("DELETE FROM encoders")
