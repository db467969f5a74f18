"""Prometheus figures: this process's requests, and the queue as the database knows it."""

from fastapi import APIRouter, Response
from prometheus_client import Gauge

from buybuddy.domain.accounts.access import Viewer
from buybuddy.domain.jobs import repository
from buybuddy.infra.http import SessionDep
from buybuddy.infra.http.metrics import render_metrics

SLOTS = Gauge("buybuddy_job_slots", "Slots of a job type", ["type"])
TAKEN = Gauge("buybuddy_job_slots_taken", "Slots that are taken", ["type"])
WAITING = Gauge("buybuddy_jobs_waiting", "Jobs that wait for a slot", ["type"])

router = APIRouter(include_in_schema=False)


@router.get("/metrics")
async def get_metrics(_: Viewer, session: SessionDep) -> Response:
    """Answer what Prometheus scrapes."""
    for job_type, slots, taken, waiting in await repository.queue_status(session):
        SLOTS.labels(job_type).set(slots)
        TAKEN.labels(job_type).set(taken)
        WAITING.labels(job_type).set(waiting)
    return render_metrics()
