"""What the dashboard shows."""

from pydantic import BaseModel

from buybuddy.domain.activity.schemas import ActivityOut
from buybuddy.domain.jobs.schemas import JobOut


class Count(BaseModel):
    """How many there are, and how many of them came in the last seven days."""

    total: int
    last_week: int


class DashboardCounts(BaseModel):
    products: Count
    videos_processed: Count
    datasets: Count
    embeddings: Count


class DashboardOut(BaseModel):
    counts: DashboardCounts
    running_jobs: list[JobOut]
    recent_activity: list[ActivityOut]
