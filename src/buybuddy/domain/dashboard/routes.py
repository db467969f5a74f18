"""HTTP of the dashboard."""

from fastapi import APIRouter

from buybuddy.domain.accounts.access import Viewer
from buybuddy.domain.activity import repository as activity_repository
from buybuddy.domain.activity.schemas import ActivityOut
from buybuddy.domain.dashboard.schemas import Count, DashboardCounts, DashboardOut
from buybuddy.domain.datasets import repository as datasets_repository
from buybuddy.domain.jobs import repository as jobs_repository
from buybuddy.domain.jobs.schemas import JobOut
from buybuddy.infra.db.tallies import count_by_week
from buybuddy.infra.http import SessionDep

router = APIRouter(tags=["dashboard"])

JOBS_SHOWN, ACTIVITY_SHOWN = 10, 20
BY_DAY = PRODUCTS, VIDEOS, EMBEDDINGS = ("products", "day"), ("videos", "completed_day"), ("image_embeddings", "day")


@router.get("/dashboard", operation_id="getDashboard")
async def get_dashboard(_: Viewer, session: SessionDep) -> DashboardOut:
    """Return counts with last week's change, running jobs and recent activity."""
    by_day = await count_by_week(session, BY_DAY)
    n_datasets, n_new_datasets = await datasets_repository.count_datasets(session)
    counts = DashboardCounts(
        products=Count(**by_day[PRODUCTS]._asdict()),
        videos_processed=Count(**by_day[VIDEOS]._asdict()),
        datasets=Count(total=n_datasets, last_week=n_new_datasets),
        embeddings=Count(**by_day[EMBEDDINGS]._asdict()),
    )
    jobs = await jobs_repository.list_running(session, JOBS_SHOWN)
    activity = await activity_repository.list_recent(session, ACTIVITY_SHOWN)
    return DashboardOut(
        counts=counts,
        running_jobs=[JobOut.from_row(job) for job in jobs],
        recent_activity=[ActivityOut.from_row(row) for row in activity],
    )
