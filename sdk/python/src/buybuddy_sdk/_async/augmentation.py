"""Pictures made out of those that there are: runs, recipes and backgrounds."""

import html
import re
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from pydantic import PrivateAttr

from buybuddy_sdk._async.pager import AsyncPager
from buybuddy_sdk._async.slots import start_when_free
from buybuddy_sdk._async.transport import AsyncTransport, Call, new_key
from buybuddy_sdk._files import FilePath, Form, PartFile
from buybuddy_sdk._page import Ref, id_of, in_path
from buybuddy_sdk._pauses import async_sleep
from buybuddy_sdk._progress import open_bars
from buybuddy_sdk.errors import DeadlineExceeded
from buybuddy_sdk.models import BackgroundOut, Recipe, RecipeOut, RunOut, RunProductOut, SentBackground

OPEN = ("planning", "running")
LOOK_S = 1.0
UPLOADED_AT_ONCE = 20
_SHEET_LINK = re.compile(r'src="(/media/[^"]+)"')


class AsyncRun(RunOut):
    """A run of augmentation, as it was when it was read last."""

    _augmentation: "AsyncAugmentation" = PrivateAttr()

    @classmethod
    def of(cls, augmentation: "AsyncAugmentation", document: Any) -> Self:
        """Build a run that can be waited for."""
        found = cls.model_validate(document)
        found._augmentation = augmentation
        return found

    @property
    def is_ended(self) -> bool:
        """Whether nothing more is made, well or not."""
        return self.status not in OPEN

    async def refresh(self) -> "AsyncRun":
        """Return it as it is now."""
        return await self._augmentation.get(self)

    async def wait(
        self,
        timeout: float | None = None,
        on_progress: Callable[["AsyncRun"], None] | None = None,
        *,
        progress: bool | None = None,
    ) -> "AsyncRun":
        """Return it once it has ended, well or not.

        Args:
            timeout: in seconds; None waits as long as it takes.
            on_progress: hears of every look.
            progress: a bar on standard error; None shows it on a terminal when nobody else listens.
        Raises: DeadlineExceeded; the run goes on.
        """
        ends_at_s = None if timeout is None else time.monotonic() + timeout
        run: AsyncRun = self
        with open_bars(False if progress is None and on_progress is not None else progress) as bars:
            while True:
                bars.show(str(run.id), run.dataset_label, run.progress, 100.0, run.status)
                if on_progress is not None:
                    on_progress(run)
                if run.is_ended:
                    return run
                if ends_at_s is not None and time.monotonic() + LOOK_S > ends_at_s:
                    raise DeadlineExceeded(f"The run has not ended within {timeout} s.")
                await async_sleep(LOOK_S)
                run = await self._augmentation.get(self)

    async def cancel(self) -> "AsyncRun":
        """Stop it; what its finished parts have made stays."""
        return await self._augmentation.cancel(self)

    def products(self, *, short: bool = False) -> AsyncPager[RunProductOut]:
        """Iterate over what it found, wanted and made of each product; with `short` only where something is missing."""
        return self._augmentation.products(self, short=short)


