"""Errors as RFC 9457 problem documents."""

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from buybuddy.errors import BuybuddyError, LoginThrottled, QueueFull, Unavailable

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S: dict[type[BuybuddyError], int] = {QueueFull: 5, Unavailable: 2}

log = structlog.get_logger(__name__)


class Problem(BaseModel):
    """A problem document; a kind of problem may add fields of its own."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str


def problem_response(
    status: int, code: str, detail: str, headers: dict[str, str] | None = None, **fields: object
) -> JSONResponse:
    """Build the answer for a problem."""
    title = code.replace("_", " ").capitalize()
    problem = Problem(type=f"urn:buybuddy:problem:{code.lower()}", title=title, status=status, detail=detail, code=code)
    content = {**fields, **problem.model_dump()}
    return JSONResponse(content, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def add_problem_handlers(app: FastAPI) -> None:
    """Answer every error as a problem document; what nobody foresaw shows no inside."""

    @app.exception_handler(BuybuddyError)
    async def known(_: Request, error: BuybuddyError) -> JSONResponse:
        headers: dict[str, str] = {}
        if error.http_status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        pause_s = error.fields.get("retry_after_s") if isinstance(error, LoginThrottled) else None
        pause_s = pause_s or RETRY_AFTER_S.get(type(error))
        if pause_s is not None:
            headers["Retry-After"] = str(pause_s)
        own = {name: value for name, value in error.fields.items() if name not in Problem.model_fields}
        return problem_response(error.http_status, error.code, error.detail, headers, **own)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        errors = [{"where": ".".join(str(part) for part in e["loc"]), "what": e["msg"]} for e in error.errors()]
        detail = "; ".join(f"{e['where']}: {e['what']}" for e in errors)
        return problem_response(422, "VALIDATION_FAILED", detail, errors=errors)

    @app.exception_handler(HTTPException)
    async def from_framework(_: Request, error: HTTPException) -> JSONResponse:
        code = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}.get(error.status_code, "HTTP_ERROR")
        return problem_response(error.status_code, code, str(error.detail), dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        log.error("request.failed", method=request.method, path=request.url.path, exc_info=error)
        return problem_response(500, "INTERNAL", "Something went wrong here; the log has the details.")
