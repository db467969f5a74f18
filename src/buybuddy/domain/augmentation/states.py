"""How runs stand, counted from their jobs and products."""

import uuid
from collections.abc import Sequence

from buybuddy.domain.augmentation import repository
from buybuddy.domain.augmentation.repository import Totals
from buybuddy.domain.augmentation.rules import ShardCounts, run_status
from buybuddy.domain.augmentation.schemas import RunOut, RunState
from buybuddy.domain.augmentation.tables import AugmentationRun
from buybuddy.infra.db import Session

NOTHING = Totals(0, 0, 0, 0, 0, 0, 0, 0)


async def show_runs(session: Session, runs: Sequence[AugmentationRun]) -> list[RunOut]:
    """Return runs as the API shows them, in a handful of queries however many they are."""
    ids = [run.id for run in runs]
    totals = await repository.sum_products(session, ids)
    shards = await repository.count_shards(session, ids)
    progress = await repository.progress_of(session, ids)
    plans = await repository.plan_states(session, runs)
    return [
        RunOut.of(run, _state(run, totals.get(run.id, NOTHING), shards.get(run.id), progress.get(run.id), plans))
        for run in runs
    ]


def _state(
    run: AugmentationRun,
    totals: Totals,
    shards: ShardCounts | None,
    progress: tuple[float, float | None] | None,
    plans: dict[uuid.UUID, str],
) -> RunState:
    counts = shards or ShardCounts()
    share, remaining_s = progress or (1.0 if run.is_planned else 0.0, None)
    return RunState(
        status=run_status(
            is_planned=run.is_planned,
            is_plan_over=plans.get(run.id) in (None, "failed", "cancelled"),
            is_cancelled=run.cancelled_at is not None,
            shards=counts,
        ),
        progress=100 * share,
        remaining_s=remaining_s,
        totals=totals,
        n_parts=counts.n_all,
        n_failed_parts=counts.n_failed,
    )
