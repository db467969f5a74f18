"""Light: a product in the light of its surroundings, a lamp's reflection, a camera that is not straight before it."""

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.ml.augmentation.compositing import opacity_of
from buybuddy.ml.augmentation.drawing import draw_around, draw_in
from buybuddy.ml.augmentation.warping import Placed

UInt8Array = npt.NDArray[np.uint8]

_MIDDLE_GREY = 125.0
_COLOUR_GAINS, _LIGHT_GAINS = (0.85, 1.18), (0.6, 1.25)


def match_light(around_rgb: UInt8Array, strength: float) -> tuple[float, float, float]:
    """Return the gains that bring a product into the light of its surroundings.

    Its light is taken to be white (frames and shop pictures are), that of the surroundings to have their mean colour.

    Args:
        around_rgb: (H, W, 3) uint8 RGB.
        strength: 0 is nothing, 1 all of it.
    Source: the grey-world assumption, Buchsbaum 1980, cut to what light in stores can be.
    """
    mean = np.array(cv2.mean(around_rgb)[:3]) + 8
    colour = np.clip((mean / mean.mean()) ** (0.5 * strength), *_COLOUR_GAINS)
    light = float(np.clip((mean.mean() / _MIDDLE_GREY) ** (0.5 * strength), *_LIGHT_GAINS))
    red, green, blue = (float(gain) * light for gain in colour)
    return red, green, blue


def lay_glare(stream: np.random.Generator, picture: UInt8Array, placed: Placed) -> None:
    """Lay a lamp's reflection on a product, in place: a soft streak, or a spot."""
    side_px = picture.shape[0]
    height, width = placed.rgba.shape[:2]
    across, down = draw_in(stream, (0.2, 0.8)), draw_in(stream, (0.15, 0.7))
    centre = placed.left + round(width * across), placed.top + round(height * down)
    length = draw_in(stream, (0.15, 0.6)) * max(height, width)
    axes = max(2, round(length / 2)), max(2, round(length * draw_in(stream, (0.06, 0.3)) / 2))
    lamp = np.zeros((side_px, side_px), dtype=np.uint8)
    cv2.ellipse(lamp, centre, axes, 180 * stream.random(), 0, 360, 255, cv2.FILLED, cv2.LINE_AA)
    soft = cv2.GaussianBlur(lamp, (0, 0), max(1.0, 0.35 * axes[1]))
    light = cv2.multiply(soft, opacity_of(placed, side_px), scale=draw_in(stream, (0.35, 0.9)) / 255)
    # Screen: what is light stays light.
    left = cv2.multiply(cv2.bitwise_not(picture), cv2.bitwise_not(cv2.merge([light] * 3)), scale=1 / 255)
    cv2.bitwise_not(left, dst=picture)


def draw_camera(stream: np.random.Generator, side_px: int) -> npt.NDArray[np.float64]:
    """Draw how a phone sees a shelf from aside, above or below; no corner of the picture stays empty.

    Returns: (3, 3), from the picture that is made to the one that is there.
    """
    corners = np.array([[0, 0], [side_px, 0], [side_px, side_px], [0, side_px]], dtype=np.float32)
    yaw, pitch, roll = draw_around(stream, 0.05), draw_around(stream, 0.05), draw_around(stream, np.radians(2.5))
    depth = np.array([max(0, yaw) + max(0, pitch), max(0, -yaw) + max(0, pitch), max(0, -yaw) + max(0, -pitch),
                      max(0, yaw) + max(0, -pitch)])  # fmt: skip
    middle = side_px / 2
    inwards = (corners - middle) * (1 - depth[:, None])
    turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    quad = inwards @ turn.T
    quad *= middle / np.abs(quad).max()  # nothing outside of the picture is looked at
    return np.asarray(cv2.getPerspectiveTransform(corners, (quad + middle).astype(np.float32)), dtype=np.float64)


def see_through(picture: UInt8Array, camera: npt.NDArray[np.float64]) -> UInt8Array:
    """Return a (side, side, 3) uint8 picture as a camera of draw_camera sees it."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    seen = cv2.warpPerspective(picture, camera, picture.shape[1::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, dtype=np.uint8)


def add_noise(stream: np.random.Generator, picture: UInt8Array, deviation: float) -> UInt8Array:
    """Add a sensor's noise: of grey mostly, of colour a little, coarser than a pixel as JPEG leaves it."""
    height, width = picture.shape[:2]
    # The random bits are the cost: two draws of bytes make four fields of noise that are nearly normal.
    raw = np.frombuffer(stream.bytes(4 * height * width), dtype=np.uint8).reshape(4, height, width)
    grains = raw.astype(np.int16) - 128
    grey = (grains[0] + grains[1]).astype(np.float32) * np.float32(deviation / 104.5)
    noise = cv2.merge([grey, grey, grey])
    coarse = cv2.resize(
        raw[2:].transpose(1, 2, 0).astype(np.float32) - 128, (width // 2, height // 2), interpolation=cv2.INTER_AREA
    )
    colour = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR) * np.float32(deviation / 80)
    noise[..., 0] += colour[..., 0]
    noise[..., 2] += colour[..., 1]
    return np.asarray(cv2.add(picture, noise, dtype=cv2.CV_8U), dtype=np.uint8)
