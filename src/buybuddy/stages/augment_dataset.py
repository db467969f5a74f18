"""Stage: make pictures of products as a store's cameras would see them, out of their cut-outs and photos."""

import hashlib
import io
from collections.abc import Sequence
from itertools import groupby

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from buybuddy.errors import NotFound, StageFailed, UnreadableMedia
from buybuddy.ml.augmentation.contact_sheets import ContactSheet
from buybuddy.ml.augmentation.cut_outs import CutOut, NothingCutOut, cut_out
from buybuddy.ml.augmentation.drawing import open_stream
from buybuddy.ml.augmentation.mattes import MatteMaker
from buybuddy.ml.augmentation.photos import crop_to, is_on_black, vary_photo
from buybuddy.ml.augmentation.pictures import Surroundings, make_picture
from buybuddy.ml.augmentation.shelves import Backdrop, draw_shelf
from buybuddy.ml.images import encode_picture, read_image_rgb, read_matte
from buybuddy.recipes import Recipe
from buybuddy.stages.context import StageContext, StoredObject
from buybuddy.stages.embed_images import lend_input
from buybuddy.stages.specs import (
    AugmentDatasetResult,
    AugmentDatasetSpec,
    AugmentedImage,
    AugmentSource,
    ImageFailure,
    MadeMatte,
    PictureInput,
)

UInt8Array = npt.NDArray[np.uint8]

PHOTO_STEP = "photo"
N_SHELVES, SHELF_SIDE_PX = 32, 512
_BACKGROUND_SIDE_PX = 1024  # of the shorter side: more is never seen
_CUT_FROM_SIDE_PX = 2048


def augment_dataset(spec: AugmentDatasetSpec, context: StageContext) -> AugmentDatasetResult:
    """Make what the Spec asks for that an earlier attempt has not made already.

    Writes `{source}/{name}.jpg`, mattes that were missing, and a contact sheet for each product under the output
    prefix. Sources that cannot be used are listed with their reasons.
    Raises: Misconfigured, StageCancelled, StageFailed when no source can be used, Unavailable.
    """
    cv2.setNumThreads(1)  # pictures are small: another core does another part of the run
    return _Augmenter(spec, context).run()


