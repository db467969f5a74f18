"""Copies of published indexes on this machine's disk, which are mapped into memory from there.

Other processes of the machine may use the same folder: a copy appears whole, by a rename, and who has one open goes on
with it when it is removed.
"""

import contextlib
import shutil
import tempfile
import time
import uuid
from collections.abc import Collection
from pathlib import Path

import structlog

from buybuddy.errors import NotFound, StorageFull, Unavailable
from buybuddy.infra.storage import ObjectStorage, is_full
from buybuddy.infra.vectors import IndexDamaged, IndexFacts
from buybuddy.infra.vectors.facts import FILE_NAMES
from buybuddy.infra.vectors.published import PublishedIndex

HALF_COPIED = ".copying-"
GIVEN_UP_AFTER_S = 3600.0  # nothing was written into it for so long: whoever copied is gone

log = structlog.get_logger(__name__)


class IndexCopies:
    """The copies in a folder.

    Args:
        folder: nothing else may lie in it.
    """

    def __init__(self, storage: ObjectStorage, folder: Path) -> None:
        self._storage, self._folder = storage, folder

    def fetch(self, index_id: uuid.UUID, prefix: str, facts: IndexFacts) -> PublishedIndex:
        """Return an index, open; its files are copied when they are not here yet, and checked in any case. Blocking.

        Raises: IndexDamaged, Unavailable, StorageFull.
        """
        copy = self._folder / str(index_id)
        if copy.is_dir():
            try:
                return PublishedIndex.open(copy, str(index_id), facts)
            except IndexDamaged as damage:
                log.warning("index.copied_again", index=str(index_id), detail=damage.detail)
                shutil.rmtree(copy, ignore_errors=True)
        half: Path | None = None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            half = Path(tempfile.mkdtemp(prefix=HALF_COPIED, dir=self._folder))
            for name in FILE_NAMES:
                found = self._storage.download(f"{prefix}{name}", half / name)
                if found != half / name:
                    shutil.copyfile(found, half / name)
            index = PublishedIndex.open(half, str(index_id), facts)
            with contextlib.suppress(OSError):  # another process was faster; what is open here stays as it is
                half.rename(copy)
            return index
        except NotFound as error:
            raise IndexDamaged(f"A file of the index is missing: {error.detail} Build it anew.") from error
        except OSError as error:
            kind = StorageFull if is_full(error) else Unavailable
            raise kind(f"The index could not be copied to this machine: {error.strerror}.") from error
        finally:
            if half is not None:
                shutil.rmtree(half, ignore_errors=True)

    def tidy(self, needed: Collection[uuid.UUID]) -> None:
        """Remove the copies of all other indexes, and what a process that was killed has copied by halves. Blocking."""
        names = {str(index_id) for index_id in needed}
        try:
            for folder in self._folder.iterdir() if self._folder.is_dir() else ():
                is_half = folder.name.startswith(HALF_COPIED)
                if _is_given_up(folder) if is_half else folder.name not in names:
                    shutil.rmtree(folder, ignore_errors=True)
        except OSError as error:  # searches go on; the next time may fare better
            log.warning("index.copies_not_tidied", detail=str(error))


def _is_given_up(half: Path) -> bool:
    try:
        last_written_s = max(path.stat().st_mtime for path in (half, *half.iterdir()))
    except FileNotFoundError:  # it has become a copy, or was removed
        return False
    return time.time() - last_written_s > GIVEN_UP_AFTER_S
