"""Recipes: how augmented pictures are made, as data that is edited, versioned and stored with every picture.

A recipe has steps for cut-outs (synthetic pictures: a product on a background) and one for photos (real pictures). What
a field is 0 in is not done. Lengths in pixels are those of the picture that is made.
"""

import hashlib
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator


class Part(BaseModel):
    """Base of everything in a recipe: immutable, and unknown fields are an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _ascending(interval: tuple[float, float]) -> tuple[float, float]:
    if interval[0] > interval[1]:
        raise ValueError("the first number must not be larger than the second")
    return interval


def _odd(interval: tuple[int, int]) -> tuple[int, int]:
    if interval[0] % 2 == 0 or interval[1] % 2 == 0:
        raise ValueError("sides of blurs are odd")
    return interval


Share = Annotated[float, Field(ge=0, le=1)]
Shares = Annotated[tuple[Share, Share], AfterValidator(_ascending)]
Byte = Annotated[int, Field(ge=0, le=255)]
Bytes = Annotated[tuple[Byte, Byte], AfterValidator(_ascending)]
Side = Annotated[int, Field(ge=1, le=31)]
Sides = Annotated[tuple[Side, Side], AfterValidator(_ascending), AfterValidator(_odd)]


class Warp(Part):
    """How a cut-out is bent and turned; all of it is done in one resampling."""

    rotate_deg: float = Field(0, ge=0, le=45, description="At most so far, either way.")
    shear_deg: float = Field(0, ge=0, le=30, description="At most so far, either way, along both axes.")
    perspective: Shares = Field((0, 0), description="How far corners move, as shares of the sides.")
    grid_distortion: float = Field(0, ge=0, le=0.5, description="By how much cells of a 5 × 5 grid grow or shrink.")
    optical_distortion: float = Field(0, ge=0, le=0.5, description="Of a lens: barrel to pincushion.")
    distortion_probability: Share = Field(0.5, description="Of each of the two.")


class Blur(Part):
    """Motion or Gaussian blur, half and half."""

    probability: Share = 0
    side_px: Sides = (3, 7)


class Shadow(Part):
    """Shadows below a cut-out."""

    drop_probability: Share = Field(0.7, description="Soft, all around.")
    drop_opacity: Bytes = (80, 140)
    drop_offset_px: float = Field(5, ge=0, le=100, description="To the right and down.")
    drop_sigma_px: float = Field(8, ge=0.5, le=60)
    contact_probability: Share = Field(0, description="Dark and narrow, where the product stands.")
    cast_probability: Share = Field(0, description="Long and soft, away from a light.")


class Background(Part):
    """What is behind a cut-out: pictures of the library, shelves that are drawn, or a light colour."""

    picture_share: Share = Field(0.8, description="Of the library's pictures; of the others' where there are none.")
    shelf_share: Share = Field(0, description="Of drawn shelves.")
    colour: Bytes = Field((200, 255), description="Each channel of a light colour, for the rest.")

    @model_validator(mode="after")
    def _check(self) -> "Background":
        if self.picture_share + self.shelf_share > 1:
            raise ValueError("the shares of pictures and shelves are more than 1 together")
        return self


class Scene(Part):
    """What a store has around a product, each with its probability."""

    light_match: Share = Field(0, description="How far colour and brightness go towards those of the background.")
    neighbour_probability: Share = Field(0, description="Other products beside it.")
    price_rail_probability: Share = Field(0, description="A rail with price labels before its foot.")
    hand_probability: Share = Field(0, description="A hand that holds it and hides some of it.")
    glare_probability: Share = Field(0, description="A lamp's reflection on it.")
    camera_probability: Share = Field(0, description="The whole seen from aside, above or below.")
    noise: float = Field(0, ge=0, le=25, description="Standard deviation of the sensor's noise, at most, of 255.")


class CutOutStep(Part):
    """How pictures are made of cut-outs.

    `share` is how many of a source's pictures are made so, before rounding; see Recipe.steps_of.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$", examples=["heavy"])]
    share: Annotated[float, Field(gt=0, le=1000)] = 1
    size: Annotated[tuple[float, float], AfterValidator(_ascending)] = Field(
        (0.75, 0.95), description="Of the product's longer side, as shares of the picture's."
    )
    is_cut_allowed: bool = Field(False, description="Whether a product may reach over the picture's border.")
    warp: Warp = Warp()
    blur: Blur = Blur()
    shadow: Shadow = Shadow()
    background: Background = Background()
    scene: Scene = Scene()

    @model_validator(mode="after")
    def _check(self) -> "CutOutStep":
        if self.size[0] < 0.05 or self.size[1] > (2 if self.is_cut_allowed else 1):
            raise ValueError("size must lie between 0.05 and 1, or 2 where products may be cut")
        return self


