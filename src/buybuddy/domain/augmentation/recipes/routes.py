"""HTTP of recipes."""

import uuid

from fastapi import APIRouter

from buybuddy.domain.accounts.access import Engineer, Viewer
from buybuddy.domain.augmentation.recipes import repository, service
from buybuddy.domain.augmentation.recipes.previews import make_preview
from buybuddy.domain.augmentation.recipes.schemas import PreviewIn, PreviewOut, RecipeEdit, RecipeIn, RecipeOut
from buybuddy.errors import InvalidInput, NotFound, StageFailed, Unavailable
from buybuddy.infra.http import PlatformDep, SessionDep, refusals
from buybuddy.recipes import PRESETS

router = APIRouter(prefix="/augmentation/recipes", tags=["augmentation"])


@router.get("", operation_id="listRecipes")
async def list_recipes(_: Viewer, session: SessionDep) -> list[RecipeOut]:
    """List recipes: those that the platform brings, then those that people have saved, by name."""
    saved = await repository.list_recipes(session)
    return [*(RecipeOut.of_preset(*one) for one in PRESETS.items()), *(RecipeOut.from_row(one) for one in saved)]


@router.post(
    "", operation_id="createRecipe", status_code=201, responses=refusals(service.RecipeNameTaken, InvalidInput)
)
async def create_recipe(body: RecipeIn, principal: Engineer, session: SessionDep) -> RecipeOut:
    """Save a recipe under a name."""
    return RecipeOut.from_row(await service.create(session, body.name, body.recipe, principal.actor))


@router.post("/preview", operation_id="previewRecipe", responses=refusals(NotFound, StageFailed, Unavailable))
async def preview_recipe(body: PreviewIn, _: Engineer, platform: PlatformDep) -> PreviewOut:
    """Make some pictures of one image; a run with this recipe and seed makes the like."""
    keys = await make_preview(platform, body.image_id, body.recipe, body.seed, body.count)
    return PreviewOut(image_urls=[platform.links.sign(key) for key in keys])


@router.patch(
    "/{recipe_id}",
    operation_id="editRecipe",
    responses=refusals(NotFound, service.StaleRecipe, service.RecipeNameTaken),
)
async def edit_recipe(recipe_id: uuid.UUID, body: RecipeEdit, principal: Engineer, session: SessionDep) -> RecipeOut:
    """Change a recipe; pictures that were made with it keep the one they were made with."""
    saved = await service.edit(session, recipe_id, body.version, body.name, body.recipe, principal.actor)
    return RecipeOut.from_row(saved)


@router.delete("/{recipe_id}", operation_id="deleteRecipe", status_code=204, responses=refusals(NotFound))
async def delete_recipe(recipe_id: uuid.UUID, principal: Engineer, session: SessionDep) -> None:
    """Remove a saved recipe."""
    await service.remove(session, recipe_id, principal.actor)
