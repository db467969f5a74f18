"""Prometheus figures: this process, and the queue, the leases and the trash as the database knows them."""

from fastapi import APIRouter, Response
from prometheus_client import Gauge

from buybuddy.domain.accounts.access import Viewer
from buybuddy.domain.jobs import repository
from buybuddy.infra.db import Session
from buybuddy.infra.db.trash import measure_trash
from buybuddy.infra.http import PlatformDep, SessionDep
from buybuddy.infra.http.metrics import render_metrics
from buybuddy.infra.http.platform import Platform

SLOTS = Gauge("buybuddy_job_slots", "Slots of a job type", ["type"])
TAKEN = Gauge("buybuddy_job_slots_taken", "Slots that are taken", ["type"])
WAITING = Gauge("buybuddy_jobs_waiting", "Jobs that wait for a slot", ["type"])
OLDEST_WAITING = Gauge("buybuddy_jobs_oldest_waiting_seconds", "How long the first job in line has waited", ["type"])
LONGEST_SILENCE = Gauge(
    "buybuddy_jobs_longest_silence_seconds", "Longest time since a running job was heard of", ["type"]
)
ATTEMPTS = Gauge("buybuddy_jobs_attempts", "Attempts that unfinished jobs have had", ["type"])
CRASHES = Gauge("buybuddy_jobs_crashes", "Attempts of unfinished jobs that crashed or whose lease expired", ["type"])
TRASH = Gauge("buybuddy_trash_due", "Objects or folders that are to be removed now, 10,000 at the most")
TRASH_AGE = Gauge("buybuddy_trash_oldest_seconds", "How long the oldest of them is due")
CONNECTIONS = Gauge("buybuddy_db_connections_in_use", "Connections in use", ["pool"])
CONNECTION_WAITS = Gauge("buybuddy_db_connection_waits", "Readings that had to wait for a connection so far")
CONNECTION_WAIT = Gauge("buybuddy_db_connection_wait_seconds", "How long they have waited together")

router = APIRouter(include_in_schema=False)


@router.get("/metrics")
async def get_metrics(_: Viewer, session: SessionDep, platform: PlatformDep) -> Response:
    """Answer what Prometheus scrapes."""
    await _read_jobs(session)
    TRASH_AGE.set((trash := await measure_trash(session)).oldest_s)
    TRASH.set(trash.n_due)
    _read_connections(platform)
    return render_metrics()


async def _read_jobs(session: Session) -> None:
    for job_type, slots, taken, waiting in await repository.queue_status(session):
        SLOTS.labels(job_type).set(slots)
        TAKEN.labels(job_type).set(taken)
        WAITING.labels(job_type).set(waiting)
    for health in await repository.queue_health(session):
        OLDEST_WAITING.labels(health.type).set(health.oldest_waiting_s)
        LONGEST_SILENCE.labels(health.type).set(health.longest_silence_s)
        ATTEMPTS.labels(health.type).set(health.n_attempts)
        CRASHES.labels(health.type).set(health.n_crashes)


def _read_connections(platform: Platform) -> None:
    CONNECTIONS.labels("transactions").set(platform.db.n_in_use)
    reading = platform.reader.usage()
    CONNECTIONS.labels("reading").set(reading.n_in_use)
    CONNECTION_WAITS.set(reading.n_waits)
    CONNECTION_WAIT.set(reading.waited_s)
