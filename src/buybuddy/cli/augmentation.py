"""`buybuddy augment`, `buybuddy recipes` and `buybuddy backgrounds`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from buybuddy.cli.connect import connect
from buybuddy.cli.named import find_dataset
from buybuddy.cli.output import JsonOption, ServerOption, err, out, print_json
from buybuddy.cli.tables import Listing
from buybuddy.errors import Conflict, InvalidInput, NotFound
from buybuddy.recipes import Recipe
from buybuddy_sdk import Client, Run
from buybuddy_sdk.models import RecipeOut

recipes = typer.Typer(no_args_is_help=True)
backgrounds = typer.Typer(no_args_is_help=True)

PICTURES = (".jpg", ".jpeg", ".png", ".webp")
SHOWN = 20


@recipes.callback()
def recipes_group() -> None:
    """Group of commands about recipes."""


@backgrounds.callback()
def backgrounds_group() -> None:
    """Group of commands about backgrounds."""


def augment(
    dataset: Annotated[str, typer.Argument(help="A dataset's id or name.")],
    synthetic_target: Annotated[
        int, typer.Option("--syn-target", min=0, max=10_000, help="Synthetic pictures a product, those there counted.")
    ] = 600,
    real_target: Annotated[
        int, typer.Option("--real-target", min=0, max=10_000, help="Real pictures a product, those there counted.")
    ] = 400,
    seed: Annotated[int, typer.Option(min=0, help="The same seed and recipe make the same pictures.")] = 42,
    recipe: Annotated[str, typer.Option(help="published, store, or a saved recipe's name.")] = "published",
    version: Annotated[int | None, typer.Option(min=1, help="A frozen version; the newest without.")] = None,
    splits: Annotated[list[str] | None, typer.Option("--split", help="train, val or test; all without.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write the report there: .json or .html.", dir_okay=False)] = None,
    wait: Annotated[bool, typer.Option(help="Until everything is made.")] = True,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fill every product of a frozen dataset up to the targets, with pictures made of its frames and photos."""
    if report is not None and report.suffix not in (".json", ".html"):
        raise InvalidInput(f"A report is .json or .html, not {report.suffix or 'without an ending'}.")
    with connect(server) as client:
        run = client.augmentation.start(
            find_dataset(client, dataset),
            version=version,
            synthetic_target=synthetic_target,
            real_target=real_target,
            seed=seed,
            recipe=recipe,
            splits=splits,
        )
        if wait:
            run = run.wait()
        if report is not None:
            client.augmentation.report(run, to=report, format=report.suffix[1:])
        short = list(run.products(short=True)) if wait and run.short_count else []
    if as_json:
        print_json(run.model_dump(mode="json"))
    else:
        _show(run)
        for product in short[:SHOWN]:
            err.print(f"{product.label}: {'; '.join(product.reasons) or 'less was made'}", markup=False, style="red")
        if len(short) > SHOWN:
            err.print(f"... {len(short)} in all; --report lists them.")
    if wait and run.status != "completed":
        raise Conflict(f"The run ended as {run.status.replace('_', ' ')}: see its jobs.")


def _show(run: Run) -> None:
    out.print(f"{run.dataset_label}: {run.status.replace('_', ' ')}, {run.product_count} products", highlight=False)
    counts = (run.before, run.wanted, run.made)
    rows = [(domain, *(getattr(one, domain) for one in counts)) for domain in ("synthetic", "real")]
    Listing("pictures", "there before", "wanted", "made").print(rows)


@recipes.command("list")
def list_recipes(server: ServerOption = None, as_json: JsonOption = False) -> None:
    """List the platform's recipes and the saved ones."""
    with connect(server) as client:
        found = client.augmentation.recipes()
    if as_json:
        print_json([one.model_dump(mode="json") for one in found])
        return
    Listing("name", "steps", "version", "sha256").print(
        [
            (
                one.name,
                ", ".join(step.name for step in one.recipe.cut_outs),
                one.version or "the platform's",
                one.sha256[:12],
            )
            for one in found
        ]
    )


@recipes.command("show")
def show_recipe(name: Annotated[str, typer.Argument(help="A recipe's name.")], server: ServerOption = None) -> None:
    """Print a recipe as JSON, to be edited and saved under another name."""
    with connect(server) as client:
        print_json(_find(client, name).recipe.model_dump(mode="json", exclude_none=True))


