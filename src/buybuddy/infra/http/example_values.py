"""Examples for the API's description, made from schemas: the same value for the same name wherever it appears."""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

AN_ID = "0199b1c4-6f0a-7c3e-9a51-3d2f7b8c9e10"
A_MOMENT = "2026-05-04T09:30:00Z"
A_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
BY_FORMAT = {"uuid": AN_ID, "date-time": A_MOMENT, "password": "correct horse battery"}
BY_NAME: dict[str, object] = {
    "access_token": "nJ3k0wq8c2",
    "action": "product.edit",
    "actor": "ayse",
    "address": "192.0.2.7",
    "barcode": "8690504012345",
    "barcodes": ["8690504012345", "86905042"],
    "barcodes_added": ["86905042"],
    "barcodes_seen": ["8690504012345"],
    "brand_name": "Ülker",
    "by": "ayse",
    "calories": "142 kcal",
    "category": "Biscuits",
    "changed_by": "ayse",
    "claims": ["No palm oil"],
    "code": "NOT_FOUND",
    "column": "status",
    "config": {},
    "container_type": "flow pack",
    "content_sha256": A_HASH,
    "corrected_search": None,
    "created_by": "ayse",
    "current_step": "cutting out frames",
    "description": "What the spring campaign is about.",
    "detail": "There is no such product.",
    "cancel_requested_at": None,
    "cursor": None,
    "disabled_at": None,
    "duration_s": 6.5,
    "email": "ayse@example.com",
    "error": None,
    "error_code": None,
    "error_message": None,
    "event": "frame.chosen",
    "executor": "local",
    "filename": "8690504012345_biscuit.mp4",
    "grounding_prompt": "a red biscuit pack",
    "issues_detected": ["net quantity is hidden"],
    "height_px": 1920,
    "key": "bbk_1f3a9c0d7e",
    "kind": "product",
    "label": "Ülker Chocolate biscuit",
    "last_event_id": 1042,
    "level": "info",
    "limit": 50,
    "manifest_sha256": A_HASH,
    "manufacturer_country": "Türkiye",
    "marketing_description": "A crisp biscuit with cocoa cream.",
    "media_url": "/media/6a1f.c2ln/videos/0199b1c4/source.mp4",
    "metadata_reader": "ocr-1",
    "metrics": {"seconds": 12.4},
    "name": "Snacks, spring",
    "net_quantity": "70 g",
    "next_cursor": None,
    "note": "Before the new packs came.",
    "page": 1,
    "parent_job_id": None,
    "password": "correct horse battery",
    "poster_url": "/media/6a1f.c2ln/videos/0199b1c4/poster.webp",
    "prefix": "bbk_1f3a",
    "primary_image_url": "/media/6a1f.c2ln/frames/0199b1c4/0003.png",
    "product_box_xyxy": [112.0, 40.0, 610.0, 872.0],
    "product_name": "Chocolate biscuit",
    "progress": 40.0,
    "reason": "It was changed since it was read.",
    "remaining_s": 21.0,
    "search": "biscuit",
    "sha256": A_HASH,
    "similarity": 0.913,
    "size_bytes": 4182016,
    "source": "upload",
    "status": "ok",
    "step": "cutting out frames",
    "sub_brand": "Hanımeller",
    "thumbnail_url": "/media/6a1f.c2ln/thumbnails/0199b1c4/0003.webp",
    "title": "Not found",
    "token_type": "bearer",
    "total": 1,
    "type": "urn:buybuddy:problem:not_found",
    "url": "/media/6a1f.c2ln/frames/0199b1c4/0003.png",
    "user_agent": "Mozilla/5.0",
    "username": "ayse",
    "value": "reday",
    "variant_flavor": "Hazelnut",
    "visibility_score": 87,
    "width_px": 1080,
}
# Bodies whose fields exclude each other: a schema cannot say that in a way that generators follow.
BY_MODEL: dict[str, object] = {
    "BulkDeleteIn": {"product_ids": [AN_ID], "confirm_count": 1},
    "BulkEditIn": {"filters": {"category": "Biscuits"}, "changes": {"status": "ready"}},
    "BulkChanges": {"status": "ready"},
    "ProductChoice": {"filters": {"status": "ready"}},
    "ExportRequest": {"filters": {"category": "Biscuits", "status": "ready"}},
    "ProductFilters": {"search": "biscuit", "status": "ready"},
    "DatasetEdit": {"version": 3, "name": "Snacks, spring"},
    "ProductEdit": {"version": 3, "brand_name": "Ülker", "status": "ready"},
    "UserEdit": {"version": 3, "role": "operator"},
    "ApiKeyIn": {"name": "nightly export", "expires_in_days": 90, "role": "viewer", "scopes": ["products"]},
    "IndexIn": {"name": "Snacks, spring", "dataset_id": AN_ID},
    "UserIn": {"username": "ayse", "email": "ayse@example.com", "role": "operator"},
    "Ratios": {"train": 0.8, "val": 0.1, "test": 0.1},
}
DEEPEST = 8


