"""What is done to a picture each time that it is seen in training."""

import os
import random

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations  # type: ignore[import-untyped]
import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.training_config import TransformConfig

UInt8Array = npt.NDArray[np.uint8]


class Transform:
    """Flips, bends, colours, blurs and erases; the same picture comes out for the same picture and draw."""

    def __init__(self, config: TransformConfig) -> None:
        border = {"border_mode": cv2.BORDER_REPLICATE}
        steps: list[albumentations.BasicTransform] = []
        if config.flip:
            steps.append(albumentations.HorizontalFlip(p=config.flip))
        if config.rotate_deg or config.translate or config.scale:
            steps.append(
                albumentations.Affine(
                    rotate=(-config.rotate_deg, config.rotate_deg),
                    translate_percent=(-config.translate, config.translate),
                    scale=(1 - config.scale, 1 + config.scale),
                    p=1,
                    **border,
                )
            )
        if config.perspective:
            steps.append(albumentations.Perspective(scale=(0.01, max(0.01, config.perspective)), p=0.5, **border))
        if config.jitter:
            amount = config.jitter
            steps.append(albumentations.ColorJitter(amount, amount, amount, amount / 10, p=0.8))
        if config.blur:
            steps.append(albumentations.GaussianBlur(blur_limit=(3, 5), p=config.blur))
        if config.erase:
            steps.append(
                albumentations.Erasing(scale=(0.02, 0.2), ratio=(0.4, 2.5), fill="random_uniform", p=config.erase)
            )
        self._steps = albumentations.Compose(steps)

    def __call__(self, picture: UInt8Array, draw: np.random.Generator) -> UInt8Array:
        """Return another (side, side, 3) uint8 RGB picture."""
        # Not set_random_seed, which gives the same numbers to every step.
        self._steps.set_random_state(draw, random.Random(int(draw.integers(1 << 62))))
        return np.asarray(self._steps(image=picture)["image"], dtype=np.uint8)
