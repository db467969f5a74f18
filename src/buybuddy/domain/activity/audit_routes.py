"""HTTP of the audit trail."""

from fastapi import APIRouter

from buybuddy.domain.accounts.access import Admin
from buybuddy.domain.activity import repository
from buybuddy.domain.activity.schemas import AuditOut, AuditQuery
from buybuddy.infra.db.pages import BadCursor
from buybuddy.infra.http import Page, SessionDep, WindowQuery, page_of, refusals

router = APIRouter(prefix="/audit", tags=["audit"])


@router.get("", operation_id="listAudit", responses=refusals(BadCursor))
async def list_audit(_: Admin, session: SessionDep, wanted: AuditQuery, window: WindowQuery) -> Page[AuditOut]:
    """List who did what to which row, newest first, with the values before and after; filters are joined by 'and'."""
    found = await repository.list_audit(session, wanted, window)
    return page_of([AuditOut.from_row(row) for row in found.rows], found, window)
