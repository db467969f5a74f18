"""Pure decisions about how much is made of what."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from buybuddy.stages.specs import AugmentSource, ImageDomain

SHARD_PICTURES = 3_000  # seconds to half a minute of work on one core, by the recipe
SHARD_SOURCES = 1_000
NO_SOURCE: dict[ImageDomain, str] = {
    "synthetic": "There is no frame or shop picture to make synthetic pictures of.",
    "real": "There is no matched photo to make real pictures of.",
}
LEAKS = "photos left out: near-duplicates of them are in another split"
RunStatus = Literal["planning", "running", "completed", "completed_with_failures", "failed", "cancelled"]


@dataclass(frozen=True)
class Source:
    """A picture that others can be made of.

    Args:
        next_number: the first number that none of its pictures has.
    """

    image_id: str
    key: str
    sha256: str
    stem: str
    matte_key: str | None = None
    next_number: int = 0


def stem_of(frame_index: int | None, image_id: uuid.UUID) -> str:
    """Return what the names of the pictures that are made of an image begin with."""
    return f"frame_{frame_index:04d}" if frame_index is not None else image_id.hex[:12]


@dataclass(frozen=True)
class Stock:
    """What there is of a product in one domain.

    Args:
        n_there: pictures, those made before among them.
        n_leaking: photos that may not be sources.
    """

    n_there: int = 0
    sources: Sequence[Source] = ()
    n_leaking: int = 0


@dataclass
class ProductPlan:
    """What is made of a product.

    Args:
        wanted: how many pictures of each domain.
    """

    product_id: str
    sources: list[AugmentSource] = field(default_factory=list)
    wanted: dict[ImageDomain, int] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)

    @property
    def n_wanted(self) -> int:
        return sum(self.wanted.values())


def plan_product(product_id: str, stocks: dict[ImageDomain, Stock], targets: dict[ImageDomain, int]) -> ProductPlan:
    """Share out what is missing up to the targets, evenly over the sources; the first ones get what is left over."""
    plan = ProductPlan(product_id)
    for domain, target in targets.items():
        stock = stocks.get(domain, Stock())
        missing = max(0, target - stock.n_there)
        plan.wanted[domain] = missing if stock.sources else 0
        if stock.n_leaking:
            plan.reasons.append(f"{stock.n_leaking} {LEAKS}")
        if missing and not stock.sources:
            plan.reasons.append(NO_SOURCE[domain])
        if missing and stock.sources:
            plan.sources += _share(product_id, domain, missing, stock.sources)
    return plan


def _share(product_id: str, domain: ImageDomain, missing: int, sources: Sequence[Source]) -> list[AugmentSource]:
    each, n_more = divmod(missing, len(sources))
    shares = [each + (number < n_more) for number in range(len(sources))]
    return [
        AugmentSource(
            image_id=source.image_id,
            product_id=product_id,
            key=source.key,
            sha256=source.sha256,
            stem=source.stem,
            domain=domain,
            first_number=source.next_number,
            n_wanted=share,
            matte_key=source.matte_key,
        )
        for source, share in zip(sources, shares, strict=True)
        if share
    ]


def cut_into_shards(plans: Sequence[ProductPlan]) -> list[list[ProductPlan]]:
    """Put products together into parts of about the same work; a product is never divided."""
    shards: list[list[ProductPlan]] = []
    n_pictures = n_sources = 0
    for plan in plans:
        if not plan.sources:
            continue
        is_full = n_pictures + plan.n_wanted > SHARD_PICTURES or n_sources + len(plan.sources) > SHARD_SOURCES
        if not shards or is_full:
            shards.append([])
            n_pictures = n_sources = 0
        shards[-1].append(plan)
        n_pictures += plan.n_wanted
        n_sources += len(plan.sources)
    return shards


@dataclass(frozen=True)
class ShardCounts:
    """How far the shards of a run are."""

    n_all: int = 0
    n_done: int = 0
    n_failed: int = 0


def run_status(*, is_planned: bool, is_plan_over: bool, is_cancelled: bool, shards: ShardCounts) -> RunStatus:
    """Say how a run stands.

    Args:
        is_plan_over: whether the job that plans has failed or was cancelled.
    """
    if is_cancelled:
        return "cancelled"
    if not is_planned:
        return "failed" if is_plan_over else "planning"
    if shards.n_done + shards.n_failed < shards.n_all:
        return "running"
    if shards.n_failed == 0:
        return "completed"
    return "completed_with_failures" if shards.n_done else "failed"
