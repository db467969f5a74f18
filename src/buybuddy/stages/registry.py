"""Which function runs which Spec. Named, not imported: a stage loads its libraries when it is first needed."""

import pkgutil
from collections.abc import Callable
from typing import Annotated

from pydantic import Field, TypeAdapter

from buybuddy.stages.context import StageContext
from buybuddy.stages.specs import Result, Spec

STAGES: dict[str, str] = {
    "segment_video": "buybuddy.stages.segment_video:segment_video",
    "embed_images": "buybuddy.stages.embed_images:embed_images",
    "embed_query": "buybuddy.stages.embed_query:embed_query",
    "evaluate_matching": "buybuddy.stages.evaluate_matching:evaluate_matching",
    "take_in_image": "buybuddy.stages.take_in_image:take_in_image",
    "read_photos": "buybuddy.stages.read_photos:read_photos",
    "build_index": "buybuddy.stages.build_index:build_index",
    "augment_dataset": "buybuddy.stages.augment_dataset:augment_dataset",
}

SPEC: TypeAdapter[Spec] = TypeAdapter(Annotated[Spec, Field(discriminator="stage")])
RESULT: TypeAdapter[Result] = TypeAdapter(Annotated[Result, Field(discriminator="stage")])


def find_stage(name: str) -> Callable[[Spec, StageContext], Result]:
    """Load the function behind a stage's name. Raises: KeyError when there is no such stage."""
    function: Callable[[Spec, StageContext], Result] = pkgutil.resolve_name(STAGES[name])
    return function
