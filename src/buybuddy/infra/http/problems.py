"""Errors as RFC 9457 problem documents."""

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import Counter
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from buybuddy.errors import BuybuddyError, QueueFull, StorageFull
from buybuddy.infra.http.answer_headers import REQUEST_ID_HEADER
from buybuddy.infra.storage import is_full

MEDIA_TYPE = "application/problem+json"
VALIDATION_FAILED = "VALIDATION_FAILED"
PROBLEMS = Counter("buybuddy_problems_total", "Requests that were refused or failed", ["code"])
QUEUE_PAUSE_S, PAUSE_S = 5, 2  # what Retry-After says
MOST_ERRORS = 100  # that one answer lists; a body may have ten thousand wrong items
FRAMEWORK_CODES = {400: "INVALID_INPUT", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "PAYLOAD_TOO_LARGE"}

# What examples in the API's description show.
EXAMPLE_DETAILS = {
    "NOT_AUTHENTICATED": "Sign in first.",
    "INVALID_CREDENTIALS": "User name or password is wrong.",
    "NOT_ALLOWED": "This needs the role operator; you are viewer.",
    "NOT_FOUND": "There is no such product.",
    "CONFLICT": "It was changed since you read it.",
    "QUEUE_FULL": "All slots are taken; try again when a job has ended.",
    "VALIDATION_FAILED": "query.limit: Input should be less than or equal to 100",
    "INVALID_INPUT": "Pages go down to row 10000; follow next_cursor to go deeper, or filter.",
    "BAD_CURSOR": "This cursor is not one of this list.",
    "PRECONDITION_REQUIRED": "Say which version was edited: `version` in the body, or If-Match.",
    "UNAVAILABLE": "The database cannot be reached now.",
    "STORAGE_FULL": "There is no room left for this; free some, then try again.",
    "PAYLOAD_TOO_LARGE": "The file is larger than 40 MiB.",
    "INTERNAL": "Something went wrong here; the log has the details.",
}
EXAMPLE_FIELDS: dict[str, dict[str, Any]] = {
    "CONFLICT": {"current_version": 4, "changed_by": "ayse"},
    "VALIDATION_FAILED": {"errors": [{"where": "query.limit", "what": "Input should be less than or equal to 100"}]},
    "QUEUE_FULL": {"error": "QUEUE_FULL", "job_type": "video_processing", "max_concurrent": 2, "current_count": 2},
}

log = structlog.get_logger(__name__)


class Problem(BaseModel):
    """A problem document; a kind of problem may add fields of its own."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:buybuddy:problem:not_found"])
    title: str = Field(examples=["Not found"])
    status: int = Field(examples=[404])
    detail: str = Field(description="A sentence that a person can act on.", examples=["There is no such product."])
    code: str = Field(description="What programs go by.", examples=["NOT_FOUND"])


def refusals(*errors: type[BuybuddyError]) -> dict[int | str, dict[str, Any]]:
    """Describe a route's own errors for its `responses=`; those of every route (api.py) are not repeated."""
    by_status: dict[int, list[type[BuybuddyError]]] = {}
    for error in errors:
        by_status.setdefault(error.http_status, []).append(error)
    return {status: describe_problem(status, [error.code for error in kinds]) for status, kinds in by_status.items()}


def describe_problem(status: int, codes: list[str]) -> dict[str, Any]:
    """Build the OpenAPI response object of problem documents with these codes, each with an example."""
    examples = {}
    for code in codes:
        problem = Problem(type=_type_of(code), title=_title_of(code), status=status, detail=_detail_of(code), code=code)
        examples[code] = {"value": problem.model_dump() | EXAMPLE_FIELDS.get(code, {})}
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}}
    return {"description": ", ".join(codes), "content": content}


def _detail_of(code: str) -> str:
    return EXAMPLE_DETAILS.get(code, f"{_title_of(code)}.")


def _type_of(code: str) -> str:
    return f"urn:buybuddy:problem:{code.lower()}"


def _title_of(code: str) -> str:
    return code.replace("_", " ").capitalize()


def problem_response(
    status: int, code: str, detail: str, headers: dict[str, str] | None = None, **fields: object
) -> JSONResponse:
    """Build the answer for a problem."""
    problem = Problem(type=_type_of(code), title=_title_of(code), status=status, detail=detail, code=code)
    PROBLEMS.labels(code).inc()
    content = {**fields, **problem.model_dump()}
    return JSONResponse(content, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def add_problem_handlers(app: FastAPI) -> None:
    """Answer every error as a problem document; what nobody foresaw shows no inside."""

    @app.exception_handler(BuybuddyError)
    async def known(request: Request, error: BuybuddyError) -> JSONResponse:
        if error.http_status >= 500:
            what = {"code": error.code, "detail": error.detail, "cause": type(error.__cause__).__name__}
            log.warning("request.not_served", method=request.method, path=request.url.path, **what)
        return problem_of(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        found = error.errors()
        errors = [{"where": ".".join(str(part) for part in e["loc"]), "what": e["msg"]} for e in found[:MOST_ERRORS]]
        detail = "; ".join(f"{e['where']}: {e['what']}" for e in errors)
        if len(found) > MOST_ERRORS:
            detail += f"; and {len(found) - MOST_ERRORS} more"
        return problem_response(422, VALIDATION_FAILED, detail, errors=errors)

    @app.exception_handler(OSError)
    async def disk(request: Request, error: BaseException) -> JSONResponse:
        if not is_full(error):
            raise error  # to what answers the unforeseen
        full = StorageFull("There is no room left for temporary files; free some, then try again.")
        full.__cause__ = error
        return await known(request, full)

    @app.exception_handler(HTTPException)
    async def from_framework(request: Request, error: HTTPException) -> JSONResponse:
        if isinstance(error.__cause__, BuybuddyError):  # raised while the body came in: see BodyGuard
            return problem_of(error.__cause__)
        if error.__cause__ is not None and is_full(error.__cause__):  # a file of the form did not fit
            return await disk(request, error.__cause__)
        code = FRAMEWORK_CODES.get(error.status_code, "HTTP_ERROR")
        return problem_response(error.status_code, code, str(error.detail), dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        # This handler runs outside of all middleware, so that the id is not in the log's context any more.
        request_id = getattr(request.state, "request_id", None)
        about = {"method": request.method, "path": request.url.path, "request_id": request_id}
        log.error("request.failed", **about, exc_info=error)
        detail = "Something went wrong here; the log has the details."
        headers = {REQUEST_ID_HEADER: request_id} if request_id else None
        return problem_response(500, "INTERNAL", detail, headers, request_id=request_id)


def problem_of(error: BuybuddyError) -> JSONResponse:
    """Build the answer for an error of ours; one that trying again can help says when."""
    headers: dict[str, str] = {}
    if error.http_status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.is_retryable:
        pause_s = error.fields.get("retry_after_s") or (QUEUE_PAUSE_S if isinstance(error, QueueFull) else PAUSE_S)
        headers["Retry-After"] = str(pause_s)
    own = {name: value for name, value in error.fields.items() if name not in Problem.model_fields}
    return problem_response(error.http_status, error.code, error.detail, headers, **own)
