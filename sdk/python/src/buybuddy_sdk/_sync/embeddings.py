# Generated from _async/embeddings.py by scripts/generate.py, not to be edited.
"""Vectors of datasets, and published indexes of them."""

from collections.abc import Callable, Sequence
from typing import Any, Self

from pydantic import PrivateAttr

from buybuddy_sdk._page import Ref, id_of, in_path
from buybuddy_sdk._sync.jobs import Job, Jobs, OnJob
from buybuddy_sdk._sync.pager import Pager
from buybuddy_sdk._sync.slots import start_when_free
from buybuddy_sdk._sync.transport import Call, Transport, new_key
from buybuddy_sdk.models import IndexOut


class Index(IndexOut):
    """A published index, as it was when it was read last."""

    _indexes: "Indexes" = PrivateAttr()

    @classmethod
    def of(cls, indexes: "Indexes", document: Any) -> Self:
        """Build an index that can be waited for."""
        found = cls.model_validate(document)
        found._indexes = indexes
        return found

    def refresh(self) -> "Index":
        """Return it as it is now."""
        return self._indexes.get(self)

    def wait(self, on_progress: OnJob | None = None, *, progress: bool | None = None) -> "Index":
        """Return it once it is built. Raises: JobFailed.

        Args:
            on_progress: hears of every look at a job: one gathers the vectors, the next builds.
            progress: bars on standard error; None shows them on a terminal when nobody else listens.
        """
        return self._indexes.wait(self, on_progress, progress=progress)


class Indexes:
    """`client.indexes`: of one frozen version of a dataset each, and at most one of them answers searches."""

    def __init__(self, transport: Transport, jobs: Jobs) -> None:
        self._transport, self._jobs = transport, jobs

    def list(self) -> Pager[Index]:
        """Iterate over indexes, newest first."""
        return Pager(self._transport, "/embeddings/indexes", self._bind, {})

    def get(self, index: Ref) -> Index:
        """Return one index."""
        return self._transport.read_as(self._bind, Call("GET", _path(index)))

    def build(
        self,
        name: str,
        *,
        dataset: Ref | None = None,
        dataset_version: Ref | None = None,
        kind: str | None = None,
        wait_for_slot: float | None = None,
        on_wait: Callable[[str], None] | None = None,
    ) -> Index:
        """Build an index of the vectors of a frozen version; `wait()` on what is returned until it is there.

        Args:
            dataset: its newest frozen version is taken.
            dataset_version: or this one; give either.
            kind: exact, ivf or hnsw; by the number of vectors without.
            wait_for_slot: for how many seconds to try while no slot at all is free; `math.inf` for ever.
            on_wait: hears why, each time.
        Raises: Conflict (NAME_TAKEN, NOT_FROZEN); QueueFull; DeadlineExceeded after such a wait.
        """
        if (dataset is None) == (dataset_version is None):
            raise ValueError("name either a dataset or one of its versions")
        given = {
            "dataset_id": None if dataset is None else id_of(dataset),
            "dataset_version_id": None if dataset_version is None else id_of(dataset_version),
            "kind": kind,
        }
        body = {"name": name, **{key: value for key, value in given.items() if value is not None}}
        headers = {"Idempotency-Key": new_key()}
        call = Call("POST", "/embeddings/indexes", json=body, headers=headers, is_repeatable=True)
        return start_when_free(self._transport, self._bind, call, wait_for_slot, on_wait)

    def wait(self, index: Ref, on_progress: OnJob | None = None, *, progress: bool | None = None) -> Index:
        """Return an index once it is built; see Index.wait. Raises: JobFailed."""
        found = self.get(index)
        while found.status != "ready" and found.job is not None:
            ended = self._jobs.wait([found.job.id], on_progress=on_progress, progress=progress)
            ended[0].raise_for_status()
            last_id, found = found.job.id, self.get(index)
            if found.job is not None and found.job.id == last_id:
                break  # nothing follows that could be waited for
        return found

    def activate(self, index: Ref) -> Index:
        """Have an index answer searches from now on; one whose files are damaged is refused. Raises: Conflict."""
        return self._transport.read_as(self._bind, Call("POST", f"{_path(index)}/activate"))

    def roll_back(self) -> Index | None:
        """Have what answered before answer again: an index, or, for None, the living vectors. Raises: Conflict."""
        return self._transport.read_as(
            lambda answer: None if answer["index"] is None else self._bind(answer["index"]),
            Call("POST", "/embeddings/indexes/rollback"),
        )

    def delete(self, index: Ref) -> None:
        """Remove an index that neither serves nor is being built. Raises: Conflict (INDEX_IN_USE)."""
        self._transport.remove(_path(index))

    def _bind(self, document: Any) -> Index:
        return Index.of(self, document)


class Embeddings:
    """`client.embeddings`."""

    def __init__(self, transport: Transport, jobs: Jobs) -> None:
        self._transport, self._jobs = transport, jobs

    def extract(
        self,
        dataset: Ref,
        *,
        wait_for_slot: float | None = None,
        on_wait: Callable[[str], None] | None = None,
    ) -> Sequence[Job]:
        """Embed the pictures of a dataset's products that have no vector yet.

        Returns the first job, which makes its successors; none when every picture has a vector.
        Raises: Conflict while it is being done; QueueFull; DeadlineExceeded after `wait_for_slot` seconds.
        """
        headers = {"Idempotency-Key": new_key()}
        body = {"dataset_id": id_of(dataset)}
        call = Call("POST", "/embeddings/extract", json=body, headers=headers, is_repeatable=True)
        return start_when_free(self._transport, self._started, call, wait_for_slot, on_wait)

    def jobs(self, *, status: str | None = None) -> Pager[Job]:
        """Iterate over the jobs that make vectors and indexes, newest first."""
        return Pager(self._transport, "/embeddings/jobs", self._jobs.bind, {"status": status})

    def _started(self, answer: Any) -> Sequence[Job]:
        return [self._jobs.bind(job) for job in answer["jobs"]]


def _path(index: Ref) -> str:
    return f"/embeddings/indexes/{in_path(id_of(index))}"
