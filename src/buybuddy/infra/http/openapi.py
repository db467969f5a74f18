"""The API's description, completed: who may call what, every problem an operation can answer with, examples of all."""

from collections.abc import Collection
from typing import Any

from fastapi import FastAPI

from buybuddy.errors import InvalidInput, NotAllowed, NotAuthenticated, PayloadTooLarge, StorageFull, Unavailable
from buybuddy.infra.db.pages import BadCursor
from buybuddy.infra.http.example_values import example_of
from buybuddy.infra.http.problems import MEDIA_TYPE, VALIDATION_FAILED, Problem, describe_problem

Json = dict[str, Any]

TAGS = {
    "audit": "Who changed what, with the values before and after.",
    "augmentation": "Pictures made out of those that there are: runs, recipes, backgrounds.",
    "auth": "Signing in, one's own sessions, password and API keys.",
    "dashboard": "Counts, running jobs and recent activity.",
    "datasets": "Chosen products, frozen into versions and exported for training.",
    "embeddings": "Encoders and the vectors they have made.",
    "events": "Live changes as Server-Sent Events.",
    "health": "Is it alive, is it ready.",
    "jobs": "Long work: progress, logs, limits.",
    "locks": "Who works on what right now, and alone.",
    "matching": "Which photo shows which product: candidates, decisions, what to do next.",
    "notifications": "What a person should hear of.",
    "presence": "Who looks at what right now.",
    "products": "The catalogue: products, barcodes, images, imports, exports.",
    "real-images": "Photos from stores: the pool that is matched with products.",
    "search": "Which product does a photo show?",
    "users": "Who may sign in, for admins.",
    "videos": "Short clips of products, and having them processed.",
}
SECURITY: Json = {
    "apiKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key (`bbk_...`) or the `access_token` of a sign-in.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "buybuddy_session",
        "description": "The cookie of a sign-in (`__Host-` before its name over TLS); writes come from our own pages.",
    },
}
FILE_EXAMPLES = {
    "text/csv": "id,barcode,brand_name\r\n0199b1c4-6f0a-7c3e-9a51-3d2f7b8c9e10,8690504012345,Ülker\r\n",
    "text/event-stream": 'id: 1042\nevent: product\ndata: {"id":"0199b1c4","change":"updated"}\n\n',
    "application/zip": "(a ZIP archive)",
    "application/x-ndjson": '{"id":"0199b1c4-6f0a-7c3e-9a51-3d2f7b8c9e10","barcode":"8690504012345"}\n',
}
RETRY_AFTER: Json = {"description": "Seconds to wait before trying again.", "schema": {"type": "integer", "minimum": 0}}


def complete_description(app: FastAPI, *, public: Collection[str]) -> None:
    """Have `app.openapi()` answer with the completed document.

    Args:
        public: the operation ids that need no sign-in.
    """
    plain = app.openapi

    def openapi() -> Json:
        if app.openapi_schema is None:
            app.openapi_schema = complete(plain(), public=public)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the way that FastAPI documents


def complete(document: Json, *, public: Collection[str]) -> Json:
    """Return the document with security, problems and examples wherever there are none yet."""
    components = document.setdefault("components", {})
    models: Json = components.setdefault("schemas", {})
    models["Problem"] = Problem.model_json_schema()
    components["securitySchemes"] = SECURITY
    used = set()
    for path in document["paths"].values():
        for operation in path.values():
            used.update(operation.get("tags", ()))
            operation["summary"] = operation["summary"].capitalize()
            is_public = operation["operationId"] in public
            operation["security"] = [] if is_public else [{name: []} for name in SECURITY]
            _add_problems(operation, is_public=is_public)
            _add_examples(operation, models)
    document["tags"] = [{"name": name, "description": TAGS.get(name, "")} for name in sorted(used)]
    return document


def _add_problems(operation: Json, *, is_public: bool) -> None:
    """Add the problems that every operation of its kind can answer with to those that it names itself."""
    parameters = operation.get("parameters", [])
    names = {parameter["name"].lower() for parameter in parameters}
    problems = [] if is_public else [NotAuthenticated, NotAllowed, Unavailable]
    if "cursor" in names:
        problems += [BadCursor, InvalidInput]
    if "if-match" in names:
        problems += [InvalidInput]
    if "requestBody" in operation:
        problems += [PayloadTooLarge]
        if any(kind.startswith("multipart/") for kind in operation["requestBody"]["content"]):
            problems += [InvalidInput, StorageFull]
    wanted = [(problem.http_status, problem.code) for problem in problems]
    if parameters or "requestBody" in operation:
        wanted.append((422, VALIDATION_FAILED))
    responses = operation["responses"]
    for status, code in wanted:
        known = responses.setdefault(str(status), {"description": "", "content": {MEDIA_TYPE: {"examples": {}}}})
        codes = list(known["content"][MEDIA_TYPE]["examples"])
        if code not in codes:
            responses[str(status)] = describe_problem(status, [*codes, code])
    for status in {"429", "503", "507"} & responses.keys():
        responses[status]["headers"] = {"Retry-After": RETRY_AFTER}
    responses["default"] = describe_problem(500, ["INTERNAL"]) | {"description": "Any other problem (RFC 9457)."}
    operation["responses"] = dict(sorted(responses.items()))


def _add_examples(operation: Json, models: Json) -> None:
    for parameter in operation.get("parameters", []):
        if "example" not in parameter and "examples" not in parameter:
            example = example_of(parameter["schema"], models, parameter["name"])
            if parameter["name"].lower() == "if-match":
                example = '"v3"'
            if example is not None:
                parameter["example"] = example
    bodies = [operation["requestBody"]] if "requestBody" in operation else []
    for described in (*bodies, *operation["responses"].values()):
        for media_type, media in described.get("content", {}).items():
            if "example" in media or "examples" in media:
                continue
            if media_type in FILE_EXAMPLES:
                media["example"] = FILE_EXAMPLES[media_type]
            else:
                media["example"] = example_of(media.get("schema", {}), models)
