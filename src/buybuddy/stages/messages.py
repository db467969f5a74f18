"""What a stage process and whoever started it say to each other: one JSON document a line."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from buybuddy.stages.specs import Result, Spec


class Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Setup(Message):
    """First line to the process: what it stands on."""

    kind: Literal["setup"] = "setup"
    storage_url: str
    models_dir: Path
    scratch_dir: Path
    n_threads: int
    extra_stages: dict[str, str] = Field({}, description="Further stages by name, 'module:function'; used by tests.")


class Run(Message):
    """Run one attempt; the process is busy until it has answered with Done or Failed."""

    kind: Literal["run"] = "run"
    attempt_id: str
    spec: Annotated[Spec, Field(discriminator="stage")]


class Cancel(Message):
    kind: Literal["cancel"] = "cancel"
    attempt_id: str


class Ready(Message):
    kind: Literal["ready"] = "ready"


class Progress(Message):
    kind: Literal["progress"] = "progress"
    attempt_id: str
    fraction: float
    step: str


class LogLine(Message):
    kind: Literal["log"] = "log"
    attempt_id: str
    level: Literal["info", "warning", "error"]
    event: str
    fields: dict[str, object]


class Done(Message):
    kind: Literal["done"] = "done"
    attempt_id: str
    result: Annotated[Result, Field(discriminator="stage")]


class Failed(Message):
    kind: Literal["failed"] = "failed"
    attempt_id: str
    code: str
    detail: str
    is_retryable: bool


ToProcess = TypeAdapter[Setup | Run | Cancel](Annotated[Setup | Run | Cancel, Field(discriminator="kind")])
FromProcess = TypeAdapter[Ready | Progress | LogLine | Done | Failed](
    Annotated[Ready | Progress | LogLine | Done | Failed, Field(discriminator="kind")]
)
