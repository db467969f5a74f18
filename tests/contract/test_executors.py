"""What every executor promises (infra/executors/contract.py). A new executor joins the fixture and nothing else."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from buybuddy.errors import BuybuddyError, StageCancelled, StageCrashed, StageFailed, UnreadableMedia
from buybuddy.infra.executors import Executor, LocalExecutor
from buybuddy.infra.executors.contract import CANCEL_GRACE_S
from buybuddy.infra.storage import ObjectStorage
from buybuddy.stages.messages import Setup
from buybuddy.stages.specs import EmbedQueryResult, EmbedQuerySpec


class Ear:
    """Remembers what an attempt said."""

    def __init__(self) -> None:
        self.progress: list[tuple[float, float, str]] = []
        self.logs: list[tuple[str, dict[str, object]]] = []

    def on_progress(self, fraction: float, step: str) -> None:
        self.progress.append((time.monotonic(), fraction, step))

    def on_log(self, level: str, event: str, fields: dict[str, object]) -> None:
        self.logs.append((event, fields))


@pytest.fixture
async def executor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Executor]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("JWT_SECRET", "must not reach a stage")
    setup = Setup(
        storage_url=f"file://{tmp_path / 'storage'}",
        models_dir=tmp_path,
        scratch_dir=tmp_path / "scratch",
        n_threads=1,
        extra_stages={"embed_query": "tests.contract.executor_stages:behave"},
    )
    local = LocalExecutor(setup, n_processes=1)
    yield local
    await local.close()


async def run(executor: Executor, wish: str, ear: Ear | None = None, cancel: asyncio.Event | None = None) -> float:
    """Run one attempt and return what it answers: the id of the process that ran it."""
    spec = EmbedQuerySpec(photo_key=wish, output_prefix="real-images/queries/1/")
    result = await executor.run(spec, attempt_id=f"job/{wish}", listener=ear or Ear(), cancel=cancel or asyncio.Event())
    assert isinstance(result, EmbedQueryResult)
    return result.vectors[0][0]


async def test_a_warm_process_serves_one_attempt_after_another(executor: Executor) -> None:
    assert await run(executor, "answer") == await run(executor, "print")


@pytest.mark.parametrize(
    ("wish", "error"),
    [("unreadable", UnreadableMedia), ("bug", StageFailed), ("outside", BuybuddyError), ("die", StageCrashed)],
)
async def test_a_failed_attempt_is_one_error_and_the_next_one_runs(
    executor: Executor, wish: str, error: type[BuybuddyError]
) -> None:
    with pytest.raises(error) as caught:
        await run(executor, wish)
    assert caught.value.is_retryable == (wish == "die")
    assert await run(executor, "answer") > 0


async def test_progress_is_heard_in_order_and_at_most_twice_a_second(executor: Executor) -> None:
    ear = Ear()
    await run(executor, "work", ear)
    fractions = [fraction for _, fraction, _ in ear.progress]
    assert fractions == sorted(fractions)
    assert 3 <= len(fractions) <= 7  # about two seconds of work
    assert ear.logs == [("work.done", {"steps": 200})]


@pytest.mark.parametrize("wish", ["work", "deaf"])
async def test_a_cancelled_attempt_ends_in_time_even_when_it_does_not_listen(executor: Executor, wish: str) -> None:
    await run(executor, "answer")
    cancel = asyncio.Event()
    running = asyncio.create_task(run(executor, wish, cancel=cancel))
    await asyncio.sleep(0.3)
    started_s = time.monotonic()
    cancel.set()
    with pytest.raises(StageCancelled):
        await running
    assert time.monotonic() - started_s < CANCEL_GRACE_S + 2
    assert await run(executor, "answer") > 0


async def test_a_stage_sees_no_secret_and_writes_only_below_its_prefix(executor: Executor, tmp_path: Path) -> None:
    ear = Ear()
    await run(executor, "environment", ear)
    assert ear.logs == [("environment", {"leaked": []})]
    await run(executor, "write")
    assert ObjectStorage(f"file://{tmp_path / 'storage'}").list_keys("real-images/") == ["real-images/queries/1/x.png"]
