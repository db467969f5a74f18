"""What routes that touch jobs ask FastAPI for."""

from typing import Annotated

from fastapi import Depends, Header, Request

from buybuddy.domain.jobs.board import JobBoard


async def get_board(request: Request) -> JobBoard:
    board: JobBoard = request.app.state.board
    return board


BoardDep = Annotated[JobBoard, Depends(get_board)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=200,
        description="The same request with the same key again is answered alike and done once; 422 for another one.",
    ),
]
