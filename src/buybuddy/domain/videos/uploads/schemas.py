"""What the API says of an upload on its way in."""

import datetime as dt
import uuid

from pydantic import BaseModel, Field

from buybuddy.domain.videos.tables import VideoUpload


class ResumableUploadOut(BaseModel):
    """How far an upload is, and what became of it."""

    id: uuid.UUID
    filename: str = Field(examples=["8690504012345.mp4"])
    offset: int = Field(ge=0, description="How many bytes are kept; the next ones begin here.")
    size_bytes: int = Field(ge=1)
    expires_at: dt.datetime = Field(description="When it is forgotten, unless more comes before.")
    video_id: uuid.UUID | None = Field(description="The video it has become; the same bytes twice are one video.")
    rejected_reason: str | None = Field(description="Why it has become none.", examples=[None])

    @classmethod
    def from_row(cls, upload: VideoUpload) -> "ResumableUploadOut":
        return cls(
            id=upload.id,
            filename=upload.filename,
            offset=upload.offset_bytes,
            size_bytes=upload.size_bytes,
            expires_at=upload.expires_at,
            video_id=upload.video_id,
            rejected_reason=upload.rejected_reason,
        )