class PhotoStep(Part):
    """How pictures are made of photos; they keep their size, up to a limit."""

    longest_px: int = Field(1600, ge=64, le=8000, description="Larger photos are shrunk to it first.")
    geometry_probability: Share = Field(
        0.7, description="Of one of: turned, shifted and scaled; seen from aside; bent."
    )
    brightness: Share = Field(0.3, description="At most so much, either way.")
    contrast: Share = 0.15
    jitter: tuple[Share, Share, Share, Annotated[float, Field(ge=0, le=0.5)]] = Field(
        (0.1, 0.1, 0.15, 0.03), description="Brightness, contrast, saturation, hue."
    )
    rgb_shift: Byte = 12
    iso_noise_probability: Share = 0.3
    blur: Blur = Blur(probability=0.3)
    holes: Annotated[int, Field(ge=0, le=100)] = Field(6, description="At most so many squares are covered.")
    hole_side_px: Annotated[int, Field(ge=1, le=500)] = 30
    hole_value: Byte = 220
    hole_probability: Share = 0.5


class Recipe(Part):
    """All of it. Pictures of the same recipe, seed and source are the same, byte for byte."""

    cut_outs: tuple[CutOutStep, ...] = Field(min_length=1, max_length=16)
    photos: PhotoStep = PhotoStep()
    side_px: int = Field(384, ge=64, le=1024, description="Of pictures made of cut-outs; photos keep their size.")
    jpeg_quality: int = Field(95, ge=50, le=100)

    @model_validator(mode="after")
    def _check(self) -> "Recipe":
        if len({step.name for step in self.cut_outs}) < len(self.cut_outs):
            raise ValueError("two steps have the same name")
        return self

    def sha256(self) -> str:
        """Return the hash that pictures are known by."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def step_of(self, number: int) -> CutOutStep:
        """Return how a source's picture of a number is made: of any first n, each step has its share, within one."""
        order = _order(tuple(step.share for step in self.cut_outs))
        return self.cut_outs[order[number % len(order)]]


@lru_cache(maxsize=64)
def _order(shares: tuple[float, ...]) -> tuple[int, ...]:
    """Return which step each of a period's pictures is made by: always the one that is farthest behind its share."""
    total, n_made = sum(shares), [0] * len(shares)
    order = []
    for n_before in range(_PERIOD):
        behind = [share / total * (n_before + 1) - made for share, made in zip(shares, n_made, strict=True)]
        chosen = max(range(len(shares)), key=lambda i: (behind[i], -i))
        n_made[chosen] += 1
        order.append(chosen)
    return tuple(order)


_PERIOD = 1_000

LIGHT = CutOutStep(name="light", warp=Warp(rotate_deg=3, shear_deg=3))
HEAVY = CutOutStep(
    name="heavy",
    warp=Warp(rotate_deg=7, shear_deg=7, perspective=(0.01, 0.05), grid_distortion=0.2, optical_distortion=0.2),
    blur=Blur(probability=1),
)
PUBLISHED = Recipe(cut_outs=(LIGHT, HEAVY))
"""The three recipes of the specification: light and heavy for cut-outs, half and half, and the one for photos."""

SHELF = CutOutStep(
    name="shelf",
    share=2,
    size=(0.55, 0.85),
    warp=Warp(rotate_deg=4, shear_deg=2, perspective=(0.01, 0.05), grid_distortion=0.04, optical_distortion=0.05),
    blur=Blur(probability=0.5, side_px=(3, 5)),
    shadow=Shadow(drop_probability=0.2, contact_probability=0.9, cast_probability=0.4),
    background=Background(picture_share=0.3, shelf_share=0.7),
    scene=Scene(
        light_match=0.6, neighbour_probability=0.7, price_rail_probability=0.5, glare_probability=0.25,
        camera_probability=0.5, noise=7,
    ),
)  # fmt: skip
HELD = CutOutStep(
    name="held",
    size=(0.6, 0.9),
    warp=Warp(rotate_deg=15, shear_deg=3, perspective=(0.01, 0.06), grid_distortion=0.04, optical_distortion=0.05),
    blur=Blur(probability=0.6, side_px=(3, 7)),
    shadow=Shadow(drop_probability=0.3, drop_sigma_px=14),
    background=Background(picture_share=0.3, shelf_share=0.7),
    scene=Scene(light_match=0.6, hand_probability=0.9, glare_probability=0.25, noise=9),
)
STORE = Recipe(cut_outs=(SHELF, HELD, HEAVY))
"""Products as phones see them in a store: on shelves among others, in hands, and the heavy recipe beside."""

PRESETS: dict[str, Recipe] = {"published": PUBLISHED, "store": STORE}
