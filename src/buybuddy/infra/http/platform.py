"""What a running API process stands on; made once at start, handed to every route."""

from dataclasses import dataclass

from buybuddy.infra.db import Database
from buybuddy.infra.db.event_feed import EventFeed
from buybuddy.infra.db.reader import Reader
from buybuddy.infra.executors import Executor
from buybuddy.infra.queue import JobQueue
from buybuddy.infra.storage import LinkSigner, ObjectStorage
from buybuddy.settings import Settings


@dataclass(frozen=True)
class Platform:
    """The parts of the platform.

    Args:
        queries: runs short stages while a person waits, in a process of its own.
    """

    settings: Settings
    db: Database
    reader: Reader
    storage: ObjectStorage
    links: LinkSigner
    queue: JobQueue
    queries: Executor
    events: EventFeed

    def link(self, key: str | None) -> str | None:
        """Return a signed, expiring link to an object; None for none."""
        return None if key is None else self.links.sign(key)
