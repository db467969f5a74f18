"""What the API takes and answers about recipes."""

import datetime as dt
import uuid
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from buybuddy.domain.augmentation.schemas import LARGEST_SEED
from buybuddy.domain.augmentation.tables import SavedRecipe
from buybuddy.recipes import Recipe

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")
]


class RecipeIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name = Field(examples=["Fridge doors"])
    recipe: Recipe


class RecipeEdit(BaseModel):
    """What is to change, from which version."""

    model_config = ConfigDict(extra="forbid")

    version: int = Field(ge=1, le=2**31 - 1)
    name: Name | None = None
    recipe: Recipe | None = None


class RecipeOut(BaseModel):
    """A recipe; those that the platform brings have no id and cannot be edited."""

    id: uuid.UUID | None
    name: str
    recipe: Recipe
    sha256: str = Field(description="Pictures are known by it.")
    version: int | None
    updated_at: dt.datetime | None

    @classmethod
    def from_row(cls, saved: SavedRecipe) -> Self:
        recipe = Recipe.model_validate(saved.body)
        return cls(
            id=saved.id,
            name=saved.name,
            recipe=recipe,
            sha256=recipe.sha256(),
            version=saved.version,
            updated_at=saved.updated_at,
        )

    @classmethod
    def of_preset(cls, name: str, recipe: Recipe) -> Self:
        return cls(id=None, name=name, recipe=recipe, sha256=recipe.sha256(), version=None, updated_at=None)


class PreviewIn(BaseModel):
    """Which image to look at, and with what."""

    model_config = ConfigDict(extra="forbid")

    image_id: uuid.UUID = Field(description="A frame, a shop picture or a photo of some product.")
    recipe: Recipe
    seed: int = Field(42, ge=0, le=LARGEST_SEED)
    count: int = Field(12, ge=1, le=48)


class PreviewOut(BaseModel):
    """Pictures that are kept for an hour."""

    image_urls: list[str]
