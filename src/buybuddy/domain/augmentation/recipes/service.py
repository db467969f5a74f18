"""Use cases of recipes."""

import uuid

from buybuddy.domain.augmentation.recipes import repository
from buybuddy.domain.augmentation.tables import SavedRecipe
from buybuddy.errors import Conflict, InvalidInput, NotFound
from buybuddy.infra.db import Actor, Session, Subject, emit, new_id, record_audit
from buybuddy.recipes import PRESETS, Recipe


class RecipeNameTaken(Conflict):
    """Another recipe, or one that the platform brings, has this name."""

    code = "NAME_TAKEN"


class StaleRecipe(Conflict):
    """The recipe has changed since it was read; `current_version` says to what."""

    code = "CONFLICT"


async def resolve(session: Session, name: str) -> tuple[str, Recipe]:
    """Return the recipe of a name, the platform's first. Raises: NotFound."""
    if name in PRESETS:
        return name, PRESETS[name]
    saved = await repository.find_by_name(session, name)
    if saved is None:
        known = ", ".join([*PRESETS, *(one.name for one in await repository.list_recipes(session))])
        raise NotFound(f"There is no recipe {name}; there are: {known}.")
    return saved.name, Recipe.model_validate(saved.body)


async def create(session: Session, name: str, recipe: Recipe, actor: Actor) -> SavedRecipe:
    """Raises: RecipeNameTaken, InvalidInput when there are too many."""
    if name in PRESETS:
        raise RecipeNameTaken("The platform's own recipe has this name.")
    if await repository.count_recipes(session) >= repository.MOST_RECIPES:
        raise InvalidInput(f"At most {repository.MOST_RECIPES} recipes are kept; delete one first.")
    values = {"id": new_id(), "name": name, "body": recipe.model_dump(mode="json")}
    saved = await repository.add_recipe(session, values)
    if saved is None:
        raise RecipeNameTaken("There is a recipe of this name already.")
    record_audit(session, actor, "recipe.create", _subject(saved))
    _tell(session, saved, "created")
    return saved


async def edit(
    session: Session, recipe_id: uuid.UUID, version: int, name: str | None, recipe: Recipe | None, actor: Actor
) -> SavedRecipe:
    """Raises: NotFound, StaleRecipe, RecipeNameTaken."""
    saved = await repository.lock_recipe(session, recipe_id)
    if saved is None:
        raise NotFound("There is no such recipe.")
    if saved.version != version:
        raise StaleRecipe("The recipe has changed since you opened it.", current_version=saved.version)
    before: dict[str, object] = {"name": saved.name, "recipe": saved.body}
    if name is not None and name != saved.name:
        other = await repository.find_by_name(session, name)
        if name in PRESETS or (other is not None and other.id != saved.id):
            raise RecipeNameTaken("There is a recipe of this name already.")
        saved.name = name
    if recipe is not None:
        saved.body = recipe.model_dump(mode="json")
    await session.flush()
    await session.refresh(saved)
    after: dict[str, object] = {"name": saved.name, "recipe": saved.body}
    record_audit(session, actor, "recipe.edit", _subject(saved), before=before, after=after)
    _tell(session, saved, "updated")
    return saved


async def remove(session: Session, recipe_id: uuid.UUID, actor: Actor) -> None:
    """Remove a recipe; runs that were begun with it keep it. Raises: NotFound."""
    saved = await repository.lock_recipe(session, recipe_id)
    if saved is None:
        raise NotFound("There is no such recipe.")
    record_audit(session, actor, "recipe.delete", _subject(saved), before={"recipe": saved.body})
    _tell(session, saved, "deleted")
    await repository.remove_recipe(session, recipe_id)


def _subject(saved: SavedRecipe) -> Subject:
    return Subject("recipe", saved.id, saved.name)


def _tell(session: Session, saved: SavedRecipe, change: str) -> None:
    emit(session, "augmentation", {"id": str(saved.id), "change": change})