class _Augmenter:
    def __init__(self, spec: AugmentDatasetSpec, context: StageContext) -> None:
        self._spec, self._context, self._recipe = spec, context, spec.recipe
        self._recipe_sha256 = spec.recipe.sha256()
        self._mattes = MatteMaker(context.n_threads)
        self._there = context.list_outputs()
        self._n_wanted = sum(source.n_wanted for source in spec.sources)
        self._images: list[AugmentedImage] = []
        self._made_mattes: list[MadeMatte] = []
        self._failures: list[ImageFailure] = []
        self._sheets: dict[str, str] = {}
        self._surroundings: Surroundings | None = None

    def run(self) -> AugmentDatasetResult:
        for product_id, sources in groupby(self._spec.sources, key=lambda source: source.product_id):
            self._make_for_product(product_id, list(sources))
        if self._n_wanted and not self._images:
            raise StageFailed(f"None of {len(self._spec.sources)} pictures could be used: {self._failures[0].reason}")
        self._context.report(1.0, "done")
        return AugmentDatasetResult(
            run_id=self._spec.run_id,
            images=tuple(self._images),
            mattes=tuple(self._made_mattes),
            sheets=self._sheets,
            failures=tuple(self._failures),
        )

    def _make_for_product(self, product_id: str, sources: Sequence[AugmentSource]) -> None:
        sheet = ContactSheet(sum(source.n_wanted for source in sources))
        for source in sources:
            self._context.raise_if_cancelled()
            try:
                self._make_of(source, sheet)
            except (UnreadableMedia, NotFound) as error:
                self._leave_out(source, error.detail)
            except NothingCutOut as error:
                self._leave_out(source, str(error))
        if sheet.has_pictures:
            key = f"{self._spec.output_prefix}{product_id}/sheet.jpg"
            self._sheets[product_id] = self._context.write_output(key, sheet.encode()).key

    def _leave_out(self, source: AugmentSource, reason: str) -> None:
        self._failures.append(ImageFailure(image_id=source.image_id, reason=reason))
        self._context.log("source_left_out", image_id=source.image_id, reason=reason)

    def _make_of(self, source: AugmentSource, sheet: ContactSheet) -> None:
        """Make all of a source's pictures; the source itself is read when the first one is not there yet."""
        making: _Making | None = None
        for number in range(source.first_number, source.first_number + source.n_wanted):
            self._context.raise_if_cancelled()
            self._context.report(
                len(self._images) / max(1, self._n_wanted), f"{len(self._images)}/{self._n_wanted} pictures"
            )
            key = f"{self._spec.output_prefix}{source.image_id}/{name_of(source, number)}"
            if key in self._there:
                self._take_over(source, key, number, sheet)
                continue
            making = making or self._read(source)
            picture, step = making.make(number)
            data = encode_jpeg(picture, self._recipe.jpeg_quality)
            sheet.offer(data)
            self._note(source, number, step, picture.shape[1::-1], self._context.write_output(key, data))

    def _take_over(self, source: AugmentSource, key: str, number: int, sheet: ContactSheet) -> None:
        """Count what an earlier attempt has made."""
        data = self._context.read_output(key)
        with Image.open(io.BytesIO(data)) as header:
            size_wh = header.size
        step = PHOTO_STEP if source.domain == "real" else self._recipe.step_of(number).name
        sheet.offer(data)
        self._note(source, number, step, size_wh, StoredObject(key, len(data), hashlib.sha256(data).hexdigest()))

    def _note(
        self, source: AugmentSource, number: int, step: str, size_wh: tuple[int, ...], stored: StoredObject
    ) -> None:
        self._images.append(
            AugmentedImage(
                source_image_id=source.image_id,
                key=stored.key,
                number=number,
                step=step,
                width_px=size_wh[0],
                height_px=size_wh[1],
                size_bytes=stored.size_bytes,
                sha256=stored.sha256,
            )
        )

    def _read(self, source: AugmentSource) -> "_Making":
        parts = (self._spec.seed, self._recipe_sha256, source.sha256, source.domain)
        if source.domain == "real":
            return _Photos(self._recipe, parts, self._read_photo(source))
        with lend_input(source.key, self._context) as path:
            rgb = read_image_rgb(path, max_side_px=_CUT_FROM_SIDE_PX)
        matte = self._matte_of(source, rgb)
        product = cut_out(rgb, matte, self._recipe.side_px)
        return _CutOuts(self._recipe, parts, product, self._find_surroundings())

    def _read_photo(self, source: AugmentSource) -> UInt8Array:
        with lend_input(source.key, self._context) as path:
            rgb = read_image_rgb(path, max_side_px=self._recipe.photos.longest_px)
        return crop_to(rgb, self._matte_of(source, rgb)) if is_on_black(rgb) else rgb

    def _matte_of(self, source: AugmentSource, rgb: UInt8Array) -> UInt8Array:
        """Return the matte of a source, (H, W) as its picture was read; one that is made is kept for the next run."""
        if source.matte_key is not None:
            with lend_input(source.matte_key, self._context) as path:
                matte = read_matte(path)
        else:
            key = f"{self._spec.output_prefix}{source.image_id}/matte.png"
            matte, segmenter = self._mattes.make(rgb)
            self._context.write_output(key, encode_picture(matte, ".png"))
            self._made_mattes.append(MadeMatte(image_id=source.image_id, key=key, segmenter=segmenter))
        if matte.shape != rgb.shape[:2]:
            matte = np.asarray(cv2.resize(matte, rgb.shape[1::-1], interpolation=cv2.INTER_AREA), dtype=np.uint8)
        return matte

    def _find_surroundings(self) -> Surroundings:
        if self._surroundings is None:
            others = [product for one in self._spec.others if (product := self._read_other(one)) is not None]
            pictures = [
                picture for one in self._spec.backgrounds if (picture := self._read_background(one)) is not None
            ]
            key = (self._spec.seed, tuple(one.key for one in self._spec.others))
            shelves = (
                _draw_shelves(key, tuple(others)) if needs_shelves(self._recipe, has_pictures=bool(pictures)) else ()
            )
            self._surroundings = Surroundings(pictures, shelves, others)
        return self._surroundings

    def _read_other(self, other: PictureInput) -> CutOut | None:
        try:
            with lend_input(other.key, self._context) as path:
                rgb = read_image_rgb(path)
            if other.matte_key is None:
                return None
            with lend_input(other.matte_key, self._context) as path:
                matte = read_matte(path)
            return cut_out(rgb, matte, self._recipe.side_px) if matte.shape == rgb.shape[:2] else None
        except (UnreadableMedia, NotFound, NothingCutOut) as error:
            self._context.log("neighbour_left_out", key=other.key, reason=str(error))
            return None

    def _read_background(self, background: PictureInput) -> Backdrop | None:
        try:
            with lend_input(background.key, self._context) as path:
                rgb = read_image_rgb(path)
        except (UnreadableMedia, NotFound) as error:
            self._context.log("background_left_out", key=background.key, reason=error.detail)
            return None
        scale = _BACKGROUND_SIDE_PX / min(rgb.shape[:2])
        if scale < 1:
            size_wh = round(rgb.shape[1] * scale), round(rgb.shape[0] * scale)
            rgb = np.asarray(cv2.resize(rgb, size_wh, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        return Backdrop(rgb)


class _CutOuts:
    """Makes pictures of a cut-out."""

    def __init__(
        self, recipe: Recipe, parts: tuple[int | str, ...], product: CutOut, surroundings: Surroundings
    ) -> None:
        self._recipe, self._parts, self._product, self._surroundings = recipe, parts, product, surroundings

    def make(self, number: int) -> tuple[UInt8Array, str]:
        step = self._recipe.step_of(number)
        stream = open_stream(*self._parts, number)
        return make_picture(stream, self._product, step, self._surroundings, self._recipe.side_px), step.name


class _Photos:
    """Makes variants of a photo."""

    def __init__(self, recipe: Recipe, parts: tuple[int | str, ...], rgb: UInt8Array) -> None:
        self._recipe, self._parts, self._rgb = recipe, parts, rgb

    def make(self, number: int) -> tuple[UInt8Array, str]:
        return vary_photo(open_stream(*self._parts, number), self._rgb, self._recipe.photos), PHOTO_STEP


_Making = _CutOuts | _Photos


def name_of(source: AugmentSource, number: int) -> str:
    """Return the file name of one picture, as the specification has it."""
    return f"{source.stem}_aug_{number:03d}.jpg" if source.domain == "real" else f"syn_{source.stem}_{number:03d}.jpg"


def needs_shelves(recipe: Recipe, *, has_pictures: bool) -> bool:
    """Say whether drawn shelves are used: where they are asked for, or instead of a library that is empty."""
    backgrounds = [step.background for step in recipe.cut_outs]
    return any(one.shelf_share > 0 or (one.picture_share > 0 and not has_pictures) for one in backgrounds)


def encode_jpeg(rgb: UInt8Array, quality: int) -> bytes:
    """Encode a (H, W, 3) uint8 RGB picture."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


_drawn: dict[tuple[int, tuple[str, ...]], list[Backdrop]] = {}


def _draw_shelves(key: tuple[int, tuple[str, ...]], others: Sequence[CutOut]) -> list[Backdrop]:
    """Draw the shelves of a run, once in the life of the process; every third one holds boxes that nobody sells."""
    if key not in _drawn:
        _drawn.clear()
        _drawn[key] = [
            draw_shelf(open_stream(key[0], "shelf", number), SHELF_SIDE_PX, () if number % 3 == 2 else others)
            for number in range(N_SHELVES)
        ]
    return _drawn[key]
