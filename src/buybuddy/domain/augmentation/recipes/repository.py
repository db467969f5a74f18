"""Every query about saved recipes."""

import uuid
from collections.abc import Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from buybuddy.domain.augmentation.tables import SavedRecipe
from buybuddy.infra.db import Session

MOST_RECIPES = 500


async def list_recipes(session: Session) -> Sequence[SavedRecipe]:
    statement = select(SavedRecipe).order_by(SavedRecipe.name_key, SavedRecipe.id).limit(MOST_RECIPES)
    return (await session.scalars(statement)).all()


async def count_recipes(session: Session) -> int:
    return await session.scalar(select(func.count()).select_from(SavedRecipe)) or 0


async def find_recipe(session: Session, recipe_id: uuid.UUID) -> SavedRecipe | None:
    return await session.get(SavedRecipe, recipe_id)


async def lock_recipe(session: Session, recipe_id: uuid.UUID) -> SavedRecipe | None:
    statement = select(SavedRecipe).where(SavedRecipe.id == recipe_id).with_for_update()
    return await session.scalar(statement.execution_options(populate_existing=True))


async def find_by_name(session: Session, name: str) -> SavedRecipe | None:
    return await session.scalar(select(SavedRecipe).where(SavedRecipe.name_key == func.fold_text(name)))


async def add_recipe(session: Session, values: dict[str, object]) -> SavedRecipe | None:
    """Add a recipe; None when another one has its name."""
    statement = insert(SavedRecipe).values(**values).on_conflict_do_nothing(index_elements=["name_key"])
    return await session.scalar(statement.returning(SavedRecipe))


async def remove_recipe(session: Session, recipe_id: uuid.UUID) -> None:
    await session.execute(delete(SavedRecipe).where(SavedRecipe.id == recipe_id))
