"""What routes that take photos in ask FastAPI for."""

from typing import Annotated

from fastapi import Depends, Request

from buybuddy.domain.photos.imports.service import HaveRead


async def get_have_read(request: Request) -> HaveRead:
    have_read: HaveRead = request.app.state.have_read
    return have_read


HaveReadDep = Annotated[HaveRead, Depends(get_have_read)]
