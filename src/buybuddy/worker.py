"""The worker process: takes jobs from the queue, runs their stages, applies their results."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable

import structlog
import uvloop

from buybuddy.connections import database_url, open_storage, stage_setup
from buybuddy.domain.activity import repository as activity
from buybuddy.domain.jobs.board import JobBoard
from buybuddy.domain.jobs.runner import JobRunner
from buybuddy.domain.jobs.trash_collector import TrashCollector
from buybuddy.domain.matching.queue.counting import QueueCounter
from buybuddy.errors import Unavailable
from buybuddy.flow import (
    begin_approving,
    build_apply_result,
    build_batch_steps,
    build_board,
    follow_augmentation,
    follow_matching,
    follow_ready_after,
    forget_old_work,
)
from buybuddy.infra.db import Database
from buybuddy.infra.db.sign_of_life import SignOfLife
from buybuddy.infra.db.tallies import fold_tallies
from buybuddy.infra.executors import LocalExecutor
from buybuddy.infra.logs import configure_logs
from buybuddy.infra.queue import JobQueue
from buybuddy.settings import Settings

SWEEP_INTERVAL_S = 5.0
BATCHES_S = 2.0  # of a sweep, for each kind of work that may take long
LAST_COLLECTION_S = 3.0

log = structlog.get_logger(__name__)


async def run_worker(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; then stop what runs and queue it again."""
    dsn = database_url(settings)
    db, queue, storage = Database(dsn), JobQueue(dsn), open_storage(settings)
    board = build_board(queue)
    executor = LocalExecutor(stage_setup(settings), n_processes=settings.stage_processes)
    life = SignOfLife(db)
    apply_result, batch_steps = build_apply_result(board, storage), build_batch_steps(storage)
    runner = JobRunner(db, board, executor, apply_result, life.number, batch_steps)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)

    await executor.warm_up()
    living = asyncio.create_task(life.hold())
    working = asyncio.create_task(queue.run_worker(runner.run, concurrency=settings.stage_processes))
    sweeping = asyncio.create_task(sweep_forever(db, board, runner))
    collector = TrashCollector(db, storage)
    collecting = asyncio.create_task(collector.run())
    log.info("worker.ready", stage_processes=settings.stage_processes)
    asked = asyncio.create_task(stopping.wait())
    await asyncio.wait({living, working, sweeping, collecting, asked}, return_when=asyncio.FIRST_COMPLETED)
    await runner.stop()
    for task in (sweeping, collecting, working, living):
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    with contextlib.suppress(Unavailable, TimeoutError):  # what the jobs that were stopped leave; others take the rest
        async with asyncio.timeout(LAST_COLLECTION_S):
            await collector.empty()
    await executor.close()
    await db.close()
    log.info("worker.stopped")


async def sweep_forever(
    db: Database, board: JobBoard, runner: JobRunner, *, interval_s: float = SWEEP_INTERVAL_S
) -> None:
    """Do again and again what nobody asks for; a fault of one sweep ends neither the next one nor the worker."""
    counter = QueueCounter(db)
    while True:
        try:
            await runner.sweep()
            async with db.transaction() as session:
                await activity.forget_old_events(session)
                await fold_tallies(session)
                await forget_old_work(session)
            async with db.transaction() as session:
                await follow_augmentation(session, board)
            await _sweep_matching(db, board, counter)
        except Unavailable as error:
            log.warning("sweep.skipped", detail=error.detail)
        except Exception as error:
            log.error("sweep.broken", exc_info=error)
        await asyncio.sleep(interval_s)


async def _sweep_matching(db: Database, board: JobBoard, counter: QueueCounter) -> None:
    async with db.transaction() as session:
        await follow_matching(session, board)

    async def follow() -> bool:
        async with db.transaction() as session:
            return await follow_ready_after(session)

    await _for_a_while(follow)
    await _for_a_while(counter.count)
    async with db.transaction() as session:
        await begin_approving(session, board)


async def _for_a_while(do_batch: Callable[[], Awaitable[bool]]) -> None:
    """Do batches while there are some; what is left after BATCHES_S is for the next sweep."""
    ends_at_s = asyncio.get_running_loop().time() + BATCHES_S
    while asyncio.get_running_loop().time() < ends_at_s and await do_batch():
        pass


def main() -> None:
    settings = Settings()
    configure_logs(settings.log_level)
    uvloop.run(run_worker(settings))


if __name__ == "__main__":
    main()
