"""Changing and removing many products in the transaction at hand: locked, compared, written, audited, told.

One product's failure is listed and the others go on. Events are one for each batch, with the ids of all its products:
an event each would only overrun the pages that listen.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from buybuddy.domain.collaboration.locks.repository import find_held_by_others
from buybuddy.domain.collaboration.locks.service import check_lock
from buybuddy.domain.products.bulk import repository
from buybuddy.domain.products.bulk.rules import CHANGED, GONE, IN_WORK
from buybuddy.domain.products.service import lock_at_version, product_label
from buybuddy.domain.products.tables import Product
from buybuddy.errors import Conflict
from buybuddy.infra.db import Actor, Session, emit
from buybuddy.infra.db.outbox import AuditEntry, record_audits


@dataclass(frozen=True)
class Wish:
    """What is to become of one product.

    Args:
        version: what it must still have; None for whatever it has.
    """

    version: int | None = None
    changes: Mapping[str, object] = field(default_factory=dict)


@dataclass
class Written:
    """What became of a batch.

    Args:
        done: ids of those that are as was wished.
        before: what was found where something was written, `edited_fields` among it.
        failures: reasons by id.
    """

    done: list[uuid.UUID] = field(default_factory=list)
    before: dict[uuid.UUID, dict[str, object]] = field(default_factory=dict)
    versions: dict[uuid.UUID, int] = field(default_factory=dict)
    failures: dict[uuid.UUID, str] = field(default_factory=dict)
    labels: dict[uuid.UUID, str] = field(default_factory=dict)


async def edit_many(session: Session, wishes: Mapping[uuid.UUID, Wish], actor: Actor) -> Written:
    """Change products that are still as they were chosen; a product that is as wished already is not written."""
    written = Written()
    products = await _lock_unchanged(session, wishes, written, actor)
    changes: dict[uuid.UUID, Mapping[str, object]] = {}
    for product_id, product in products.items():
        real = {name: value for name, value in wishes[product_id].changes.items() if getattr(product, name) != value}
        if real:
            changes[product_id] = real
            found = {name: getattr(product, name) for name in real}
            written.before[product_id] = {**found, "edited_fields": list(product.edited_fields)}
        written.done.append(product_id)
    if changes:
        written.versions = await repository.write_changes(session, changes)
        await record_many(session, actor, "product.edit", written.labels, changes, written.before)
        tell_products(session, list(changes), "updated")
    return written


async def remove_many(session: Session, wishes: Mapping[uuid.UUID, Wish], actor: Actor) -> Written:
    """Remove products with their barcodes, images and stored objects, but for those whose video is in work.

    Their videos can be processed anew.
    """
    written = Written()
    videos = await repository.lock_videos_of(session, list(wishes))  # first: as when a video is taken in
    products = await _lock_unchanged(session, wishes, written, actor)
    in_work = await repository.videos_in_work(session, [video.id for video in videos])
    for video in videos:
        if video.id in in_work and video.product_id in products:
            written.failures[video.product_id] = IN_WORK
            del products[video.product_id]
    written.done = list(products)
    if products:
        await repository.throw_away_images(session, written.done)
        await repository.remove_products(session, written.done)
        await record_many(session, actor, "product.delete", {one: written.labels[one] for one in products}, {}, {})
        tell_products(session, written.done, "deleted")
        for video in videos:
            if video.product_id in products:
                emit(session, "video", {"id": str(video.id), "change": "updated"})
    return written


async def remove_product(
    session: Session,
    product_id: uuid.UUID,
    actor: Actor,
    version: int | None = None,
    lock_token: int | None = None,
) -> None:
    """Remove one product as remove_many does, or say why not.

    Raises: NotFound, StaleVersion, ResourceLocked, LockLost, Conflict while a video of it is being processed.
    """
    await check_lock(session, "product", product_id, actor, lock_token)
    reason = (await remove_many(session, {product_id: Wish(version)}, actor)).failures.get(product_id)
    if reason in (GONE, CHANGED):
        await lock_at_version(session, product_id, version, actor)  # raises what a caller of one product expects
    if reason is not None:
        raise Conflict(reason)


async def _lock_unchanged(
    session: Session, wishes: Mapping[uuid.UUID, Wish], written: Written, actor: Actor
) -> dict[uuid.UUID, Product]:
    """Lock the products and return those that are still as they were chosen; the others are failures."""
    held = await find_held_by_others(session, "product", list(wishes), actor.id)
    products = await repository.lock_products(session, list(wishes))
    for product_id, wish in wishes.items():
        product = products.get(product_id)
        written.labels[product_id] = product_label(product) if product else str(product_id)
        if product is None:
            written.failures[product_id] = GONE
        elif product_id in held:
            written.failures[product_id] = f"{held[product_id]} is working on it."
            del products[product_id]
        elif wish.version is not None and product.version != wish.version:
            written.failures[product_id] = CHANGED
            del products[product_id]
    return products


async def record_many(
    session: Session,
    actor: Actor,
    action: str,
    labels: Mapping[uuid.UUID, str],
    after: Mapping[uuid.UUID, Mapping[str, object]],
    before: Mapping[uuid.UUID, Mapping[str, object]],
) -> None:
    """Write an audit row for each product that was written, and tell of them once."""
    subjects = after or labels
    entries = [
        AuditEntry(one, labels[one], before=_shown(before.get(one)), after=_shown(after.get(one))) for one in subjects
    ]
    await record_audits(session, actor, action, "product", entries)


def _shown(values: Mapping[str, object] | None) -> dict[str, object] | None:
    return None if values is None else {name: value for name, value in values.items() if name != "edited_fields"}


def tell_products(session: Session, product_ids: Sequence[uuid.UUID], change: str) -> None:
    """Tell open pages of a whole batch at once."""
    if product_ids:
        ids = [str(product_id) for product_id in product_ids]
        emit(session, "product", {"id": ids[0] if len(ids) == 1 else None, "ids": ids, "change": change})
