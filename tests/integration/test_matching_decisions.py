"""Deciding about photos: against a reference model, and when two people want the same photo.

The short form walks a few hundred steps; `make walks` takes BUYBUDDY_MATCHING_STEPS of them.
"""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import text

from buybuddy.domain.collaboration.locks import service as lock_service
from buybuddy.domain.collaboration.locks.repository import Acquired
from buybuddy.domain.collaboration.locks.service import LockLost
from buybuddy.domain.collaboration.rules import Holder
from buybuddy.domain.jobs.board import JobBoard
from buybuddy.domain.matching.automation.service import edit_settings
from buybuddy.domain.matching.decisions import service
from buybuddy.domain.matching.decisions.service import PhotoTaken
from buybuddy.domain.matching.readiness.service import follow_changes
from buybuddy.domain.photos.tables import Photo
from buybuddy.domain.products import service as products
from buybuddy.domain.products.images.service import remove_image
from buybuddy.domain.products.lists.filters import ProductStatus
from buybuddy.domain.products.schemas import ProductEdit
from buybuddy.domain.products.tables import Product
from buybuddy.errors import BuybuddyError, PreconditionRequired, ResourceLocked
from buybuddy.flow import build_board
from buybuddy.infra.db import Actor, Database, Session, new_id
from buybuddy.infra.queue import JobQueue
from tests.integration.matching_model import READY_AFTER, Model
from tests.integration.test_locks import add_holder

N_PRODUCTS, N_USERS = 3, 2
GROUPS = (0, 1, 1, 2, 3, 3, 3, 4)  # of each photo
STEPS_PER_WALK = 40
ROWS = {
    "photos": "SELECT id, status, product_id FROM real_images WHERE id = ANY(:photos)",
    "decisions": "SELECT product_id, photo_id, decision FROM match_decisions WHERE product_id = ANY(:products)",
    "images": "SELECT product_id, photo_id FROM product_images WHERE product_id = ANY(:products)",
    "products": "SELECT id, status, real_count FROM products WHERE id = ANY(:products)",
    "open": "SELECT photo_id FROM photo_embeddings WHERE is_open AND photo_id = ANY(:photos)",
    "trash": "SELECT key_or_prefix FROM object_trash WHERE key_or_prefix LIKE 'real-images/%'",
}


async def add_product(session: Session, *barcodes: str) -> uuid.UUID:
    product = Product(id=new_id(), status="needs_matching", product_name=f"product {uuid.uuid4().hex[:6]}")
    session.add(product)
    await session.flush()
    for index, barcode in enumerate(barcodes):
        await session.execute(
            text("INSERT INTO product_barcodes (barcode, product_id, is_primary) VALUES (:b, :p, :f)"),
            {"b": barcode, "p": product.id, "f": index == 0},
        )
    return product.id


async def add_photo(session: Session, group_id: uuid.UUID | None = None, **values: object) -> uuid.UUID:
    photo_id = new_id()
    plain: dict[str, object] = {"name": f"{photo_id}.jpg", "source": "test", "status": "unassigned"}
    key = f"real-images/{photo_id}.jpg"
    session.add(
        Photo(
            id=photo_id, group_id=group_id or photo_id, storage_key=key, sha256=photo_id.hex * 2, size_bytes=1,
            **{**plain, **values},
        )
    )  # fmt: skip
    await session.flush()
    return photo_id


async def add_vector(session: Session, photo_id: uuid.UUID) -> None:
    """Give a photo a vector of an encoder that the tests share."""
    values = {"photo": photo_id, "encoder": uuid.uuid5(uuid.NAMESPACE_OID, "tests")}
    await session.execute(
        text(
            "INSERT INTO encoders (id, name, weights_sha256, preprocessing, dim) VALUES (:encoder, 'test', '-', '-', 2)"
            " ON CONFLICT DO NOTHING"
        ),
        values,
    )
    await session.execute(
        text("INSERT INTO photo_embeddings (encoder_id, photo_id, embedding) VALUES (:encoder, :photo, '[0,1]')"),
        values,
    )