class AsyncAugmentation:
    """`client.augmentation`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def start(
        self,
        dataset: Ref,
        *,
        version: int | None = None,
        synthetic_target: int | None = None,
        real_target: int | None = None,
        seed: int | None = None,
        recipe: str | None = None,
        splits: Sequence[str] | None = None,
        wait_for_slot: float | None = None,
        on_wait: Callable[[str], None] | None = None,
    ) -> AsyncRun:
        """Fill every product of a frozen version up to the targets; `wait()` on what is returned until it has ended.

        Args:
            version: a frozen version's number; the newest without.
            synthetic_target, real_target: pictures a product, those that are there counted; 600 and 400 without.
            recipe: `published`, `store`, or a saved recipe's name.
            wait_for_slot: for how many seconds to try while no slot at all is free; `math.inf` for ever.
            on_wait: hears why, each time.
        Raises: Conflict (NOT_FROZEN, RUN_IS_OPEN); QueueFull; DeadlineExceeded after such a wait.
        """
        given = {
            "version": version,
            "synthetic_target": synthetic_target,
            "real_target": real_target,
            "seed": seed,
            "recipe": recipe,
            "splits": None if splits is None else list(splits),
        }
        body = {name: value for name, value in given.items() if value is not None}
        path = f"/datasets/{in_path(id_of(dataset))}/augment"
        call = Call("POST", path, json=body, headers={"Idempotency-Key": new_key()}, is_repeatable=True)
        return await start_when_free(self._transport, self._bind, call, wait_for_slot, on_wait)

    def list(self, *, dataset: Ref | None = None) -> AsyncPager[AsyncRun]:
        """Iterate over runs, newest first."""
        params = {"dataset_id": None if dataset is None else id_of(dataset)}
        return AsyncPager(self._transport, "/augmentation/runs", self._bind, params)

    async def get(self, run: Ref) -> AsyncRun:
        """Return one run."""
        return await self._transport.read_as(self._bind, Call("GET", _path(run)))

    async def cancel(self, run: Ref) -> AsyncRun:
        """Stop a run; what its finished parts have made stays. Raises: Conflict when it has ended."""
        return await self._transport.read_as(self._bind, Call("POST", f"{_path(run)}/cancel"))

    def products(self, run: Ref, *, short: bool = False) -> AsyncPager[RunProductOut]:
        """Iterate over what a run found, wanted and made of each product."""
        return AsyncPager(self._transport, f"{_path(run)}/products", RunProductOut.model_validate, {"short": short})

    async def report(self, run: Ref, *, to: FilePath, format: str = "json", progress: bool | None = False) -> Path:
        """Write the report of a run: json, or html with a contact sheet for each product.

        The sheets of a page lie in a folder beside it, `NAME-sheets`, since their links at the platform run out.
        """
        call = Call("GET", f"{_path(run)}/report", params={"format": format})
        await self._transport.save(call, to, progress=progress)
        if format == "html":
            await self._keep_sheets(Path(to), progress)
        return Path(to)

    async def _keep_sheets(self, page: Path, progress: bool | None) -> None:
        text = _read(page)
        links = list(dict.fromkeys(_SHEET_LINK.findall(text)))
        if not links:
            return
        folder = page.with_name(f"{page.stem}-sheets")
        folder.mkdir(exist_ok=True)
        with open_bars(progress) as bars:
            for number, link in enumerate(links, 1):
                sheet = folder / f"{number:05d}.jpg"
                await self._transport.save(Call("GET", html.unescape(link)), sheet, progress=False)
                text = text.replace(f'src="{link}"', f'src="{quote(folder.name)}/{sheet.name}"')
                bars.show("sheets", folder.name, number, len(links), f"{number} of {len(links)} sheets")
        with PartFile(page) as file:
            file.write(text.encode())

    async def recipes(self) -> Sequence[RecipeOut]:
        """Return the platform's recipes, then the saved ones."""
        call = Call("GET", "/augmentation/recipes")
        return await self._transport.read_as(lambda rows: [RecipeOut.model_validate(row) for row in rows], call)

    async def save_recipe(self, name: str, recipe: Recipe | dict[str, Any]) -> RecipeOut:
        """Save a recipe under a name. Raises: Conflict (NAME_TAKEN), InvalidInput."""
        call = Call("POST", "/augmentation/recipes", json={"name": name, "recipe": _document(recipe)})
        return await self._transport.read_as(RecipeOut.model_validate, call)

    async def edit_recipe(
        self, recipe: RecipeOut, *, name: str | None = None, body: Recipe | dict[str, Any] | None = None
    ) -> RecipeOut:
        """Change a saved recipe from the version that was read. Raises: Conflict."""
        changes: dict[str, Any] = {"version": recipe.version}
        if name is not None:
            changes["name"] = name
        if body is not None:
            changes["recipe"] = _document(body)
        call = Call("PATCH", f"/augmentation/recipes/{in_path(str(recipe.id))}", json=changes)
        return await self._transport.read_as(RecipeOut.model_validate, call)

    async def delete_recipe(self, recipe: Ref) -> None:
        """Remove a saved recipe."""
        await self._transport.remove(f"/augmentation/recipes/{in_path(id_of(recipe))}")

    async def preview(
        self, image: Ref, recipe: Recipe | dict[str, Any], *, count: int = 12, seed: int = 42
    ) -> Sequence[str]:
        """Return links to pictures that a recipe makes of an image; they are kept for an hour."""
        body = {"image_id": id_of(image), "recipe": _document(recipe), "count": count, "seed": seed}
        call = Call("POST", "/augmentation/recipes/preview", json=body, is_repeatable=True)
        return await self._transport.read_as(lambda answer: list(answer["image_urls"]), call)

    def backgrounds(self) -> AsyncPager[BackgroundOut]:
        """Iterate over the pictures that products are laid on, newest first."""
        return AsyncPager(self._transport, "/augmentation/backgrounds", BackgroundOut.model_validate, {})

    async def add_backgrounds(self, files: Iterable[FilePath]) -> Sequence[SentBackground]:
        """Send pictures to lay products on; the same bytes are one, and what cannot be read is listed."""
        paths = [Path(file) for file in files]
        sent: list[SentBackground] = []
        for start in range(0, len(paths), UPLOADED_AT_ONCE):
            form = Form(tuple(("files", path) for path in paths[start : start + UPLOADED_AT_ONCE]), {})
            call = Call("POST", "/augmentation/backgrounds", form=form, is_repeatable=True)
            sent += await self._transport.read_as(
                lambda answer: [SentBackground.model_validate(row) for row in answer["files"]], call
            )
        return sent

    async def delete_background(self, background: Ref) -> None:
        """Remove a background; pictures that were made with it stay."""
        await self._transport.remove(f"/augmentation/backgrounds/{in_path(id_of(background))}")

    def _bind(self, document: Any) -> AsyncRun:
        return AsyncRun.of(self, document)


def _document(recipe: Recipe | dict[str, Any]) -> dict[str, Any]:
    return recipe if isinstance(recipe, dict) else recipe.model_dump(mode="json", exclude_none=True)


def _read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _path(run: Ref) -> str:
    return f"/augmentation/runs/{in_path(id_of(run))}"
