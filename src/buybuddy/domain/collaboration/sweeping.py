"""What ended by itself; run by every worker every few seconds."""

from buybuddy.domain.collaboration import lock_service, notification_repository, presence_service
from buybuddy.infra.db import Session


async def sweep(session: Session) -> None:
    """Forget locks that lapsed, tabs that are gone and notifications that nobody will look at any more."""
    await lock_service.remove_ended(session)
    await presence_service.remove_gone(session)
    await notification_repository.remove_old(session)
