"""A small catalogue and a small pool whose vectors say what shows what: for tests of what helps people match."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from buybuddy.domain.jobs.runner import JobRunner
from buybuddy.domain.matching.queue.counting import QueueCounter
from buybuddy.domain.matching.suggestions import service as suggestions
from buybuddy.domain.products.tables import ProductImage
from buybuddy.domain.vectors import repository as vectors_repository
from buybuddy.domain.vectors.tables import Encoder
from buybuddy.flow import begin_approving, follow_matching, follow_ready_after
from buybuddy.infra.db import Actor, Session, new_id
from buybuddy.stages.specs import EncoderIdentity
from tests.integration.conftest import Jobs
from tests.integration.test_matching_decisions import add_photo, add_product

DIM = 24
FloatArray = npt.NDArray[np.float32]
EMPTIED = (
    "products, real_images, encoders, match_decisions, match_suggestions, matching_queue, matching_changes,"
    " matching_calibrations, match_audits, approval_wishes,"
    " ready_changes, tallies"
)


def unit(vector: npt.NDArray[np.floating]) -> FloatArray:
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


@dataclass
class Ground:
    """Products, each with one direction of its own; a photo of one lies `similarity` away from it."""

    jobs: Jobs
    encoder_id: uuid.UUID
    directions: dict[uuid.UUID, FloatArray] = field(default_factory=dict)
    chooser: np.random.Generator = field(default_factory=lambda: np.random.default_rng(3))

    async def product(self, *barcodes: str, n_images: int = 2) -> uuid.UUID:
        async with self.jobs.db.transaction() as session:
            product_id = await add_product(session, *barcodes)
            direction = np.zeros(DIM)
            direction[len(self.directions) % (DIM - 1)] = 1
            self.directions[product_id] = unit(direction)
            await self.images(session, product_id, n_images)
        return product_id

    async def images(self, session: Session, product_id: uuid.UUID, n: int) -> list[uuid.UUID]:
        images = [
            ProductImage(
                id=new_id(), product_id=product_id, image_type="synthetic", source="upload",
                storage_key=f"frames/{new_id()}.png", width_px=10, height_px=10, size_bytes=10, sha256="0" * 64,
            )
            for _ in range(n)
        ]  # fmt: skip
        session.add_all(images)
        await session.flush()
        vectors = [(image.id, self.directions[product_id].tolist()) for image in images]
        await vectors_repository.add_embeddings(session, self.encoder_id, vectors)
        return [image.id for image in images]

    async def photo(
        self,
        product_id: uuid.UUID,
        similarity: float = 0.9,
        *,
        second: tuple[uuid.UUID, float] | None = None,
        group_id: uuid.UUID | None = None,
        barcode: str | None = None,
    ) -> uuid.UUID:
        """Add a photo that is so similar to a product and, with `second`, to another one; the rest is noise."""
        parts = similarity * self.directions[product_id]
        left = 1 - similarity**2
        if second is not None:
            parts = parts + second[1] * self.directions[second[0]]
            left -= second[1] ** 2
        noise = np.zeros(DIM)
        noise[DIM - 1] = 1  # no product has this direction
        async with self.jobs.db.transaction() as session:
            photo_id = await add_photo(session, group_id, barcode=barcode)
            vector = unit(parts + np.sqrt(max(left, 0)) * noise)
            await vectors_repository.add_photo_embeddings(session, self.encoder_id, [(photo_id, vector.tolist())])
        return photo_id

    async def encoder(self, session: Session) -> Encoder:
        found = await session.get(Encoder, self.encoder_id)
        assert found is not None
        return found

    async def suggest(self, runner: JobRunner, photo_ids: Sequence[uuid.UUID]) -> None:
        """Have products found for photos, as after they were read."""
        async with self.jobs.db.transaction() as session:
            parent = (await self.jobs.create_in(session))[0]
            await suggestions.suggest_for_photos(
                session, self.jobs.board, await self.encoder(session), photo_ids, parent.id
            )
        await self.work(runner)

    async def work(self, runner: JobRunner) -> None:
        """Run every job of matching that waits."""
        wanted = (
            "SELECT id FROM jobs WHERE status = 'queued' AND config->>'stage' IN ('suggest_matches','approve_matches')"
        )
        for job_id in await self.jobs.sql(f"{wanted} ORDER BY created_at"):
            await runner.run(uuid.UUID(str(job_id)))

    async def count(self) -> None:
        """Do what the worker's sweep does, until nothing is left."""
        async with self.jobs.db.transaction() as session:
            await follow_matching(session, self.jobs.board)
        more = True
        while more:
            async with self.jobs.db.transaction() as session:
                more = await follow_ready_after(session)
        counter = QueueCounter(self.jobs.db)
        while await counter.count():
            pass
        async with self.jobs.db.transaction() as session:
            await begin_approving(session, self.jobs.board)

    async def decide(
        self,
        actor: Actor,
        decision: str,
        n: int,
        similarity: float,
        *,
        margin: float = 0.1,
        seconds_apart: float = 4.0,
        is_one_card: bool = False,
    ) -> None:
        """Write so many old decisions of a person about photos that are gone from the pool."""
        await self.jobs.sql(
            "WITH p AS (INSERT INTO products (id, status) VALUES (gen_random_uuid(), 'ready') RETURNING id),"
            " r AS (INSERT INTO real_images (id, name, source, storage_key, sha256, size_bytes, group_id, status)"
            "   SELECT g.id, g.id::text, 'old', 'real-images/old/' || g.id, md5(g.id::text), 1,"
            "   coalesce(CAST(:group_id AS uuid), g.id), 'discarded'"
            "   FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, :n)) g RETURNING id)"
            " INSERT INTO match_decisions (product_id, photo_id, decision, similarity, margin, tier, encoder_id,"
            "   user_id, user_name, decided_at)"
            " SELECT p.id, r.id, :decision, :similarity, :margin, 'similarity', :encoder, :user_id, :name,"
            "   clock_timestamp() - make_interval(secs => :gap * row_number() OVER ()) FROM p, r",
            n=n,
            group_id=uuid.uuid4() if is_one_card else None,
            decision=decision,
            similarity=similarity,
            margin=margin,
            encoder=self.encoder_id,
            user_id=actor.id,
            name=actor.name,
            gap=seconds_apart,
        )


async def lay_ground(jobs: Jobs) -> Ground:
    """Empty everything and add an encoder that serves."""
    await jobs.sql(f"TRUNCATE {EMPTIED} CASCADE")
    await jobs.sql(
        "INSERT INTO matching_settings (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET is_automatic = false,"
        " precision_target = 0.99, audit_share = 0.1, ready_after = 3, automatic_since = NULL,"
        " suggested_encoder_id = NULL"
    )
    async with jobs.db.transaction() as session:
        identity = EncoderIdentity(name="test", weights_sha256="-", preprocessing="test/1", dim=DIM)
        encoder = await vectors_repository.get_or_add_encoder(session, identity)
        assert encoder.is_serving
    return Ground(jobs, encoder.id)
