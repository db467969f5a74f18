"""HTTP of the dashboard."""

from fastapi import APIRouter

from buybuddy.domain.accounts.access import Viewer
from buybuddy.domain.activity import repository as activity_repository
from buybuddy.domain.activity.schemas import ActivityOut
from buybuddy.domain.dashboard.schemas import Count, DashboardCounts, DashboardOut
from buybuddy.domain.embeddings import repository as embeddings_repository
from buybuddy.domain.jobs import repository as jobs_repository
from buybuddy.domain.jobs.schemas import JobOut
from buybuddy.domain.products import repository as products_repository
from buybuddy.domain.videos import repository as videos_repository
from buybuddy.infra.http import SessionDep

router = APIRouter(tags=["dashboard"])

JOBS_SHOWN, ACTIVITY_SHOWN = 10, 20


@router.get("/dashboard", operation_id="getDashboard")
async def get_dashboard(_: Viewer, session: SessionDep) -> DashboardOut:
    """Return counts with last week's change, running jobs and recent activity."""
    counts = DashboardCounts(
        products=_count(await products_repository.count_products(session)),
        videos_processed=_count(await videos_repository.count_completed(session)),
        embeddings=_count(await embeddings_repository.count_all(session)),
    )
    jobs = await jobs_repository.list_running(session, JOBS_SHOWN)
    activity = await activity_repository.list_recent(session, ACTIVITY_SHOWN)
    return DashboardOut(
        counts=counts,
        running_jobs=[JobOut.from_row(job) for job in jobs],
        recent_activity=[ActivityOut.from_row(row) for row in activity],
    )


def _count(total_and_recent: tuple[int, int]) -> Count:
    return Count(total=total_and_recent[0], last_week=total_and_recent[1])
