"""The queue: wakes a worker for a job, from inside the transaction that made the job."""

from buybuddy.infra.queue.job_queue import JobQueue

__all__ = ["JobQueue"]
