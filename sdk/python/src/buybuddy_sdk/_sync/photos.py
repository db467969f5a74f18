# Generated from _async/photos.py by scripts/generate.py, not to be edited.
"""Photos from stores: the pool that is matched with products."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from buybuddy_sdk._files import FilePath, Form, NamedFile
from buybuddy_sdk._page import Ref, id_of, in_path
from buybuddy_sdk._sync.pager import Pager
from buybuddy_sdk._sync.transport import Call, Transport, new_key
from buybuddy_sdk.models import (
    AssignmentOut,
    PhotoFacetsOut,
    PhotoImportOut,
    PhotoOut,
    PhotoProblemOut,
    PhotosTakenOut,
)

UPLOAD_SILENCE_S = 600.0
LONGEST_SHOWN = 180  # letters of a file's name


class Photos:
    """`client.photos`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        status: str | None = None,
        source: str | None = None,
        barcode: str | None = None,
        photo_import: Ref | None = None,
        group: Ref | None = None,
        search: str | None = None,
    ) -> Pager[PhotoOut]:
        """Iterate over photos, newest first.

        Args:
            barcode: whole: what an import says that a photo shows, or what was read in it.
            group: near-duplicates: the `group_id` of a photo.
            search: how the name begins.
        """
        params = {
            "status": status,
            "source": source,
            "barcode": barcode,
            "import_id": None if photo_import is None else id_of(photo_import),
            "group": None if group is None else id_of(group),
            "search": search,
        }
        return Pager(self._transport, "/real-images", PhotoOut.model_validate, params)

    def get(self, photo: Ref) -> PhotoOut:
        """Return one photo."""
        return self._transport.get(PhotoOut, f"/real-images/{in_path(id_of(photo))}")

    def facets(self, *, status: str | None = None, source: str | None = None) -> PhotoFacetsOut:
        """Count photos by status and by source; each count leaves its own filter out."""
        return self._transport.get(PhotoFacetsOut, "/real-images/facets", status=status, source=source)

    def add(
        self,
        *files: FilePath | NamedFile,
        source: str | None = None,
        rows: Sequence[Mapping[str, Any]] | None = None,
        photo_import: Ref | None = None,
    ) -> PhotosTakenOut:
        """Send photos, or ZIP archives of photos; the same bytes are one photo, and what is none is listed.

        Args:
            files: on disk, sent under their file names; NamedFile gives one another name, such as a path.
            rows: what is known of single files: `name` as sent, and `source`, `captured_at`, `barcode`, `external_id`.
            photo_import: what they belong to; see `begin_import`. A new one without.
        """
        if photo_import is None and files:  # before, so that files that are sent twice make one import
            photo_import = self.begin_import(_label_of(files), source=source or "upload")
        fields = {"source": source, "import_id": None if photo_import is None else id_of(photo_import)}
        given = {name: str(value) for name, value in fields.items() if value is not None}
        if rows:
            given["rows"] = json.dumps(list(rows), default=str)
        form = Form(tuple(("files", one if isinstance(one, NamedFile) else Path(one)) for one in files), given)
        call = Call("POST", "/real-images", form=form, is_repeatable=True, silence_s=UPLOAD_SILENCE_S)
        return self._transport.read(PhotosTakenOut, call)

    def discard(self, photos: Iterable[Ref]) -> Sequence[str]:
        """Take photos out of the pool, all or none; return those that were in it. Raises: Conflict."""
        return self._change("discard", photos)

    def restore(self, photos: Iterable[Ref]) -> Sequence[str]:
        """Take discarded photos back, all or none; return those that were discarded."""
        return self._change("restore", photos)

    def assign(self, pairs: Mapping[Ref, str]) -> Sequence[AssignmentOut]:
        """Make photos real images of the products that have these barcodes; each pair has its own answer."""
        body = {"pairs": [{"photo_id": id_of(photo), "barcode": barcode} for photo, barcode in pairs.items()]}
        return self._transport.read_list(AssignmentOut, Call("POST", "/matching/assign", json=body, is_repeatable=True))

    def begin_import(self, label: str, *, source: str = "upload") -> PhotoImportOut:
        """Begin an import, to which photos can be added in any number of calls."""
        # With an id of our own the same import sent twice is begun once.
        body = {"id": new_key(), "label": label, "source": source}
        call = Call("POST", "/real-images/imports", json=body, is_repeatable=True)
        return self._transport.read(PhotoImportOut, call)

    def imports(self) -> Pager[PhotoImportOut]:
        """Iterate over imports, newest first."""
        return Pager(self._transport, "/real-images/imports", PhotoImportOut.model_validate, {})

    def get_import(self, photo_import: Ref) -> PhotoImportOut:
        """Return what became of an import's files so far, and how many of its photos are still to be read."""
        return self._transport.get(PhotoImportOut, _path(photo_import))

    def problems(self, photo_import: Ref) -> Pager[PhotoProblemOut]:
        """Iterate over the files of an import that are no photos, and photos that could not be read."""
        return Pager(self._transport, f"{_path(photo_import)}/problems", PhotoProblemOut.model_validate, {})

    def _change(self, what: str, photos: Iterable[Ref]) -> Sequence[str]:
        body = {"photo_ids": [id_of(photo) for photo in photos]}
        call = Call("POST", f"/real-images/{what}", json=body, is_repeatable=True)
        return self._transport.read_as(lambda answer: [str(one) for one in answer["photo_ids"]], call)


def _label_of(files: Sequence[FilePath | NamedFile]) -> str:
    first = files[0].name if isinstance(files[0], NamedFile) else Path(files[0]).name
    shown = "".join(letter for letter in first if letter.isprintable())[:LONGEST_SHOWN] or "photo"
    return shown if len(files) == 1 else f"{shown} and {len(files) - 1} more"


def _path(photo_import: Ref) -> str:
    return f"/real-images/imports/{in_path(id_of(photo_import))}"