@recipes.command("save")
def save_recipe(
    name: Annotated[str, typer.Argument(help="A name for it; one that is there is changed.")],
    file: Annotated[Path, typer.Argument(exists=True, readable=True, dir_okay=False, help="The recipe as JSON.")],
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Save a recipe under a name."""
    body = _read(file)
    with connect(server) as client:
        known = {one.name: one for one in client.augmentation.recipes() if one.id is not None}
        if name in known:
            saved = client.augmentation.edit_recipe(known[name], body=body)
        else:
            saved = client.augmentation.save_recipe(name, body)
    if as_json:
        print_json(saved.model_dump(mode="json"))
    else:
        out.print(f"{saved.name}, version {saved.version}", highlight=False)


@recipes.command("delete")
def delete_recipe(
    name: Annotated[str, typer.Argument(help="A saved recipe's name.")],
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove a saved recipe; what was made with it stays."""
    with connect(server) as client:
        found = _find(client, name)
        if found.id is None:
            raise Conflict("The platform's own recipes cannot be removed.")
        client.augmentation.delete_recipe(str(found.id))
    if as_json:
        print_json({"deleted": str(found.id)})
    else:
        out.print(f"{name} was removed.", highlight=False)


@backgrounds.command("list")
def list_backgrounds(server: ServerOption = None, as_json: JsonOption = False) -> None:
    """List the pictures that products are laid on, newest first."""
    with connect(server) as client:
        rows = list(client.augmentation.backgrounds())
    if as_json:
        print_json([row.model_dump(mode="json") for row in rows])
        return
    Listing("id", "name", "size").print([(row.id, row.name, f"{row.width_px} × {row.height_px}") for row in rows])


@backgrounds.command("add")
def add_backgrounds(
    paths: Annotated[list[Path], typer.Argument(exists=True, readable=True, help="Pictures, or folders of them.")],
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add pictures to lay products on; the same bytes are one background."""
    files = [file for path in paths for file in _pictures(path)]
    if not files:
        raise InvalidInput("There is no JPEG, PNG or WebP picture there.")
    with connect(server) as client, err.status(f"sending {len(files)} pictures ..."):
        sent = client.augmentation.add_backgrounds(files)
    refused = [one for one in sent if one.outcome == "refused"]
    if as_json:
        print_json([one.model_dump(mode="json") for one in sent])
    else:
        n_added = sum(one.outcome == "added" for one in sent)
        out.print(
            f"{n_added} added, {len(sent) - n_added - len(refused)} known, {len(refused)} refused", highlight=False
        )
        for one in refused[:SHOWN]:
            err.print(f"{one.filename}: {one.reason}", markup=False, style="red")
    if refused:
        raise typer.Exit(1)


@backgrounds.command("delete")
def delete_background(
    background_id: Annotated[str, typer.Argument(help="A background's id.")],
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove a background; pictures that were made with it stay."""
    with connect(server) as client:
        client.augmentation.delete_background(background_id)
    if as_json:
        print_json({"deleted": background_id})
    else:
        out.print("The background was removed.")


def _pictures(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.suffix.lower() in PICTURES and file.is_file())


def _cells(recipe: RecipeOut) -> tuple[object, ...]:
    steps = ", ".join(step.name for step in recipe.recipe.cut_outs)
    return recipe.name, steps, recipe.version or "the platform's", recipe.sha256[:12]


def _find(client: Client, name: str) -> RecipeOut:
    """Raises: NotFound."""
    found = {one.name: one for one in client.augmentation.recipes()}
    if name not in found:
        raise NotFound(f"There is no recipe {name!r}; there are: {', '.join(found)}.")
    return found[name]


def _read(file: Path) -> dict[str, Any]:
    """Return a recipe's document. Raises: InvalidInput that names the field."""
    try:
        return Recipe.model_validate_json(file.read_bytes()).model_dump(mode="json")
    except (ValidationError, json.JSONDecodeError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else None
        where = ".".join(str(part) for part in first["loc"]) if first else ""
        raise InvalidInput(f"{file} is no recipe: {where}: {first['msg'] if first else error}") from error
