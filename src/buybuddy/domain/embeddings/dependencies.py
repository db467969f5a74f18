"""What routes that search or swap indexes ask FastAPI for."""

from typing import Annotated

from fastapi import Depends, Request

from buybuddy.domain.embeddings.shelf import IndexShelf


async def get_shelf(request: Request) -> IndexShelf:
    shelf: IndexShelf = request.app.state.index_shelf
    return shelf


ShelfDep = Annotated[IndexShelf, Depends(get_shelf)]