class Walk(RuleBasedStateMachine):
    """Two people decide about eight photos of three products, in any order, under locks that come and go."""

    db: Database
    board: JobBoard
    runner: asyncio.Runner
    users: list[Holder]

    @initialize()
    def begin(self) -> None:
        async def fill() -> None:
            async with self.db.transaction() as session:
                await session.execute(text("DELETE FROM ready_changes"))
                await session.execute(
                    text("UPDATE matching_settings SET ready_after = :n, is_automatic = false"), {"n": READY_AFTER}
                )
                self.products = [await add_product(session) for _ in range(N_PRODUCTS)]
                group_ids: dict[int, uuid.UUID] = {}
                self.photos: list[uuid.UUID] = []
                for group in GROUPS:
                    self.photos.append(await add_photo(session, group_ids.setdefault(group, new_id())))
                    await add_vector(session, self.photos[-1])

        self.runner.run(fill())
        self.model = Model(
            dict.fromkeys(self.photos), dict(zip(self.photos, GROUPS, strict=True)),
            dict.fromkeys(self.products, "needs_matching"),
        )  # fmt: skip

    @rule(user=st.integers(0, N_USERS - 1), product=st.integers(0, N_PRODUCTS - 1))
    def acquire(self, user: int, product: int) -> None:
        self._acquire(user, product)

    def _acquire(self, user: int, product: int) -> None:
        async def run() -> int | None:
            async with self.db.transaction() as session:
                got = await lock_service.acquire(session, "matching", self.products[product], self.users[user])
            return got.lock.token if isinstance(got, Acquired) else None

        token, held = self.runner.run(run()), self.model.locks.get(self.products[product])
        assert (token is not None) == (held is None or held[0] == user)
        if token is not None:
            assert held is None or held[1] == token
            self.model.locks[self.products[product]] = (user, token)

    @rule(product=st.integers(0, N_PRODUCTS - 1), is_late=st.booleans())
    def end_lock(self, product: int, is_late: bool) -> None:
        """The holder gives it back, or is not heard of for five minutes."""
        held = self.model.locks.pop(self.products[product], None)

        async def run() -> None:
            async with self.db.transaction() as session:
                if is_late:
                    late = "UPDATE resource_locks SET expires_at = clock_timestamp() WHERE resource_id = :id"
                    await session.execute(text(late), {"id": self.products[product]})
                elif held is not None:
                    await lock_service.release(session, "matching", self.products[product], self.users[held[0]])

        self.runner.run(run())

    @rule(
        what=st.sampled_from(["approved", "approved", "rejected", "skipped", "undo"]),
        user=st.integers(0, N_USERS - 1),
        product=st.integers(0, N_PRODUCTS - 1),
        chosen=st.sets(st.integers(0, len(GROUPS) - 1), min_size=1, max_size=4),
        has_token=st.integers(0, 9),
        is_prepared=st.integers(0, 3),
    )
    def decide(self, what: str, user: int, product: int, chosen: set[int], has_token: int, is_prepared: int) -> None:
        """Somebody decides: mostly who has the lock, or takes it first; else it is mostly refused."""
        product_id, photos = self.products[product], [self.photos[number] for number in sorted(chosen)]
        if is_prepared and product_id not in self.model.locks:
            self._acquire(user, product)
        held = self.model.locks.get(product_id)
        user = held[0] if is_prepared and held is not None else user
        token = (held[1] if held else 1) if has_token else None
        expected: type[BuybuddyError] | None
        if token is None:
            expected = PreconditionRequired
        elif held is None:
            expected = LockLost
        elif held[0] != user:
            expected = ResourceLocked
        else:
            expected = self.model.decide(what, product_id, photos)
        assert self.runner.run(self._try(what, user, product_id, photos, token)) is expected

    async def _try(
        self, what: str, user: int, product: uuid.UUID, photos: list[uuid.UUID], token: int | None
    ) -> type[BuybuddyError] | None:
        actor = Actor(self.users[user].user_id, self.users[user].username)
        try:
            async with self.db.transaction() as session:
                if what == "approved":
                    await service.approve(session, product, photos, actor, token, 0.7)
                elif what == "undo":
                    await service.undo(session, product, photos, actor, token)
                elif what == "rejected":
                    await service.decide_against(session, product, photos, "rejected", actor, token, 0.7)
                else:
                    await service.decide_against(session, product, photos, "skipped", actor, token, 0.7)
        except BuybuddyError as error:
            return type(error)
        return None

    @rule(photo=st.integers(0, len(GROUPS) - 1))
    def remove_real_image(self, photo: int) -> None:
        """Somebody removes a real image on the product's page: its photo is open again, and comes up again."""
        photo_id = self.photos[photo]
        owner = self.model.owners[photo_id]
        if owner is None:
            return

        async def run(product_id: uuid.UUID) -> None:
            async with self.db.transaction() as session:
                of_photo = text("SELECT id FROM product_images WHERE photo_id = :photo")
                image_id = (await session.execute(of_photo, {"photo": photo_id})).scalar_one()
                await remove_image(session, product_id, image_id, None, Actor(None, "somebody"))

        n_before = self.model.n_real(owner)
        self.runner.run(run(owner))
        self.model.owners[photo_id] = None
        self.model.decisions.pop((owner, photo_id), None)
        self.model.follow(owner, n_before)

    @rule(product=st.integers(0, N_PRODUCTS - 1), status=st.sampled_from(["pending", "needs_matching", "ready"]))
    def set_status(self, product: int, status: ProductStatus) -> None:
        product_id = self.products[product]

        async def run() -> None:
            async with self.db.transaction() as session:
                found = await products.get_product(session, product_id)
                edit = ProductEdit(status=status, version=None)
                await products.edit_product(session, product_id, edit, found.version, Actor(None, "somebody"))

        self.runner.run(run())
        self.model.set_status(product_id, status)

    @rule(n=st.integers(1, 5))
    def change_ready_after(self, n: int) -> None:
        async def run() -> None:
            async with self.db.transaction() as session:
                await edit_settings(session, self.board, {"ready_after": n}, Actor(None, "an admin"))

        self.runner.run(run())
        if n != self.model.ready_after:
            self.model.changes.append((self.model.ready_after, n))
            self.model.ready_after = n

    @rule()
    def sweep(self) -> None:
        async def run() -> bool:
            async with self.db.transaction() as session:
                return await follow_changes(session)

        while self.runner.run(run()):
            pass
        self.model.sweep()

    @invariant()
    def is_as_it_should_be(self) -> None:
        if not hasattr(self, "model"):
            return

        async def read() -> dict[str, list[tuple[object, ...]]]:
            async with self.db.transaction() as session:
                values = {"photos": self.photos, "products": self.products}
                found = {}
                for name, statement in ROWS.items():
                    asked = {key: value for key, value in values.items() if f":{key}" in statement}
                    found[name] = [tuple(row) for row in await session.execute(text(statement), asked)]
                return found

        rows, model = self.runner.run(read()), self.model
        assigned = {(owner, photo) for photo, owner in model.owners.items() if owner is not None}
        assert {(row[0], row[2]) for row in rows["photos"]} == set(model.owners.items())
        assert {row[0] for row in rows["photos"] if row[1] == "assigned"} == {photo for _, photo in assigned}
        assert {(row[0], row[1]): row[2] for row in rows["decisions"]} == model.decisions
        assert sorted(map(str, rows["images"])) == sorted(map(str, assigned))  # a list: no image twice
        assert {row[0]: (row[1], row[2]) for row in rows["products"]} == {
            product: (status, model.n_real(product)) for product, status in model.statuses.items()
        }
        assert {row[0] for row in rows["open"]} == {photo for photo, owner in model.owners.items() if owner is None}
        assert rows["trash"] == []  # a photo's objects are its own, whatever becomes of the image


