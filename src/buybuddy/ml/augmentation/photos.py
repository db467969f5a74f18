"""Variants of photos: the whole picture seen a little differently, by albumentations."""

import random
from functools import lru_cache

import albumentations as A  # type: ignore[import-untyped]  # noqa: N812 - as its documentation has it
import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.recipes import PhotoStep

UInt8Array = npt.NDArray[np.uint8]

_BORDER_PX = 10
_BLACK_BELOW = 10.0
_REFLECT = cv2.BORDER_REFLECT_101


def is_on_black(rgb: UInt8Array) -> bool:
    """Say whether all four borders of a (H, W, 3) uint8 picture, 10 pixels wide, are black: a cut-out, no photo."""
    edges = (rgb[:_BORDER_PX], rgb[-_BORDER_PX:], rgb[:, :_BORDER_PX], rgb[:, -_BORDER_PX:])
    return all(float(edge.mean()) < _BLACK_BELOW for edge in edges)


def crop_to(rgb: UInt8Array, matte: UInt8Array) -> UInt8Array:
    """Return a picture of what a (H, W) uint8 matte shows, on black, cropped to it; all of it when that is nothing."""
    rows, columns = np.flatnonzero((matte > 127).any(axis=1)), np.flatnonzero((matte > 127).any(axis=0))
    if rows.size == 0:
        return rgb
    alone = cv2.multiply(rgb, cv2.merge([matte] * 3), scale=1 / 255)
    return np.ascontiguousarray(alone[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def vary_photo(stream: np.random.Generator, rgb: UInt8Array, step: PhotoStep) -> UInt8Array:
    """Make one variant of a photo.

    Args:
        rgb: (H, W, 3) uint8 RGB.
    Returns: of the same size.
    """
    transform = _transform(step)
    # Not set_random_seed, which gives the same numbers to every step: a fifth of the pictures would stay as they are.
    transform.set_random_state(stream, random.Random(int(stream.integers(1 << 62))))
    return np.ascontiguousarray(transform(image=rgb)["image"])


@lru_cache(maxsize=8)
def _transform(step: PhotoStep) -> A.Compose:
    brightness, contrast, saturation, hue = step.jitter
    hole = (1, step.hole_side_px)
    return A.Compose(
        [
            A.OneOf(
                [
                    A.Affine(
                        rotate=(-8, 8), translate_percent=(-0.05, 0.05), scale=(0.9, 1.1), border_mode=_REFLECT, p=1
                    ),
                    A.Perspective(scale=(0.02, 0.06), border_mode=_REFLECT, p=1),
                    A.GridDistortion(distort_limit=(-0.15, 0.15), p=1),
                ],
                p=step.geometry_probability,
            ),
            A.RandomBrightnessContrast(
                brightness_limit=(-step.brightness, step.brightness),
                contrast_limit=(-step.contrast, step.contrast),
                p=0.8,
            ),
            A.ColorJitter(
                brightness=(1 - brightness, 1 + brightness),
                contrast=(1 - contrast, 1 + contrast),
                saturation=(1 - saturation, 1 + saturation),
                hue=(-hue, hue),
                p=0.7,
            ),
            A.RGBShift(*[(-step.rgb_shift, step.rgb_shift)] * 3, p=0.5),
            A.ISONoise(color_shift=(0.01, 0.05), intensity=(0.1, 0.4), p=step.iso_noise_probability),
            A.OneOf(
                [A.MotionBlur(blur_limit=step.blur.side_px, p=1), A.GaussianBlur(blur_limit=step.blur.side_px, p=1)],
                p=step.blur.probability,
            ),
            A.CoarseDropout(
                num_holes_range=(1, max(1, step.holes)),
                hole_height_range=hole,
                hole_width_range=hole,
                fill=step.hole_value,
                p=step.hole_probability if step.holes else 0,
            ),
        ]
    )
