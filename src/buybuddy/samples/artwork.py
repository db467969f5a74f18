"""Illustrations on the front of a package: flakes, fruit, beans, leaves, waves, all drawn from a few shapes."""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.samples.catalogue import Motif, Rgb

Picture = npt.NDArray[np.uint8]
_SHIFT = 4


def mix(first: Rgb, second: Rgb, share: float) -> Rgb:
    """Blend two colours; `share` is how much of the second is taken, 0 to 1."""
    r, g, b = (round(a + (c - a) * share) for a, c in zip(first, second, strict=True))
    return r, g, b


def draw_ellipse(
    picture: Picture, centre: tuple[float, float], radii: tuple[float, float], angle_deg: float, colour: Rgb
) -> None:
    """Fill an anti-aliased ellipse in place; all lengths in pixels."""
    scale = 1 << _SHIFT
    point = (round(centre[0] * scale), round(centre[1] * scale))
    axes = (max(1, round(radii[0] * scale)), max(1, round(radii[1] * scale)))
    cv2.ellipse(picture, point, axes, angle_deg, 0, 360, colour, -1, cv2.LINE_AA, _SHIFT)


def draw_polygon(picture: Picture, points_xy: npt.ArrayLike, colour: Rgb) -> None:
    """Fill an anti-aliased polygon in place; `points_xy` is (n, 2) in pixels."""
    fixed = np.round(np.asarray(points_xy, np.float64) * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(picture, [fixed], colour, cv2.LINE_AA, _SHIFT)


def draw_gradient(picture: Picture, top: Rgb, bottom: Rgb) -> None:
    """Fill a picture with a vertical gradient in place."""
    t = np.linspace(0, 1, picture.shape[0], dtype=np.float32)[:, None, None]
    column = np.array(top, np.float32) * (1 - t) + np.array(bottom, np.float32) * t + 0.5
    picture[:] = column.astype(np.uint8)


def draw_leaf(picture: Picture, base: tuple[float, float], length: float, angle_deg: float, colour: Rgb) -> None:
    """Draw a pointed leaf with a vein in place, growing from `base` towards `angle_deg`."""
    t = np.linspace(0, 1, 18)
    half = 0.24 * np.sin(np.pi * t**0.8)
    outline = np.concatenate([np.stack([t, half], 1), np.stack([t, -half], 1)[::-1]])
    a = np.deg2rad(angle_deg)
    turn = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    draw_polygon(picture, outline * length @ turn + base, colour)
    lower = np.stack([t, -half], 1)
    shade = np.concatenate([lower, np.stack([t, 0 * t], 1)[::-1]])
    draw_polygon(picture, shade * length @ turn + base, mix(colour, (0, 0, 0), 0.18))
    tip = np.array([[0, 0], [length * 0.92, 0]]) @ turn + base
    cv2.line(
        picture, tuple(int(v) for v in tip[0]), tuple(int(v) for v in tip[1]), mix(colour, (255, 255, 255), 0.35),
        max(1, int(length * 0.02)), cv2.LINE_AA,
    )  # fmt: skip


def draw_slice(picture: Picture, centre: tuple[float, float], radius: float, turn_deg: float, colour: Rgb) -> None:
    """Draw a citrus slice with its segments in place."""
    draw_ellipse(picture, centre, (radius, radius), 0, colour)
    draw_ellipse(picture, centre, (radius * 0.9, radius * 0.9), 0, (255, 246, 224))
    for k in range(9):
        a = np.deg2rad(turn_deg + 40 * k)
        arc = a + np.linspace(-0.3, 0.3, 9)
        rim = np.stack([np.cos(arc), np.sin(arc)], 1) * radius * 0.82
        start = np.array([[np.cos(a), np.sin(a)]]) * radius * 0.12
        draw_polygon(picture, np.concatenate([start, rim]) + centre, mix(colour, (255, 210, 90), 0.15))


def _ball(picture: Picture, centre: tuple[float, float], radius: float, colour: Rgb, squash: float = 1.0) -> None:
    for step in range(8):
        t = step / 7
        offset = (centre[0] - radius * 0.22 * t, centre[1] - radius * 0.28 * t * squash)
        size = radius * (1 - 0.8 * t)
        draw_ellipse(
            picture, offset, (size, size * squash), 0, mix(mix(colour, (0, 0, 0), 0.25), (255, 255, 255), t * 0.5)
        )


def _scatter(rng: np.random.Generator, w: int, h: int, n: int) -> list[tuple[float, float, float]]:
    """Spread n points over a heap: wide at the bottom, narrow on top, back to front."""
    t = np.sort(rng.uniform(0.0, 1.0, n))
    x = w * (0.5 + (0.12 + 0.36 * t) * rng.uniform(-1, 1, n))
    y = h * (0.18 + 0.7 * t)
    return list(zip(x.tolist(), y.tolist(), rng.uniform(0, 360, n).tolist(), strict=True))


def _draw_flakes(picture: Picture, rng: np.random.Generator, colours: tuple[Rgb, ...], base: Rgb, nut: Rgb) -> None:
    h, w = picture.shape[:2]
    for x, y, angle in _scatter(rng, w, h, 46):
        r = w * rng.uniform(0.055, 0.085)
        tone = mix(base, (60, 26, 6), rng.uniform(0.0, 0.35))
        draw_ellipse(picture, (x + r * 0.12, y + r * 0.2), (r, r * 0.72), angle, mix(tone, (0, 0, 0), 0.5))
        draw_ellipse(picture, (x, y), (r, r * 0.72), angle, tone)
        draw_ellipse(
            picture, (x - r * 0.15, y - r * 0.15), (r * 0.6, r * 0.34), angle, mix(tone, (255, 240, 190), 0.35)
        )
    for x, y, angle in _scatter(rng, w, h, 9):
        r = w * 0.06
        draw_ellipse(picture, (x, y + r * 0.15), (r, r * 0.55), angle, mix(nut, (0, 0, 0), 0.45))
        draw_ellipse(picture, (x, y), (r, r * 0.55), angle, nut)


def _draw_citrus(picture: Picture, rng: np.random.Generator, colours: tuple[Rgb, ...]) -> None:
    h, w = picture.shape[:2]
    s = min(w, h)
    draw_leaf(picture, (w * 0.62, h * 0.42), s * 0.36, -38, (70, 150, 50))
    _ball(picture, (w * 0.62, h * 0.5), s * 0.3, (246, 140, 24))
    draw_slice(picture, (w * 0.36, h * 0.6), s * 0.31, 12, (244, 130, 20))


def _draw_bubbles(picture: Picture, rng: np.random.Generator, colours: tuple[Rgb, ...]) -> None:
    h, w = picture.shape[:2]
    for x, y, angle in _scatter(rng, w, h, 60):
        r = min(w, h) * (0.012 + 0.06 * (angle / 360) ** 2)
        draw_ellipse(picture, (x, y), (r, r), 0, mix(colours[3], colours[0], 0.35))
        draw_ellipse(picture, (x, y), (r * 0.82, r * 0.82), 0, mix(colours[0], (255, 255, 255), 0.12))
        draw_ellipse(picture, (x - r * 0.3, y - r * 0.35), (r * 0.22, r * 0.18), 0, (255, 255, 255))


def _draw_chips(picture: Picture, rng: np.random.Generator, tone: Rgb, spice: Rgb | None) -> None:
    h, w = picture.shape[:2]
    for x, y, angle in _scatter(rng, w, h, 24):
        r = w * rng.uniform(0.1, 0.15)
        base = mix(tone, (170, 96, 20), rng.uniform(0, 0.35))
        draw_ellipse(picture, (x + 3, y + r * 0.16), (r, r * 0.74), angle, mix(base, (60, 20, 0), 0.65))
        draw_ellipse(picture, (x, y), (r, r * 0.74), angle, mix(base, (120, 60, 0), 0.18))
        draw_ellipse(picture, (x, y), (r * 0.93, r * 0.66), angle, base)
        draw_ellipse(
            picture, (x - r * 0.2, y - r * 0.12), (r * 0.5, r * 0.26), angle + 12, mix(base, (255, 250, 200), 0.45)
        )
        for _ in range(9):
            dx, dy = rng.uniform(-0.6, 0.6, 2) * r * (1, 0.6)
            draw_ellipse(picture, (x + dx, y + dy), (r * 0.03, r * 0.025), 0, spice or (255, 255, 250))
    if spice is not None:
        draw_polygon(
            picture,
            np.array([[0.1, 0.62], [0.2, 0.56], [0.42, 0.7], [0.5, 0.9], [0.36, 0.84], [0.18, 0.76]]) * (w, h),
            (206, 24, 20),
        )
        draw_leaf(picture, (w * 0.13, h * 0.6), w * 0.12, -140, (60, 120, 40))


def _draw_beans(picture: Picture, rng: np.random.Generator, colours: tuple[Rgb, ...]) -> None:
    h, w = picture.shape[:2]
    for x, y, angle in _scatter(rng, w, h, 34):
        r = w * 0.075
        tone = mix((104, 60, 30), (50, 26, 12), rng.uniform(0, 0.8))
        draw_ellipse(picture, (x + 2, y + r * 0.2), (r, r * 0.68), angle, (16, 8, 4))
        draw_ellipse(picture, (x, y), (r, r * 0.68), angle, tone)
        draw_ellipse(picture, (x - r * 0.2, y - r * 0.2), (r * 0.55, r * 0.28), angle, mix(tone, (255, 220, 180), 0.22))
        a = np.deg2rad(angle)
        t = np.linspace(-0.9, 0.9, 12)
        bend = 0.12 * np.sin(t * 3)
        line = np.stack([x + r * (t * np.cos(a) - bend * np.sin(a)), y + r * (t * np.sin(a) + bend * np.cos(a))], 1)
        cv2.polylines(picture, [np.round(line).astype(np.int32)], False, (30, 14, 6), max(2, int(r * 0.1)), cv2.LINE_AA)


def _draw_leaves(picture: Picture, rng: np.random.Generator, fruit: Rgb | None, leaf: Rgb) -> None:
    h, w = picture.shape[:2]
    s = min(w, h)
    for k in range(7):
        draw_leaf(
            picture,
            (w * 0.5, h * 0.72),
            s * rng.uniform(0.4, 0.56),
            -165 + 25 * k,
            mix(leaf, (0, 60, 0), 0.1 * (k % 3)),
        )
    if fruit is not None:
        for dx, dy, r in ((-0.2, 0.1, 0.17), (0.2, 0.12, 0.16), (0.0, 0.2, 0.19)):
            _ball(picture, (w * 0.5 + dx * s, h * 0.6 + dy * s), s * r, fruit, 1.1)


def _draw_fish(picture: Picture, rng: np.random.Generator, colours: tuple[Rgb, ...]) -> None:
    h, w = picture.shape[:2]
    t = np.linspace(0, 1, 40)
    half = 0.2 * np.sin(np.pi * t**0.75) ** 0.9
    body = np.concatenate([np.stack([t, 0.5 - half], 1), np.stack([t, 0.5 + half * 0.9], 1)[::-1]])
    box = (w * 0.7, h)
    origin = (w * 0.1, 0.0)
    tail = np.array([[0.97, 0.5], [1.2, 0.22], [1.13, 0.5], [1.2, 0.8]])
    draw_polygon(picture, np.array([[0.45, 0.34], [0.58, 0.12], [0.66, 0.36]]) * box + origin, (38, 70, 110))
    draw_polygon(picture, tail * box + origin, (38, 70, 110))
    draw_polygon(picture, body * box + origin, (70, 110, 150))
    belly = np.concatenate([np.stack([t, 0.5 + 0 * t], 1), np.stack([t, 0.5 + half * 0.9], 1)[::-1]])
    draw_polygon(picture, belly * box + origin, (206, 222, 230))
    eye = (w * 0.1 + 0.1 * box[0], h * 0.46)
    draw_ellipse(picture, eye, (w * 0.018, w * 0.018), 0, (255, 255, 255))
    draw_ellipse(picture, eye, (w * 0.009, w * 0.009), 0, (0, 0, 0))


def _draw_waves(picture: Picture, rng: np.random.Generator, colours: tuple[Rgb, ...]) -> None:
    h, w = picture.shape[:2]
    t = np.linspace(0, 1, 60)
    for k in range(6):
        y = h * (0.25 + 0.11 * k) + h * 0.13 * np.sin(2 * np.pi * (t * 1.1 + k * 0.07))
        thick = h * (0.03 + 0.025 * np.sin(np.pi * t)) * (1.5 - 0.15 * k)
        ribbon = np.concatenate([np.stack([t * w, y - thick], 1), np.stack([t * w, y + thick], 1)[::-1]])
        draw_polygon(picture, ribbon, mix(colours[1], colours[3], k / 6))


def draw_motif(picture: Picture, motif: Motif, colours: tuple[Rgb, Rgb, Rgb, Rgb], seed: int) -> None:
    """Draw the illustration of a package in place.

    Args:
        picture: (H, W, 3) uint8 RGB view of the region to fill.
        motif: what to draw.
        colours: the package's background, accent, ink and light colour.
        seed: places the pieces; the same seed draws the same picture.
    """
    rng = np.random.default_rng(seed)
    draw: dict[Motif, Callable[[], None]] = {
        "flakes": lambda: _draw_flakes(picture, rng, colours, (232, 168, 72), (176, 104, 52)),
        "cocoa": lambda: _draw_flakes(picture, rng, colours, (122, 70, 36), (198, 140, 84)),
        "tea": lambda: _draw_leaves(picture, rng, None, (92, 168, 70)),
        "citrus": lambda: _draw_citrus(picture, rng, colours),
        "cola": lambda: _draw_bubbles(picture, rng, colours),
        "fish": lambda: _draw_fish(picture, rng, colours),
        "chips": lambda: _draw_chips(picture, rng, (250, 214, 110), None),
        "paprika": lambda: _draw_chips(picture, rng, (246, 190, 90), (196, 40, 20)),
        "coffee": lambda: _draw_beans(picture, rng, colours),
        "olive": lambda: _draw_leaves(picture, rng, (104, 122, 40), (122, 146, 84)),
        "peach": lambda: _draw_leaves(picture, rng, (248, 150, 84), (96, 150, 60)),
        "waves": lambda: _draw_waves(picture, rng, colours),
    }
    draw[motif]()