@pytest.fixture
def walking(dsn: str) -> Iterator[type[Walk]]:
    with asyncio.Runner() as runner:

        async def begin() -> tuple[Database, list[Holder]]:
            db = Database(dsn)
            return db, [await add_holder(db) for _ in range(N_USERS)]

        db, users = runner.run(begin())
        yield type(
            "WalkHere", (Walk,), {"db": db, "board": build_board(JobQueue(dsn)), "runner": runner, "users": users}
        )

        async def end() -> None:
            async with db.transaction() as session:
                await session.execute(text("UPDATE matching_settings SET ready_after = 3"))
                await session.execute(text("DELETE FROM ready_changes"))
            await db.close()

        runner.run(end())


def walk(machine: type[Walk], n_steps: int, *, is_random: bool) -> None:
    how = settings(
        max_examples=max(1, n_steps // STEPS_PER_WALK),
        stateful_step_count=STEPS_PER_WALK,
        derandomize=not is_random,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=how)


def test_steps_in_any_order_do_what_the_model_says(walking: type[Walk]) -> None:
    walk(walking, 400, is_random=False)


@pytest.mark.campaign
def test_many_steps_in_any_order_do_what_the_model_says(walking: type[Walk]) -> None:
    walk(walking, int(os.environ.get("BUYBUDDY_MATCHING_STEPS", "10000")), is_random=True)


@dataclass
class Desk:
    """Somebody with the matching lock of a product of their own."""

    db: Database
    holder: Holder
    product_id: uuid.UUID
    token: int

    async def approve(self, photo_ids: list[uuid.UUID]) -> BuybuddyError | None:
        actor = Actor(self.holder.user_id, self.holder.username)
        try:
            async with self.db.transaction() as session:
                await service.approve(session, self.product_id, photo_ids, actor, self.token, 0.7)
        except PhotoTaken as error:
            return error
        return None


@pytest.fixture
async def desks(db: Database) -> AsyncIterator[list[Desk]]:
    made = []
    for _ in range(8):
        holder = await add_holder(db)
        async with db.transaction() as session:
            product_id = await add_product(session)
            lock = await lock_service.acquire(session, "matching", product_id, holder)
        assert isinstance(lock, Acquired)
        made.append(Desk(db, holder, product_id, lock.lock.token))
    yield made


async def test_of_many_who_approve_one_photo_at_once_exactly_one_gets_it(db: Database, desks: list[Desk]) -> None:
    for _ in range(25):
        async with db.transaction() as session:
            photos = [await add_photo(session) for _ in range(3)]
        refusals = await asyncio.gather(*(desk.approve(photos) for desk in desks))
        winners = [desk for desk, refusal in zip(desks, refusals, strict=True) if refusal is None]
        assert len(winners) == 1
        lost = next(refusal for refusal in refusals if refusal is not None)
        conflicts = lost.fields["conflicts"]
        assert isinstance(conflicts, list) and len(conflicts) == 3
        assert {conflict["decided_by"] for conflict in conflicts} == {winners[0].holder.username}
        assert {conflict["product_id"] for conflict in conflicts} == {str(winners[0].product_id)}
