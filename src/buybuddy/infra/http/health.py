"""Is it alive, is it ready, how is it doing."""

import asyncio

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import text

from buybuddy.errors import Unavailable
from buybuddy.infra.db.migrate import head_revision
from buybuddy.infra.http.dependencies import PlatformDep
from buybuddy.infra.http.problems import refusals

router = APIRouter(tags=["health"])


class Health(BaseModel):
    status: str = "ok"


class Readiness(BaseModel):
    """Each part, and 'ok' or what is wrong with it."""

    database: str
    schema_version: str
    storage: str


class NotReady(Unavailable):
    code = "NOT_READY"


@router.get("/health", operation_id="getHealth")
async def get_health() -> Health:
    """Say that the process is alive; nothing outside it is asked."""
    return Health()


@router.get("/ready", operation_id="getReadiness", responses=refusals(NotReady))
async def get_readiness(platform: PlatformDep) -> Readiness:
    """Say whether requests can be served; 503 names what is missing."""
    try:
        async with platform.db.transaction() as session:
            revision = await session.scalar(text("SELECT version_num FROM alembic_version"))
        expected = await asyncio.to_thread(head_revision)
        schema = "ok" if revision == expected else f"is at {revision}, this program needs {expected}"
        database = "ok"
    except Unavailable as error:
        database, schema = error.detail, "unknown"
    try:
        await asyncio.to_thread(platform.storage.check_writable)
        storage = "ok"
    except Unavailable as error:
        storage = error.detail
    readiness = Readiness(database=database, schema_version=schema, storage=storage)
    if {readiness.database, readiness.schema_version, readiness.storage} != {"ok"}:
        raise NotReady("Not ready to serve.", **readiness.model_dump())
    return readiness
