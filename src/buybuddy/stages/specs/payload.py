"""What everything that crosses the seam has in common."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Payload(BaseModel):
    """Base of everything that crosses the seam: immutable, and unknown fields are an error.

    Attributes:
        is_resumable: of a Spec, whether its stage finds by itself what an earlier attempt has made, and goes on; its
            outputs then have the same keys and the same bytes in every attempt.
        has_successor: of a Spec, whether a job of the same type is made when it completes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    is_resumable: ClassVar[bool] = False

    @property
    def has_successor(self) -> bool:
        return False


class ImageFailure(Payload):
    image_id: str
    reason: str