def example_of(schema: Schema, models: Mapping[str, Schema], name: str = "", depth: int = 0) -> Any:
    """Return a value that the schema allows, the same one each time.

    Args:
        models: the document's `components.schemas`.
        name: of the field that the value is for; well-known ones have a value of their own.
    """
    if (reference := schema.get("$ref")) is not None:
        model = reference.rsplit("/", 1)[-1]
        return BY_MODEL[model] if model in BY_MODEL else example_of(models[model], models, name, depth + 1)
    for given in ("const", "example", "default"):
        if schema.get(given) is not None:
            return schema[given]
    if schema.get("examples"):
        return schema["examples"][0]
    if schema.get("enum"):
        return schema["enum"][0]
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return _example_of_choice(choices, models, name, depth)
    if name in BY_NAME and BY_NAME[name] is not None and _fits(schema, BY_NAME[name]):
        return BY_NAME[name]
    return _example_of_type(schema, models, name, depth)


def _example_of_choice(choices: list[Schema], models: Mapping[str, Schema], name: str, depth: int) -> Any:
    can_be_null = any(choice.get("type") == "null" for choice in choices)
    if can_be_null and (depth > DEEPEST or BY_NAME.get(name, "") is None):
        return None
    real = next(choice for choice in choices if choice.get("type") != "null")
    return example_of(real, models, name, depth)


def _example_of_type(schema: Schema, models: Mapping[str, Schema], name: str, depth: int) -> Any:
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        inner = {"": schema["additionalProperties"]} if isinstance(schema.get("additionalProperties"), dict) else {}
        fields = schema.get("properties") or {}
        shown = {field: example_of(part, models, field, depth + 1) for field, part in fields.items()}
        return shown if fields or not inner else {"brand_name": example_of(inner[""], models, "brand_name", depth + 1)}
    if kind == "array":
        return [example_of(schema.get("items", {}), models, name.removesuffix("s"), depth + 1)]
    if kind == "integer":
        return max(schema.get("minimum", 3), schema.get("exclusiveMinimum", -1) + 1)
    if kind == "number":
        return float(schema.get("minimum", 0.8))
    if kind == "boolean":
        return True
    if kind == "null":
        return None
    if "contentMediaType" in schema or schema.get("format") == "binary":
        return "(the file's bytes)"
    return BY_FORMAT.get(schema.get("format", ""), "text")


def _fits(schema: Schema, value: object) -> bool:
    kinds: dict[str, type | tuple[type, ...]] = {
        "string": str,
        "integer": int,
        "number": (int, float),
        "array": list,
        "object": dict,
        "boolean": bool,
    }
    kind = kinds.get(str(schema.get("type")))
    return kind is not None and isinstance(value, kind) and schema.get("format") in (None, "password")
