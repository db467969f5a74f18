"""Looking whether automatic approval is as good as was asked of it, and ending it when it is not."""

import uuid

from buybuddy.domain.collaboration.notifications.service import notify
from buybuddy.domain.matching.automation import repository
from buybuddy.domain.matching.automation.rules import Quality, must_stop
from buybuddy.domain.matching.decisions import repository as decisions_repository
from buybuddy.infra.db import Actor, Session, Subject, emit, record_audit

AUTOMATION = Subject("matching", uuid.uuid5(uuid.NAMESPACE_OID, "automatic approval"), "automatic approval")


async def watch(session: Session) -> Quality:
    """Switch automatic approval off, and tell the admins, when people find it worse than was asked of it.

    Called when somebody has answered, and by the worker's sweep: approvals are also taken back unasked.
    """
    quality = await repository.measure_quality(session)
    settings = await decisions_repository.read_settings(session)
    if not settings.is_automatic or not must_stop(quality, settings.precision_target):
        return quality
    settings = await repository.lock_settings(session)
    if not settings.is_automatic:  # somebody else has switched it off meanwhile
        return quality
    settings.is_automatic = False
    await session.flush()
    found = {"n": quality.n, "n_right": quality.n_right, "target": settings.precision_target}
    subject = Subject("matching_settings", None, "settings of matching")
    record_audit(
        session, Actor.platform(), "matching_settings.switch_off", subject,
        before={"is_automatic": True}, after={"is_automatic": False, **found},
    )  # fmt: skip
    for user_id in await repository.enabled_admins(session):
        await notify(session, user_id, "matching.automation_off", AUTOMATION, found)
    emit(session, "matching", {"id": str(AUTOMATION.id), "change": "settings", "by": Actor.platform().name})
    return quality
