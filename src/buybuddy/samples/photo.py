"""Phone photos of the same products in a shop: on a shelf among neighbours or held before it, in other light."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from buybuddy.samples.artwork import draw_gradient, mix
from buybuddy.samples.backdrop import draw_soft_shadow
from buybuddy.samples.catalogue import Rgb, SampleProduct, list_sample_products
from buybuddy.samples.hand import build_hand
from buybuddy.samples.label import seed_of
from buybuddy.samples.lettering import draw_text
from buybuddy.samples.packages import build_package
from buybuddy.samples.rendering import Camera, Lamps, Layer, Pose, bound_box, build_pose, look_at
from buybuddy.samples.surfaces import Model, Picture, build_model, build_quad

_SUPERSAMPLE = 2
_SIZE_PX = (900, 1200)
_IDENTITY = Pose(np.eye(3), np.zeros(3))


def _build_rail(rng: np.random.Generator, width_cm: float) -> Picture:
    tones: tuple[Rgb, ...] = ((214, 216, 218), (186, 30, 36), (34, 60, 110), (240, 240, 236))
    tone = tones[int(rng.integers(4))]
    rail = np.zeros((120, round(width_cm * 26), 3), np.uint8)
    draw_gradient(rail, mix(tone, (255, 255, 255), 0.2), mix(tone, (0, 0, 0), 0.15))
    x = int(rng.integers(20, 160))
    while x < rail.shape[1] - 200:
        cv2.rectangle(rail, (x, 14), (x + 170, 106), (250, 248, 240), -1)
        price = f"{rng.integers(9, 190)},{rng.integers(0, 10)}5"
        draw_text(rail, price, (x + 85, 68), 44, (20, 20, 20), 800)
        for k in range(30):
            if rng.random() < 0.6:
                cv2.line(rail, (x + 20 + 4 * k, 78), (x + 20 + 4 * k, 98), (30, 30, 30), 2)
        x += int(rng.integers(260, 420))
    return rail


def _build_shelf(rng: np.random.Generator, clear_cm: float) -> Model:
    width, depth = 170.0, 42.0
    board = np.full((64, 64, 3), (206, 206, 204), np.uint8)
    back = np.zeros((128, 256, 3), np.uint8)
    draw_gradient(back, (98, 98, 100), (150, 150, 152))
    under = np.full((32, 32, 3), (92, 92, 94), np.uint8)
    x, rail = -width / 2, _build_rail(rng, width)
    patches = []
    for level in (-1, 0, 1):
        y = level * (clear_cm + 4.5)
        patches += [
            build_quad((x, y, 1), (width, 0, 0), (0, -4.5, 0), rail, 0.2),
            build_quad((x, y, -depth), (width, 0, 0), (0, 0, depth + 1), board, 0.15),
            build_quad((x, y - 4.4, 1), (width, 0, 0), (0, 0, -depth - 1), under, 0.0),
        ]
    patches.append(build_quad((x, 90, -depth), (width, 0, 0), (0, -180, 0), back, 0.05))
    return build_model(patches)


def _build_photo_lamps(rng: np.random.Generator) -> Lamps:
    warm = float(rng.uniform(-0.14, 0.16))
    green = float(rng.uniform(-0.02, 0.05))
    return Lamps(
        key=(float(rng.uniform(-0.3, 0.3)), 0.85, 0.5),
        key_strength=float(rng.uniform(0.4, 0.6)),
        ambient=float(rng.uniform(0.4, 0.58)),
        softbox_x=float(rng.uniform(-0.75, 0.75)),
        tint=(1 + warm, 1 + green, 1 - warm),
    )


def _stock(
    product: SampleProduct, rng: np.random.Generator, clear_cm: float
) -> list[tuple[SampleProduct, float, float, float, float]]:
    """Fill three boards: (product, x, y, z, yaw); the product itself stands in the middle of the middle board."""
    others = [p for p in list_sample_products() if p.slug != product.slug]
    stock: list[tuple[SampleProduct, float, float, float, float]] = []
    for level in (-1, 0, 1):
        for side in (-1, 1):
            x = 0.0
            first = True
            while abs(x) < 60:
                is_own = level == 0 and first
                item = product if is_own else others[int(rng.integers(len(others)))]
                n_facings = int(rng.integers(1, 3)) if not is_own else (1 if side > 0 else 0)
                w, h, d = item.look.size_cm
                if h > clear_cm - 1:
                    continue
                for _ in range(n_facings):
                    if not (is_own and side > 0):
                        x += side * (w / 2 + 0.6)
                    yaw = float(rng.normal() * 0.1)
                    stock.append((item, x, level * (clear_cm + 4.5), -d / 2 - float(rng.uniform(0.3, 2.5)), yaw))
                    x += side * w / 2
                if is_own and side < 0:
                    x -= w / 2
                first = False
    return stock


def _draw_shelf(product: SampleProduct, rng: np.random.Generator, camera: Camera, lamps: Lamps) -> Picture:
    clear = max(30.0, product.look.size_cm[1] + 6)
    picture = np.full((camera.height_px, camera.width_px, 3), 60, np.uint8)
    shelf = Layer((0, 0, camera.width_px, camera.height_px))
    shelf.draw(_build_shelf(rng, clear), _IDENTITY, camera, lamps, 1)
    stock = _stock(product, rng, clear)
    shelf.composite(picture, soften_px=0)
    models: dict[str, Model] = {}
    visible: list[tuple[Model, Pose]] = []
    for item, x, y, z, yaw in stock:
        if item.slug not in models:
            models[item.slug] = build_package(item)
        model = models[item.slug]
        pose = build_pose(yaw, 0, 0, (x, y, z), 0)
        placed = pose.place(model.vertices)
        x0, y0, x1, y1 = bound_box(camera, [placed])
        if x1 - x0 < 4 or y1 - y0 < 4:
            continue
        foot = placed[placed[:, 1] < y + 2.5] * (1, 0, 1)
        draw_soft_shadow(picture, camera, foot + np.array([0, y, 0.6]), 0.5, camera.height_px * 0.012)
        visible.append((model, pose))
    goods = Layer((0, 0, camera.width_px, camera.height_px))
    for model, pose in visible:
        goods.draw(model, pose, camera, lamps, 1)
    goods.composite(picture)
    return picture


def _hold_before(
    shelf: Picture, product: SampleProduct, rng: np.random.Generator, camera: Camera, lamps: Lamps
) -> Picture:
    """Put the product into a hand between the camera and the shelf, which falls out of focus."""
    picture = np.asarray(cv2.GaussianBlur(shelf, (0, 0), 0.0042 * camera.height_px), np.uint8)
    tall = product.look.size_cm[1]
    forward = -camera.rotation[2]
    lower = camera.position + forward * tall * float(rng.uniform(2.0, 2.5)) - camera.rotation[1] * tall * 0.06
    is_left = bool(rng.random() < 0.5)
    turn = float(rng.uniform(-0.5, 0.25)) * (-1 if is_left else 1)
    facing = float(np.arctan2(-forward[0], -forward[2]))
    pose = build_pose(
        facing + turn, float(rng.uniform(-0.1, 0.25)), float(rng.normal() * 0.12), lower - (0, tall / 2, 0), tall / 2
    )
    product_model, hand = build_package(product), build_hand(product, rng, is_left=is_left)
    layer = Layer((0, 0, camera.width_px, camera.height_px))
    layer.draw(product_model, pose, camera, lamps, 1)
    layer.draw(hand, pose, camera, lamps, 2)
    layer.composite(picture)
    return picture


def _develop(picture: Picture, rng: np.random.Generator) -> Picture:
    """Do what a phone does to light: shrink to pixels, vignette, exposure, contrast, blur, noise, sharpening."""
    small = cv2.resize(picture, _SIZE_PX, interpolation=cv2.INTER_AREA)
    h, w = small.shape[:2]
    radius = np.hypot(*np.meshgrid(np.linspace(-1, 1, w), np.linspace(-1, 1, h)))[..., None]
    light = np.asarray(small * (1 - float(rng.uniform(0.04, 0.14)) * radius**2), np.float64)
    light *= float(rng.uniform(0.82, 1.18)) / 255
    toned = np.asarray(255 * np.clip(light, 0, 1) ** float(rng.uniform(0.85, 1.2)), np.float32)
    seen = np.asarray(cv2.GaussianBlur(toned, (0, 0), float(rng.uniform(0.4, 1.1))), np.float32)
    grain = rng.normal(size=seen.shape).astype(np.float32) * float(rng.uniform(2, 6))
    noisy = seen + 0.5 * grain + 0.5 * cv2.GaussianBlur(grain, (0, 0), 0.8)
    return np.asarray(np.clip(noisy, 0, 255), np.uint8)


def write_sample_photo(product: SampleProduct, path: Path, *, seed: int = 0) -> Path:
    """Write a JPEG phone photo of a product in a shop.

    Args:
        product: what is shown; it stands in the middle.
        path: where the JPEG goes; the folder must exist.
        seed: chooses light, angle, neighbours; the same seed writes the same picture.
    Returns: `path`.
    """
    rng = np.random.default_rng([seed, seed_of(product), 7])
    lamps = _build_photo_lamps(rng)
    w, h = (v * _SUPERSAMPLE for v in _SIZE_PX)
    tall = max(product.look.size_cm[1], product.look.size_cm[0] * 1.2)
    middle = product.look.size_cm[1] / 2
    distance = tall * float(rng.uniform(2.0, 2.8)) + 8
    eye = (float(rng.uniform(-0.35, 0.35)) * distance, middle + float(rng.uniform(-0.05, 0.35)) * distance, distance)
    aim = (float(rng.uniform(-0.08, 0.08)) * tall, middle + float(rng.uniform(-0.06, 0.06)) * tall, -3.0)
    camera = look_at(
        eye, aim, roll_rad=float(rng.normal() * 0.035), focal_px=1.15 * h, width_px=w, height_px=h
    )  # fmt: skip
    is_held = bool(rng.random() < 0.4)
    picture = _draw_shelf(product, rng, camera, lamps)
    if is_held:
        picture = _hold_before(picture, product, rng, camera, lamps)
    developed = _develop(picture, rng)
    Image.fromarray(developed).save(path, "JPEG", quality=int(rng.integers(82, 94)))
    return path
