"""What routes ask FastAPI for."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from buybuddy.infra.db import Session
from buybuddy.infra.http.platform import Platform


async def get_platform(request: Request) -> Platform:
    # Not a plain function: those are sent through a thread each.
    platform: Platform = request.app.state.platform
    return platform


PlatformDep = Annotated[Platform, Depends(get_platform)]


async def open_session(platform: PlatformDep) -> AsyncIterator[Session]:
    async with platform.db.transaction() as session:
        yield session


# One transaction per request, committed before the answer is sent: a 2xx means that it is kept.
SessionDep = Annotated[Session, Depends(open_session, scope="function")]
