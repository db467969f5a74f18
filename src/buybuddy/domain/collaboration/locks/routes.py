"""HTTP of exclusive locks."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query

from buybuddy.domain.accounts.access import Operator, Principal, Viewer
from buybuddy.domain.accounts.rules import allows
from buybuddy.domain.collaboration.locks import repository as lock_repository
from buybuddy.domain.collaboration.locks import service as lock_service
from buybuddy.domain.collaboration.locks.schemas import LockAnswer
from buybuddy.domain.collaboration.rules import ROLE_TO_LOCK, ResourceType
from buybuddy.domain.collaboration.tabs import TAB_BODY, HolderDep
from buybuddy.errors import InvalidInput, NotAllowed, PayloadTooLarge, ResourceLocked
from buybuddy.infra.http import SessionDep, refusals

router = APIRouter(prefix="/locks", tags=["locks"])

ONE = "/{resource_type}/{resource_id}"


@router.post(
    ONE,
    operation_id="acquireLock",
    openapi_extra=TAB_BODY,
    responses=refusals(InvalidInput, PayloadTooLarge, ResourceLocked),
)
async def acquire_lock(
    resource_type: ResourceType, resource_id: uuid.UUID, principal: Operator, holder: HolderDep, session: SessionDep
) -> LockAnswer:
    """Take the lock for 5 minutes or renew it; when another tab has it, `acquired` is false and `lock` says who."""
    _refuse_lesser(principal, ROLE_TO_LOCK[resource_type])
    return LockAnswer.of(await lock_service.acquire(session, resource_type, resource_id, holder), holder)


@router.get(ONE, operation_id="getLock", responses=refusals(InvalidInput))
async def get_lock(
    resource_type: ResourceType, resource_id: uuid.UUID, _: Viewer, holder: HolderDep, session: SessionDep
) -> LockAnswer:
    """Say who holds the lock."""
    return LockAnswer.of(await lock_repository.find_lock(session, resource_type, resource_id), holder)


@router.delete(ONE, operation_id="releaseLock", responses=refusals(InvalidInput))
async def release_lock(
    resource_type: ResourceType,
    resource_id: uuid.UUID,
    principal: Operator,
    holder: HolderDep,
    session: SessionDep,
    is_forced: Annotated[bool, Query(alias="force", description="Admins: take somebody else's lock away.")] = False,
) -> LockAnswer:
    """Give one's own lock back; a lock of somebody else stays, and is shown."""
    if is_forced:
        _refuse_lesser(principal, "admin")
        await lock_service.break_lock(session, resource_type, resource_id, principal.actor)
    else:
        await lock_service.release(session, resource_type, resource_id, holder)
    return LockAnswer.of(await lock_repository.find_lock(session, resource_type, resource_id), holder)


@router.post(
    f"{ONE}/release",
    operation_id="releaseLockByBeacon",
    status_code=204,
    openapi_extra=TAB_BODY,
    responses=refusals(InvalidInput, PayloadTooLarge),
)
async def release_lock_by_beacon(
    resource_type: ResourceType, resource_id: uuid.UUID, _: Operator, holder: HolderDep, session: SessionDep
) -> None:
    """Give one's own lock back from a page that closes, by navigator.sendBeacon; the tab in the query or the text."""
    await lock_service.release(session, resource_type, resource_id, holder)


def _refuse_lesser(principal: Principal, needed: str) -> None:
    """Raises: NotAllowed."""
    if not allows(principal.role, needed):
        raise NotAllowed(f"This needs the role {needed}; you are {principal.role}.")
