"""Searching a published index for many at once: what waits is searched together, and the index can be swapped."""

import asyncio
import threading
from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from buybuddy.errors import Conflict, Unavailable
from buybuddy.infra.vectors.faiss_library import use_threads
from buybuddy.infra.vectors.published import Found, PublishedIndex

FloatArray = npt.NDArray[np.float32]

MOST_AT_ONCE = 64  # queries of one batch
MOST_WAITING = 4_096


@dataclass(eq=False)
class _Request:
    """A search that waits; it is of the index that served when it came."""

    index: PublishedIndex
    queries: FloatArray
    k: int
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Found]


class IndexServer:
    """Answers searches from the current index, on one thread of its own.

    Nothing waits for company: a search that finds the thread idle starts at once, and what comes meanwhile is the next
    batch.

    Args:
        n_threads: how many FAISS may use for a batch.
    """

    def __init__(self, *, n_threads: int = 1, most_at_once: int = MOST_AT_ONCE) -> None:
        self._n_threads, self._most_at_once = n_threads, most_at_once
        self._current: PublishedIndex | None = None
        self._waiting: deque[_Request] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread: threading.Thread | None = None

    @property
    def current(self) -> PublishedIndex | None:
        return self._current

    def swap(self, index: PublishedIndex | None) -> None:
        """Have another index answer what comes from now on; what has come already is answered by the one before."""
        self._current = index

    async def search(self, queries: FloatArray, k: int, index: PublishedIndex | None = None) -> Found:
        """Find the k most similar vectors for each query, in the current index or in the one that is named.

        Args:
            queries: (n, dim) float32 unit rows.
        Raises: Conflict when no index serves, ValueError for queries of another length, Unavailable.
        """
        index = index or self._current
        if index is None:
            raise Conflict("No published index serves.")
        index.check(queries)
        loop = asyncio.get_running_loop()
        request = _Request(index, queries, min(k, index.facts.n_vectors), loop, loop.create_future())
        with self._changed:
            if self._is_closed or len(self._waiting) >= MOST_WAITING:
                raise Unavailable("Too many searches are waiting; try again in a moment.")
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="index-server", daemon=True)
                self._thread.start()
            self._waiting.append(request)
            self._changed.notify()
        return await request.answer

    def close(self) -> None:
        """Stop answering; what waits is refused. Blocking, for as long as a batch takes."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _serve(self) -> None:
        use_threads(self._n_threads)
        while (batch := self._next_batch()) is not None:
            try:
                answers: list[Found] | Exception = _search_together(batch)
            except Exception as error:  # noqa: BLE001 - it is raised to those who asked
                answers = error
            # As one call for each loop: waking a loop costs more than filling an answer in.
            for loop in {request.loop for request in batch}:
                _tell(loop, batch, answers)
            del batch, answers  # while this waits, it keeps no index open

    def _next_batch(self) -> list[_Request] | None:
        """Wait for a request, and return it with those behind it that fit; None once closed."""
        with self._changed:
            while not self._waiting and not self._is_closed:
                self._changed.wait()
            if self._is_closed:
                refused, self._waiting = list(self._waiting), deque()
                for loop in {request.loop for request in refused}:
                    _tell(loop, refused, Unavailable("The platform is being stopped."))
                return None
            batch = [self._waiting.popleft()]
            n_queries = len(batch[0].queries)
            while self._waiting and self._waiting[0].index is batch[0].index:
                n_queries += len(self._waiting[0].queries)
                if n_queries > self._most_at_once:
                    break
                batch.append(self._waiting.popleft())
            return batch


def _search_together(batch: list[_Request]) -> list[Found]:
    if len(batch) == 1:
        return [batch[0].index.search(batch[0].queries, batch[0].k)]
    found = batch[0].index.search(
        np.concatenate([request.queries for request in batch]), max(request.k for request in batch)
    )
    answers, start = [], 0
    for request in batch:
        end = start + len(request.queries)
        answers.append(Found(found.rows[start:end, : request.k], found.similarities[start:end, : request.k]))
        start = end
    return answers


def _tell(loop: asyncio.AbstractEventLoop, batch: list[_Request], answers: list[Found] | Exception) -> None:
    """Give the requests of a loop their answers, on that loop."""

    def fill_in() -> None:
        for number, request in enumerate(batch):
            if request.loop is not loop or request.answer.done():  # done: whoever asked has gone
                continue
            if isinstance(answers, Exception):
                request.answer.set_exception(answers)
            else:
                request.answer.set_result(answers[number])

    if not loop.is_closed():
        loop.call_soon_threadsafe(fill_in)
