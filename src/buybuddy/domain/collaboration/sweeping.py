"""What ended by itself; run by every worker every few seconds."""

from buybuddy.domain.collaboration.locks import service as lock_service
from buybuddy.domain.collaboration.notifications import repository as notification_repository
from buybuddy.domain.collaboration.presence import service as presence_service
from buybuddy.infra.db import Session


async def sweep(session: Session) -> None:
    """Forget locks that lapsed, tabs that are gone and notifications that nobody will look at any more."""
    await lock_service.remove_ended(session)
    await presence_service.remove_gone(session)
    await notification_repository.remove_old(session)
