"""What the API takes and answers about matching."""

import datetime as dt
import uuid
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from buybuddy.domain.matching.candidates.service import Candidate
from buybuddy.domain.matching.confidence.rules import HIGHEST_TARGET
from buybuddy.domain.matching.decisions.service import Decided
from buybuddy.domain.matching.rules import DEFAULT_THRESHOLD, MOST_AT_ONCE, Decision, Tier
from buybuddy.domain.matching.tables import MatchDecision, MatchingSettings
from buybuddy.domain.photos.tables import Photo
from buybuddy.domain.products.tables import Product
from buybuddy.infra.http import Platform

PhotoIds = Annotated[
    list[uuid.UUID], Field(min_length=1, max_length=MOST_AT_ONCE, description="`id`s of candidates.")
]  # fmt: skip


class CandidateOut(BaseModel):
    """A photo that may show the product, with the near-duplicates that are decided together with it.

    `similarity` is the cosine to the product's most similar picture; null when either has no vector yet.
    """

    id: uuid.UUID
    image_url: str
    thumbnail_url: str | None
    similarity: float | None
    tier: Tier
    source: str
    name: str
    barcode: str | None
    captured_at: dt.datetime | None
    width_px: int | None
    height_px: int | None
    decision: Decision | None
    confidence: float = Field(ge=0, le=1, description="How likely it shows the product, by what people decided before.")
    photo_ids: list[uuid.UUID] = Field(description="Photos of the card, this one first.")

    @classmethod
    def from_card(
        cls, card: Candidate, decision: Decision | None, confidence: float, platform: Platform
    ) -> "CandidateOut":
        photo = card.photo
        return cls(
            id=photo.id,
            image_url=platform.links.sign(photo.storage_key),
            thumbnail_url=platform.link(photo.thumbnail_key),
            similarity=None if card.similarity is None else round(card.similarity, 4),
            tier=card.tier,
            source=photo.source,
            name=photo.name,
            barcode=photo.barcode or next(iter(photo.barcodes_seen), None),
            captured_at=photo.captured_at,
            width_px=photo.width_px,
            height_px=photo.height_px,
            decision=decision,
            confidence=round(confidence, 4),
            photo_ids=list(card.members),
        )


class DecisionIn(BaseModel):
    """Which photos of a product are decided about."""

    model_config = ConfigDict(extra="forbid")

    product_id: uuid.UUID
    candidate_ids: PhotoIds
    threshold: float = Field(DEFAULT_THRESHOLD, ge=-1, le=1, description="What candidates were asked with.")


class DecidedOut(BaseModel):
    """What was changed: near-duplicates included, photos that already were as asked left out."""

    photo_ids: list[uuid.UUID]
    real_count: int
    status: str

    @classmethod
    def of(cls, decided: Decided) -> "DecidedOut":
        return cls(photo_ids=decided.photo_ids, real_count=decided.real_count, status=decided.status)


class AssignmentIn(BaseModel):
    """A photo and a barcode of the product that it shows."""

    model_config = ConfigDict(extra="forbid")

    photo_id: uuid.UUID
    barcode: str = Field(min_length=1, max_length=32)


class AssignmentsIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    pairs: list[AssignmentIn] = Field(min_length=1, max_length=MOST_AT_ONCE)

    @model_validator(mode="after")
    def refuse_twice(self) -> Self:
        """A photo shows one product; which of two barcodes is meant, nobody can say."""
        if len({pair.photo_id for pair in self.pairs}) < len(self.pairs):
            raise ValueError("a photo is named twice")
        return self


class AssignmentOut(BaseModel):
    """What became of a pair: assigned now, already so, or refused with the reason."""

    photo_id: uuid.UUID
    status: Literal["assigned", "unchanged", "refused"]
    reason: str | None = None


class QueueRow(BaseModel):
    """A product that needs matching, with what deciding about its candidates is expected to bring."""

    product_id: uuid.UUID
    barcode: str | None
    brand_name: str | None
    product_name: str | None
    variant_flavor: str | None
    status: str
    thumbnail_url: str | None
    frame_count: int
    real_count: int
    n_candidates: int
    expected_matches: float
    best_similarity: float | None


class DecisionOut(BaseModel):
    """What was decided about a photo of a product."""

    photo_id: uuid.UUID
    image_url: str
    thumbnail_url: str | None
    name: str
    source: str
    decision: Decision
    similarity: float | None
    tier: Tier
    origin: Literal["person", "automatic", "import"]
    by: str
    at: dt.datetime

    @classmethod
    def from_row(cls, row: MatchDecision, photo: Photo, platform: Platform) -> "DecisionOut":
        return cls.model_validate(
            {
                "photo_id": photo.id,
                "image_url": platform.links.sign(photo.storage_key),
                "thumbnail_url": platform.link(photo.thumbnail_key),
                "name": photo.name,
                "source": photo.source,
                "decision": row.decision,
                "similarity": None if row.similarity is None else round(row.similarity, 4),
                "tier": row.tier,
                "origin": row.origin,
                "by": row.user_name,
                "at": row.decided_at,
            }
        )


class SuggestionOut(BaseModel):
    """A product that a photo may show, with the image of it that is most similar."""

    product_id: uuid.UUID
    barcode: str | None
    brand_name: str | None
    product_name: str | None
    variant_flavor: str | None
    similarity: float
    image_url: str
    thumbnail_url: str | None


class MatchingSettingsOut(BaseModel):
    """How matching works here, for everybody."""

    ready_after: int
    is_automatic: bool
    precision_target: float
    audit_share: float
    automatic_since: dt.datetime | None = Field(description="When automatic approval was last switched on.")

    @classmethod
    def from_row(cls, row: MatchingSettings) -> "MatchingSettingsOut":
        return cls.model_validate(row, from_attributes=True)


class MatchingSettingsEdit(BaseModel):
    """Only what is given changes."""

    model_config = ConfigDict(extra="forbid")

    ready_after: int | None = Field(None, ge=1, le=1000, description="Approved photos that make a product ready.")
    is_automatic: bool | None = None
    precision_target: float | None = Field(None, ge=0.5, le=HIGHEST_TARGET)
    audit_share: float | None = Field(None, ge=0.01, le=1)


def primary_barcode(product: Product) -> str | None:
    """Return the barcode that stands for the product: the list carries the primary one first."""
    return next(iter(product.barcodes), None)
