"""What the API answers about the progress of matching."""

import uuid

from pydantic import BaseModel, Field

from buybuddy.domain.matching.queue.service import Progress


class PersonProgress(BaseModel):
    """Approvals, rejections and skips of one person that stand."""

    user_id: uuid.UUID
    name: str
    today: int = Field(description="Since midnight, UTC.")
    total: int


class MatchingProgress(BaseModel):
    """How much is left, and how long people will take for it at their pace."""

    decisions_left: int = Field(description="Cards above the default threshold of products that need matching.")
    products_left: int
    decisions_today: int
    decisions_total: int
    people: list[PersonProgress]
    seconds_per_decision: float | None = Field(description="Median; null before two decisions follow each other.")
    minutes_per_product: float | None = Field(description="Median; null before two decisions follow each other.")
    hours_left: float | None

    @classmethod
    def of(cls, progress: Progress) -> "MatchingProgress":
        people = [PersonProgress.model_validate(person, from_attributes=True) for person in progress.people]
        return cls(
            decisions_left=progress.decisions_left,
            products_left=progress.products_left,
            decisions_today=sum(person.today for person in people),
            decisions_total=sum(person.total for person in people),
            people=people,
            seconds_per_decision=progress.pace.seconds_per_decision,
            minutes_per_product=progress.pace.minutes_per_product,
            hours_left=progress.hours_left,
        )
