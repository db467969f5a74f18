"""Photos of the pool: looked up, counted, discarded and taken back."""

import uuid
from collections import Counter
from collections.abc import Collection, Iterable

from buybuddy.domain.photos import repository
from buybuddy.domain.photos.filters import PhotoFilters
from buybuddy.domain.photos.rules import PhotoStatus
from buybuddy.domain.photos.schemas import PhotoFacet, PhotoFacetsOut
from buybuddy.domain.photos.tables import Photo
from buybuddy.domain.products import repository as products_repository
from buybuddy.domain.products.service import product_label
from buybuddy.errors import Conflict, NotFound
from buybuddy.infra.db import Actor, Session, Subject, emit, record_audit
from buybuddy.infra.db.pages import Count, Slice, Window


class PhotoAssigned(Conflict):
    """A photo is a real image of a product; its approval is to be undone first."""

    code = "PHOTO_ASSIGNED"


class PhotoUnreadable(Conflict):
    """A photo that no decoder can read stays discarded."""

    code = "PHOTO_UNREADABLE"


async def get_photo(session: Session, photo_id: uuid.UUID) -> Photo:
    """Raises: NotFound."""
    photo = await repository.find_photo(session, photo_id)
    if photo is None:
        raise NotFound("There is no such photo.")
    return photo


async def list_photos(session: Session, filters: PhotoFilters, window: Window) -> Slice[Photo]:
    """Return one page, newest first; the total is exact where only status and source are asked for."""
    count = None
    if filters.is_tallied:
        by_both = await repository.count_by_status_and_source(session)
        count = Count(sum(n for status, source, n in by_both if _fits(filters, status, source)))
    return await repository.list_photos(session, filters, window, count)


def _fits(filters: PhotoFilters, status: str, source: str) -> bool:
    return filters.status in (None, status) and filters.source in (None, source)


async def count_facets(session: Session, status: PhotoStatus | None, source: str | None) -> PhotoFacetsOut:
    """Count by status and by source; each count leaves its own filter out, so that it can be changed."""
    by_both = await repository.count_by_status_and_source(session)
    return PhotoFacetsOut(
        statuses=_added_up((one, n) for one, its_source, n in by_both if source in (None, its_source)),
        sources=_added_up((one, n) for its_status, one, n in by_both if status in (None, its_status)),
    )


def _added_up(counted: Iterable[tuple[str, int]]) -> list[PhotoFacet]:
    totals: Counter[str] = Counter()
    for value, n in counted:
        totals[value] += n
    return [PhotoFacet(value=value, n=n) for value, n in sorted(totals.items(), key=lambda item: (-item[1], item[0]))]


async def discard(session: Session, photo_ids: Collection[uuid.UUID], actor: Actor) -> list[uuid.UUID]:
    """Take photos out of the pool, all or none; they can be restored. Raises: NotFound, PhotoAssigned."""
    photos = await _lock(session, photo_ids)
    await _refuse_assigned(session, [photo for photo in photos.values() if photo.status == "assigned"])
    wanted = [photo for photo in photos.values() if photo.status == "unassigned"]
    return await _set_status(session, wanted, "discarded", "photo.discard", actor)


async def restore(session: Session, photo_ids: Collection[uuid.UUID], actor: Actor) -> list[uuid.UUID]:
    """Take discarded photos back, all or none. Raises: NotFound, PhotoAssigned, PhotoUnreadable."""
    photos = await _lock(session, photo_ids)
    await _refuse_assigned(session, [photo for photo in photos.values() if photo.status == "assigned"])
    if unreadable := [photo for photo in photos.values() if photo.problem is not None]:
        raise PhotoUnreadable(
            f"{unreadable[0].name} cannot be read: {unreadable[0].problem}",
            photo_ids=[str(photo.id) for photo in unreadable],
        )
    wanted = [photo for photo in photos.values() if photo.status == "discarded"]
    return await _set_status(session, wanted, "unassigned", "photo.restore", actor)


async def _lock(session: Session, photo_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Photo]:
    photos = await repository.lock_photos(session, photo_ids)
    if missing := [str(photo_id) for photo_id in photo_ids if photo_id not in photos]:
        raise NotFound("There is no such photo, or no longer.", photo_ids=missing)
    return photos


async def _refuse_assigned(session: Session, assigned: list[Photo]) -> None:
    """Raises: PhotoAssigned, with the product that each is assigned to."""
    if not assigned:
        return
    owners = await products_repository.products_by_id(session, [p.product_id for p in assigned if p.product_id])
    labels = {photo.id: product_label(owners[photo.product_id]) for photo in assigned if photo.product_id in owners}
    conflicts = [
        {"photo_id": str(photo.id), "product_id": str(photo.product_id), "product": labels.get(photo.id)}
        for photo in assigned
    ]
    more = f", and {len(assigned) - 1} more are assigned" if len(assigned) > 1 else ""
    shown = labels.get(assigned[0].id, "a product")
    raise PhotoAssigned(f"{assigned[0].name} is a real image of {shown}{more}; undo that first.", conflicts=conflicts)


async def _set_status(
    session: Session, photos: list[Photo], status: PhotoStatus, action: str, actor: Actor
) -> list[uuid.UUID]:
    photo_ids = [photo.id for photo in photos]
    if not photo_ids:
        return []
    await repository.set_status(session, photo_ids, status)
    subject = (
        Subject("photo", photos[0].id, photos[0].name)
        if len(photos) == 1
        else Subject("photos", None, f"{len(photos)} photos")
    )
    shown = [str(photo_id) for photo_id in photo_ids]
    record_audit(session, actor, action, subject, after={"photo_ids": shown})
    tell(session, photo_ids, "updated")
    return photo_ids


def tell(session: Session, photo_ids: Collection[uuid.UUID], change: str) -> None:
    """Tell open pages of a change of photos."""
    shown = [str(photo_id) for photo_id in photo_ids]
    emit(session, "photo", {"id": shown[0] if len(shown) == 1 else None, "ids": shown, "change": change})
