"""HTTP of the dashboard."""

import datetime as dt

from fastapi import APIRouter

from buybuddy.domain.accounts.access import Viewer
from buybuddy.domain.activity import repository as activity_repository
from buybuddy.domain.activity.schemas import ActivityOut
from buybuddy.domain.dashboard.schemas import Count, DashboardCounts, DashboardOut
from buybuddy.domain.datasets import repository as datasets_repository
from buybuddy.domain.jobs import repository as jobs_repository
from buybuddy.domain.jobs.schemas import JobOut
from buybuddy.infra.db import Session
from buybuddy.infra.db.database import database_now
from buybuddy.infra.db.tallies import read_tally
from buybuddy.infra.http import SessionDep

router = APIRouter(tags=["dashboard"])

JOBS_SHOWN, ACTIVITY_SHOWN = 10, 20


@router.get("/dashboard", operation_id="getDashboard")
async def get_dashboard(_: Viewer, session: SessionDep) -> DashboardOut:
    """Return counts with last week's change, running jobs and recent activity."""
    n_datasets, n_new_datasets = await datasets_repository.count_datasets(session)
    counts = DashboardCounts(
        products=await _count(session, "products", "day"),
        videos_processed=await _count(session, "videos", "completed_day"),
        datasets=Count(total=n_datasets, last_week=n_new_datasets),
        embeddings=await _count(session, "image_embeddings", "day"),
    )
    jobs = await jobs_repository.list_running(session, JOBS_SHOWN)
    activity = await activity_repository.list_recent(session, ACTIVITY_SHOWN)
    return DashboardOut(
        counts=counts,
        running_jobs=[JobOut.from_row(job) for job in jobs],
        recent_activity=[ActivityOut.from_row(row) for row in activity],
    )


async def _count(session: Session, subject: str, facet: str) -> Count:
    week_ago = ((await database_now(session)) - dt.timedelta(days=6)).date().isoformat()
    by_day = await read_tally(session, subject, facet)
    return Count(total=sum(by_day.values()), last_week=sum(n for day, n in by_day.items() if day >= week_ago))
