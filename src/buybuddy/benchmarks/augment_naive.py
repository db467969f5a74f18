"""The plain way of making augmented pictures: everything anew for every output, as a first script would.

Open, transform, segment at 1024, crop, background by Lanczos, six blurs for a shadow, two composites, save. The
transforms and their parameters are those of the published recipe, through albumentations.
"""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import albumentations as A  # type: ignore[import-untyped]  # noqa: N812 - as its documentation has it
import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

import buybuddy.ml.augmentation  # noqa: F401 - keeps albumentations from asking the network
from buybuddy.recipes import Recipe

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
Segment = Callable[[UInt8Array], FloatArray]

SEGMENTED_PX = 1024
_N_BLURS = 6
_OFFSET_PX = 5
_CONSTANT = cv2.BORDER_CONSTANT

LIGHT = A.Compose([A.Affine(shear=(-3, 3), rotate=(-3, 3), border_mode=_CONSTANT, p=1)])
HEAVY = A.Compose(
    [
        A.Perspective(scale=(0.01, 0.05), border_mode=_CONSTANT, p=1),
        A.GridDistortion(distort_limit=(-0.2, 0.2), p=0.5),
        A.OpticalDistortion(distort_limit=(-0.2, 0.2), p=0.5),
        A.Affine(rotate=(-7, 7), shear=(-7, 7), border_mode=_CONSTANT, p=1),
        A.OneOf([A.MotionBlur(blur_limit=(3, 7), p=1), A.GaussianBlur(blur_limit=(3, 7), p=1)], p=1),
    ]
)


def make_one(
    source: Path, backgrounds: Sequence[Path], target: Path, number: int, recipe: Recipe, segment: Segment
) -> None:
    """Make one output, from opening the source to the file.

    Args:
        number: even ones are light, odd ones heavy, as with the recipe's shares.
        segment: (1024, 1024, 3) uint8 RGB to a matte of any size in [0, 1].
    """
    chooser = random.Random(number)
    picture = np.array(Image.open(source).convert("RGB"))
    transform = LIGHT if number % 2 == 0 else HEAVY
    changed = transform(image=picture)["image"]
    square = Image.fromarray(changed).resize((SEGMENTED_PX, SEGMENTED_PX), Image.Resampling.BILINEAR)
    matte = segment(np.asarray(square))
    alpha = Image.fromarray((matte * 255).astype(np.uint8)).resize(changed.shape[1::-1], Image.Resampling.BILINEAR)
    product = Image.fromarray(changed)
    product.putalpha(alpha)
    product = product.crop(alpha.point(lambda value: 255 if value > 10 else 0).getbbox())
    side = recipe.side_px
    scale = chooser.uniform(0.75, 0.95) * side / max(product.size)
    size = max(1, round(product.width * scale)), max(1, round(product.height * scale))
    product = product.resize(size, Image.Resampling.LANCZOS)
    background = Image.open(chooser.choice(backgrounds)).convert("RGBA").resize((side, side), Image.Resampling.LANCZOS)
    at = (side - product.width) // 2, (side - product.height) // 2
    if chooser.random() < 0.7:
        shadow = Image.new("RGBA", (side, side))
        black = Image.new("RGBA", product.size, (0, 0, 0, chooser.randint(80, 140)))
        shadow.paste(black, (at[0] + _OFFSET_PX, at[1] + _OFFSET_PX), product.getchannel("A"))
        for _ in range(_N_BLURS):
            shadow = shadow.filter(ImageFilter.BLUR)
        background = Image.alpha_composite(background, shadow)
    layer = Image.new("RGBA", (side, side))
    layer.paste(product, at, product)
    Image.alpha_composite(background, layer).convert("RGB").save(target, quality=recipe.jpeg_quality)
