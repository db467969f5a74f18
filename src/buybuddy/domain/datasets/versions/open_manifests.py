"""Manifests that jobs read a part of again and again, each fetched and checked once for a job."""

import asyncio
import tempfile
import uuid
from pathlib import Path

from buybuddy.domain.datasets.tables import DatasetVersion
from buybuddy.domain.datasets.versions.manifests import OpenManifest
from buybuddy.domain.datasets.versions.service import fetch_manifest
from buybuddy.infra.storage import ObjectStorage

MANIFESTS_OPEN = 8


class OpenManifests:
    """They stay open between parts and have no name in the file system: whatever ends this process, none is left."""

    def __init__(self, storage: ObjectStorage) -> None:
        self._storage = storage
        self._open: dict[uuid.UUID, OpenManifest] = {}  # by the job

    async def open(self, job_id: uuid.UUID, version: DatasetVersion) -> OpenManifest:
        """Return a version's manifest for the next part of a job. Raises: ManifestDamaged, Unavailable."""
        manifest = self._open.pop(job_id, None)
        if manifest is None:
            manifest = await asyncio.to_thread(self._fetch, version)
        self._open[job_id] = manifest
        while len(self._open) > MANIFESTS_OPEN:  # of jobs that were cancelled, or go on elsewhere
            del self._open[next(iter(self._open))]
        return manifest

    def close(self, job_id: uuid.UUID) -> None:
        """Let a manifest go whose last part was read."""
        self._open.pop(job_id, None)

    def _fetch(self, version: DatasetVersion) -> OpenManifest:
        with tempfile.TemporaryDirectory(prefix="buybuddy-manifest-") as folder:
            return OpenManifest(fetch_manifest(self._storage, version, Path(folder) / "manifest.parquet"))
