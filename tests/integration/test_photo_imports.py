"""What imports leave behind when files, requests and jobs come again, or do not fit."""

import io
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from buybuddy.domain.jobs import service as jobs_service
from buybuddy.domain.photos.imports import service
from buybuddy.domain.photos.imports.facts import ImportFacts, PhotoRow
from buybuddy.domain.photos.imports.service import SAME_ID, Outcome, PhotoIntake
from buybuddy.domain.photos.readings import repository as readings_repository
from buybuddy.domain.photos.tables import PhotoImport
from buybuddy.errors import Conflict
from buybuddy.flow import build_have_read
from buybuddy.infra.storage import ObjectStorage
from tests.integration.conftest import SOMEBODY, Jobs
from tests.integration.test_photos import File, fresh, photo


@dataclass(frozen=True)
class Door:
    """Where photos come in, in the words of a test; nobody works on the jobs."""

    jobs: Jobs
    storage: ObjectStorage

    async def begin(self, label: str = "May") -> PhotoImport:
        async with self.jobs.db.transaction() as session:
            begun, _ = await service.begin_import(session, label=label, source=uuid.uuid4().hex, actor=SOMEBODY)
            return begun

    async def take(self, target: PhotoImport, *files: File, rows: Sequence[PhotoRow] = ()) -> list[Outcome]:
        facts = ImportFacts(target.source, rows={row.name: row for row in rows})
        intake = PhotoIntake(self.jobs.db, self.storage, build_have_read(self.jobs.board), target, facts)
        return await intake.take([(name, io.BytesIO(data)) for name, data in files])

    async def counts(self, target: PhotoImport) -> tuple[object, ...]:
        """Return how many are new, known and refused, and how many problems are listed."""
        counted = "SELECT ARRAY[n_new, n_known, n_refused, (SELECT count(*) FROM photo_import_problems p"
        [row] = await self.jobs.sql(
            f"{counted} WHERE p.import_id = i.id)] FROM photo_imports i WHERE id = :id", id=target.id
        )
        assert isinstance(row, list)
        return tuple(row)

    async def readings(self) -> list[object]:
        """Return whose photos are read by jobs, one line for each photo: import, photo."""
        return await self.jobs.sql(
            "SELECT subject_label || ' ' || (photo->>'photo_id')"
            " FROM jobs, jsonb_array_elements(config->'photos') photo"
            " WHERE status IN ('pending','queued','processing') AND config->>'stage' = 'read_photos' ORDER BY 1"
        )

    async def cancel_all(self) -> None:
        for job_id in await self.jobs.sql("SELECT id FROM jobs WHERE status IN ('pending','queued')"):
            async with self.jobs.db.transaction() as session:
                await jobs_service.request_cancel(session, self.jobs.board, uuid.UUID(str(job_id)), SOMEBODY)


@pytest.fixture
def door(jobs: Jobs, tmp_path: Path) -> Door:
    return Door(jobs, ObjectStorage(f"file://{tmp_path / 'storage'}"))


async def test_photos_that_nobody_reads_any_more_are_read_when_they_are_imported_again(door: Door) -> None:
    files = [(f"{number}.png", photo(fresh())) for number in range(3)]
    first, second = await door.begin("first"), await door.begin("second")
    ids = [one.photo_id for one in await door.take(first, *files[:2])]
    expected = sorted(f"first {photo_id}" for photo_id in ids)
    assert await door.readings() == expected
    await door.take(second, *files[:2])
    assert await door.readings() == expected, "a job is going to read them"

    await door.cancel_all()
    assert await door.readings() == []
    await door.jobs.sql("UPDATE real_images SET read_at = now() WHERE id = :id", id=ids[1])
    [again, _, new] = await door.take(second, *files)
    assert (again.status, again.photo_id, new.status) == ("known", ids[0], "new")
    assert await door.readings() == [f"first {ids[0]}", f"second {new.photo_id}"]
    await door.take(second, *files)
    assert await door.readings() == [f"first {ids[0]}", f"second {new.photo_id}"]


async def test_of_photos_that_are_given_one_id_the_first_gets_it_and_the_others_are_listed(door: Door) -> None:
    target, files = await door.begin(), [(f"{number}.png", photo(fresh())) for number in range(4)]
    owner = PhotoRow(name="3.png", external_id="9")
    ids = [one.photo_id for one in await door.take(target, *files, rows=[owner])]
    rows = [PhotoRow(name=name, external_id="7", barcode="8690504012345") for name, _ in files[:2]]
    late = "1.png" if str(ids[0]) < str(ids[1]) else "0.png"
    taken = PhotoRow(name="2.png", external_id="9")
    for _ in range(2):
        answer = await door.take(target, *files, rows=[*rows, taken, owner])
        assert [(one.status, one.photo_id) for one in answer] == [("known", photo_id) for photo_id in ids]
        assert [(one.name, one.reason) for one in answer if one.reason] == [(late, SAME_ID), ("2.png", SAME_ID)]
    found = await door.jobs.sql(
        "SELECT name || coalesce(' ' || external_id, '') || coalesce(' ' || barcode, '') FROM real_images"
        " WHERE import_id = :id ORDER BY name",
        id=target.id,
    )
    first = [f"{name}{'' if name == late else ' 7'} 8690504012345" for name, _ in files[:2]]
    assert found == [*first, "2.png", "3.png 9"]
    listed = await door.jobs.sql("SELECT DISTINCT name FROM photo_import_problems WHERE import_id = :id", id=target.id)
    assert set(listed) == {late, "2.png"}


async def test_a_request_that_is_sent_again_counts_and_lists_nothing_twice(door: Door) -> None:
    target, known = await door.begin(), ("known.png", photo(fresh()))
    await door.take(await door.begin(), known)
    files = [("new.png", photo(fresh())), known, ("same.png", known[1]), ("a.txt", b"text"), ("a.zip/a.txt", b"text")]
    for again in range(3):
        answer = await door.take(target, *files)
        assert [one.status for one in answer] == ["known" if again else "new", "known", "known", "refused", "refused"]
        assert await door.counts(target) == (1, 2, 2, 2)
    await door.take(target, *files, ("b.txt", b"text"))
    assert await door.counts(target) == (1, 5, 5, 5), "another request"


async def test_many_parts_of_a_request_are_counted_each(door: Door) -> None:
    target = await door.begin()
    files = [(f"{number}.txt", b"text") for number in range(150)]
    await door.take(target, *files[:100])
    await door.take(target, *files)
    await door.take(target, *files)
    assert await door.counts(target) == (0, 0, 100 + 150 - 64, 100 + 150 - 64)


async def test_an_import_that_is_begun_twice_with_one_id_is_one(door: Door) -> None:
    import_id = uuid.uuid4()

    async def begin(label: str) -> bool:
        async with door.jobs.db.transaction() as session:
            begun, is_new = await service.begin_import(
                session, label=label, source="s", actor=SOMEBODY, import_id=import_id
            )
        assert begun.id == import_id
        return is_new

    assert [await begin("May"), await begin("May")] == [True, False]
    with pytest.raises(Conflict):
        await begin("June")


async def test_a_photo_that_two_jobs_cannot_read_is_listed_once(door: Door) -> None:
    target = await door.begin()
    [taken] = await door.take(target, ("a.png", photo(fresh())))
    failure = {"image_id": str(taken.photo_id), "reason": "The picture is damaged."}
    for expected in ([taken.photo_id], []):
        async with door.jobs.db.transaction() as session:
            assert await readings_repository.note_failures(session, [failure]) == expected
    assert await door.counts(target) == (1, 0, 0, 1)
