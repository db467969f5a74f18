"""Which photos of the pool are meant."""

import uuid
from dataclasses import dataclass

from buybuddy.domain.photos.rules import PhotoStatus


@dataclass(frozen=True)
class PhotoFilters:
    """Conditions that all hold; an empty one asks for every photo.

    Args:
        barcode: whole: what the import says that a photo shows, or what was read in it.
        search: how the name begins, at most 100 letters.
    """

    status: PhotoStatus | None = None
    source: str | None = None
    barcode: str | None = None
    import_id: uuid.UUID | None = None
    group_id: uuid.UUID | None = None
    search: str | None = None

    @property
    def is_tallied(self) -> bool:
        """Whether how many there are is known without counting."""
        return (self.barcode, self.import_id, self.group_id, self.search or None) == (None, None, None, None)
