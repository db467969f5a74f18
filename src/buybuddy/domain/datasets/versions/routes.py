"""HTTP of frozen versions of datasets and their exports."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import StreamingResponse

from buybuddy.domain.accounts.access import Engineer, Viewer
from buybuddy.domain.datasets import service
from buybuddy.domain.datasets.exports import service as exports
from buybuddy.domain.datasets.rules import ExportFormat
from buybuddy.domain.datasets.versions import repository as version_repository
from buybuddy.domain.datasets.versions import service as versions
from buybuddy.domain.datasets.versions.schemas import VerificationOut, VersionCreate, VersionOut
from buybuddy.errors import InvalidInput, NotFound, PayloadTooLarge, StorageFull
from buybuddy.infra.db.pages import BadCursor
from buybuddy.infra.http import Page, PlatformDep, SessionDep, WindowQuery, page_of, refusals
from buybuddy.infra.http.streaming import StreamedFile, TooManyStreams, stream_file

router = APIRouter(prefix="/datasets", tags=["datasets"])

ZIP_TYPE = "application/zip"
VERIFIED_AT_MOST = 20_000
LARGEST_NUMBER = 2**31 - 1
Number = Annotated[int, Path(ge=1, le=LARGEST_NUMBER, description="1 for a dataset's first version.")]
ZIP_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The archive, streamed.",
        "content": {ZIP_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post(
    "/{dataset_id}/versions",
    operation_id="freezeDataset",
    status_code=201,
    responses=refusals(InvalidInput, NotFound, versions.NothingToFreeze, PayloadTooLarge, StorageFull),
)
async def freeze_dataset(
    dataset_id: uuid.UUID, body: VersionCreate, principal: Engineer, platform: PlatformDep
) -> VersionOut:
    """Freeze a dataset: every image with its hash, split by product; the same seed always gives the same split."""
    version = await versions.freeze(platform.db, platform.storage, dataset_id, body.plan(), body.note, principal.actor)
    return VersionOut.from_row(version)


@router.get("/{dataset_id}/versions", operation_id="listDatasetVersions", responses=refusals(NotFound, BadCursor))
async def list_dataset_versions(
    dataset_id: uuid.UUID, _: Viewer, session: SessionDep, window: WindowQuery
) -> Page[VersionOut]:
    """List a dataset's frozen versions, newest first."""
    await service.get_dataset(session, dataset_id)
    found = await version_repository.list_versions(session, dataset_id, window)
    return page_of([VersionOut.from_row(row) for row in found.rows], found, window)


@router.get("/{dataset_id}/versions/{number}", operation_id="getDatasetVersion", responses=refusals(NotFound))
async def get_dataset_version(dataset_id: uuid.UUID, number: Number, _: Viewer, session: SessionDep) -> VersionOut:
    """Return one frozen version with what its splits hold."""
    return VersionOut.from_row(await versions.get_version(session, dataset_id, number))


@router.delete(
    "/{dataset_id}/versions/{number}",
    operation_id="deleteDatasetVersion",
    status_code=204,
    responses=refusals(NotFound),
)
async def delete_dataset_version(
    dataset_id: uuid.UUID, number: Number, principal: Engineer, session: SessionDep
) -> None:
    """Remove a frozen version and its manifest; its number is not given out again."""
    await versions.remove_version(session, dataset_id, number, principal.actor)


@router.post(
    "/{dataset_id}/versions/{number}/verify", operation_id="verifyDatasetVersion", responses=refusals(NotFound)
)
async def verify_dataset_version(
    dataset_id: uuid.UUID,
    number: Number,
    _: Viewer,
    platform: PlatformDep,
    start: Annotated[int, Query(ge=0, le=LARGEST_NUMBER, description="`next_start` of the look before.")] = 0,
    limit: Annotated[int, Query(ge=1, le=VERIFIED_AT_MOST, description="How many images to look at.")] = 2_000,
) -> VerificationOut:
    """Compare images of a version with what is in storage now; call again with `next_start` until it is null."""
    found = await versions.verify(platform.db, platform.storage, dataset_id, number, start=start, limit=limit)
    return VerificationOut.from_result(found)


@router.get(
    "/{dataset_id}/export",
    operation_id="exportDataset",
    response_class=StreamingResponse,
    responses=ZIP_ANSWER
    | refusals(
        NotFound, versions.NothingToFreeze, versions.ManifestDamaged, PayloadTooLarge, TooManyStreams, StorageFull
    ),
)
async def export_dataset(
    dataset_id: uuid.UUID,
    principal: Viewer,
    platform: PlatformDep,
    form: Annotated[ExportFormat, Query(alias="format")],
    version: Annotated[
        int | None, Query(ge=1, le=LARGEST_NUMBER, description="A frozen version; without it the present state.")
    ] = None,
) -> StreamedFile:
    """Export a dataset as a ZIP for machine-learning tools; images that are gone are listed in about/."""
    await exports.begin_export(platform.db, dataset_id, version, form, principal.actor)
    chunks = exports.stream_export(platform.db, platform.storage, dataset_id, version, form)
    name = f"dataset-{dataset_id}{f'-v{version}' if version else ''}-{form}.zip"
    return await stream_file(chunks, filename=name, media_type=ZIP_TYPE)
