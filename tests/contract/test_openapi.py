"""The API's description is whole: every operation named, explained, closed or public, with examples that are true."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry
from referencing.jsonschema import DRAFT202012, Schema

from buybuddy.api import create_app
from buybuddy.infra.http.problems import MEDIA_TYPE
from buybuddy.settings import Settings

Json = dict[str, Any]
PUBLIC = {"login", "getHealth", "getReadiness"}
ROOT = "urn:buybuddy:openapi"
APP: FastAPI = create_app(Settings(home=Path("/nowhere")))
DOCUMENT: Json = APP.openapi()
REGISTRY: Registry[Schema] = Registry[Schema]().with_resource(ROOT, DRAFT202012.create_resource(DOCUMENT))


def list_operations() -> list[tuple[str, Json]]:
    operations = [operation for path in DOCUMENT["paths"].values() for operation in path.values()]
    return [(operation["operationId"], operation) for operation in operations]


def list_media(operation: Json) -> Iterator[tuple[str, str, Json]]:
    """Yield where, media type and media object of the body and of every answer."""
    for status, response in operation["responses"].items():
        for media_type, media in response.get("content", {}).items():
            yield status, media_type, media
    for media_type, media in operation.get("requestBody", {}).get("content", {}).items():
        yield "body", media_type, media


def examples_of(media: Json) -> list[Any]:
    given = [media["example"]] if "example" in media else []
    return given + [example["value"] for example in media.get("examples", {}).values()]


def absolute(schema: Any) -> Any:
    """Return the schema with references that are resolved against the whole document."""
    if isinstance(schema, dict):
        return {key: ROOT + value if key == "$ref" else absolute(value) for key, value in schema.items()}
    return [absolute(item) for item in schema] if isinstance(schema, list) else schema


def faults(schema: Json, example: Any) -> list[str]:
    validator = Draft202012Validator(absolute(schema), registry=REGISTRY, format_checker=FormatChecker())
    return [error.message for error in validator.iter_errors(example)]


def test_the_document_is_valid() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()
    names = [name for name, _ in list_operations()]
    assert len(names) == len(set(names)) > 60
    assert "HTTPValidationError" not in json.dumps(DOCUMENT)
    assert all(tag["description"] for tag in DOCUMENT["tags"])


@pytest.mark.parametrize(("name", "operation"), list_operations(), ids=[name for name, _ in list_operations()])
def test_an_operation_is_described_with_its_problems_and_true_examples(name: str, operation: Json) -> None:
    assert operation["summary"] and operation["description"] and operation["tags"]
    responses = operation["responses"]
    problems = {status for status in responses if status == "default" or int(status) >= 400}
    for status in problems:
        assert set(responses[status]["content"]) == {MEDIA_TYPE}, status
        for code, example in responses[status]["content"][MEDIA_TYPE]["examples"].items():
            assert example["value"]["code"] == code and example["value"]["detail"]
            assert status in ("default", str(example["value"]["status"]))
    assert "default" in problems
    assert (operation["security"] == []) == (name in PUBLIC)
    assert name in PUBLIC or problems >= {"401", "403", "503"}
    assert "422" in problems or not (operation.get("parameters") or "requestBody" in operation)
    if any(parameter["in"] == "path" and "_id" in parameter["name"] for parameter in operation.get("parameters", [])):
        assert "404" in problems or operation["tags"] == ["locks"], "what is locked need not be there"
    for where, media_type, media in list_media(operation):
        examples = examples_of(media)
        assert examples, (where, media_type)
        for example in examples:
            assert faults(media.get("schema", {}), example) == [], (where, media_type, example)
    for parameter in operation.get("parameters", []):
        if "example" in parameter:
            assert faults(parameter["schema"], parameter["example"]) == [], parameter


def test_the_examples_of_bodies_pass_the_routes_own_models() -> None:
    n_checked = 0
    for route in iter_route_contexts(APP.routes):
        field = getattr(route.original_route, "body_field", None)
        name = getattr(route.original_route, "operation_id", None) or ""
        body = dict(list_operations()).get(name, {}).get("requestBody", {})
        media = body.get("content", {}).get("application/json")
        if field is None or media is None:
            continue
        for example in examples_of(media):
            try:
                _, errors = field.validate(example, {}, loc=("body",))
            except RequestValidationError as error:
                errors = list(error.errors())
            assert not errors, (name, errors)
            n_checked += 1
    assert n_checked > 15
