"""From a product to its package as a model: boxes, cans, bottles and pouches standing on y = 0."""

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.samples.artwork import draw_gradient, draw_polygon, mix
from buybuddy.samples.catalogue import Rgb, SampleProduct
from buybuddy.samples.label import build_back, build_front, build_side, seed_of
from buybuddy.samples.surfaces import (
    Model,
    Patch,
    build_model,
    build_quad,
    build_revolution,
    normals_of_grid,
    smooth_profile,
)

Picture = npt.NDArray[np.uint8]

_LABEL_PX = 1240
_METAL: Rgb = (188, 192, 198)


def _solid(colour: Rgb, height: int = 160, width: int = 512, shade: float = 0.12) -> Picture:
    picture = np.zeros((height, width, 3), np.uint8)
    draw_gradient(picture, mix(colour, (255, 255, 255), shade), mix(colour, (0, 0, 0), shade))
    return picture


def _ribbed(colour: Rgb, height: int = 160, width: int = 512, n_ribs: int = 64) -> Picture:
    wave = 0.84 + 0.16 * np.cos(np.linspace(0, 2 * np.pi * n_ribs, width))
    return (np.array(colour) * wave[None, :, None] * np.ones((height, 1, 1))).astype(np.uint8)


def build_wrap(product: SampleProduct, circumference_cm: float, height_cm: float, height_px: int) -> Picture:
    """Draw the label that goes around a can or a bottle: the front in the middle, the back split over both ends."""
    width_px = round(height_px * circumference_cm / height_cm)
    panel = round(width_px * 0.4)
    front = build_front(product, panel, height_px)
    back = build_back(product, panel, height_px, is_curved=True)
    wrap = np.zeros((height_px, width_px, 3), np.uint8)
    left = (width_px - panel) // 2
    wrap[:, left : left + panel] = front
    half = panel // 2
    wrap[:, :half] = back[:, panel - half :]
    wrap[:, width_px - (panel - half) :] = back[:, : panel - half]
    for x0, x1, a, b in (
        (half, left, back[:, -1:], front[:, :1]),
        (left + panel, width_px - panel + half, front[:, -1:], back[:, :1]),
    ):
        t = np.clip((np.linspace(0, 1, x1 - x0) - 0.5) * 6 + 0.5, 0, 1)[None, :, None]
        wrap[:, x0:x1] = (a * (1 - t) + b * t).astype(np.uint8)
    return wrap


def _build_box(product: SampleProduct) -> list[Patch]:
    w, h, d = product.look.size_cm
    px = _LABEL_PX / h
    front = build_front(product, round(w * px), _LABEL_PX)
    back = build_back(product, round(w * px), _LABEL_PX)
    side = build_side(product, round(d * px), _LABEL_PX)
    lid = np.zeros((round(d * px), round(w * px), 3), np.uint8)
    lid[:] = np.array(product.look.colours[1], np.uint8)
    draw_polygon(lid, [[0, lid.shape[0] * 0.48], [lid.shape[1], lid.shape[0] * 0.48],
                       [lid.shape[1], lid.shape[0] * 0.5], [0, lid.shape[0] * 0.5]],
                 mix(product.look.colours[1], (0, 0, 0), 0.45))  # fmt: skip
    x, z, g = w / 2, d / 2, product.look.gloss
    return [
        build_quad((-x, h, z), (w, 0, 0), (0, -h, 0), front, g),
        build_quad((x, h, z), (0, 0, -d), (0, -h, 0), side, g),
        build_quad((x, h, -z), (-w, 0, 0), (0, -h, 0), back, g),
        build_quad((-x, h, -z), (0, 0, d), (0, -h, 0), side, g),
        build_quad((-x, h, -z), (w, 0, 0), (0, 0, d), lid, g),
        build_quad((-x, 0, z), (w, 0, 0), (0, 0, -d), lid, g),
    ]


def _build_lid(radius_cm: float, y_cm: float) -> Patch:
    n = 256
    flat = np.full((n, n, 3), _METAL, np.uint8)
    c = n // 2
    for r, tone in ((124, 150), (114, 225), (104, 165), (70, 205), (66, 178)):
        cv2.circle(flat, (c, c), r, (tone, tone + 2, tone + 5), 5, cv2.LINE_AA)
    cv2.ellipse(flat, (c, c - 34), (30, 22), 0, 0, 360, (120, 122, 126), 4, cv2.LINE_AA)
    cv2.ellipse(flat, (c, c + 14), (20, 40), 0, 0, 360, (215, 218, 222), -1, cv2.LINE_AA)
    cv2.ellipse(flat, (c, c + 34), (11, 13), 0, 0, 360, (140, 142, 146), -1, cv2.LINE_AA)
    cv2.ellipse(flat, (c, c + 14), (20, 40), 0, 0, 360, (110, 112, 118), 2, cv2.LINE_AA)
    polar = cv2.warpPolar(flat, (c, 512), (c, c), c, cv2.WARP_POLAR_LINEAR)
    rim = np.array([[0.001, y_cm - 0.25], [radius_cm * 0.9, y_cm - 0.25], [radius_cm * 0.93, y_cm], [radius_cm, y_cm]])
    run = np.linspace(0, 1, 14)
    profile = np.stack(
        [np.interp(run, [0, 0.86, 0.93, 1], rim[:, 0]), np.interp(run, [0, 0.86, 0.93, 1], rim[:, 1])], 1
    )
    return build_revolution(profile, np.ascontiguousarray(np.rot90(polar, -1)[:, ::-1]), 0.7)


def _build_can(product: SampleProduct) -> list[Patch]:
    w, h, _ = product.look.size_cm
    r = w / 2
    if product.look.profile == "tin":
        top, bottom, neck = h - 0.5, 0.5, r * 0.985
    else:
        top, bottom, neck = h - 1.1, 0.7, r * 0.82
    body_h = top - bottom
    wrap = build_wrap(product, 2 * np.pi * r, body_h, round(_LABEL_PX * 0.8))
    body = np.stack([np.full(12, r), np.linspace(top, bottom, 12)], 1)
    above = smooth_profile([[neck, h], [neck, h - 0.2], [r, top + 0.15], [r, top]], 10)
    below = smooth_profile([[r, bottom], [r, bottom - 0.2], [r * 0.84, 0.05], [r * 0.82, 0.0]], 10)
    gloss = product.look.gloss
    edge_top, edge_bottom = wrap[:1, ::8], wrap[-1:, ::8]
    is_tin = product.look.profile == "tin"
    shoulder = _solid(_METAL, shade=0.2) if is_tin else np.repeat(edge_top, 96, axis=0)
    foot = _solid(_METAL, shade=0.2) if is_tin else np.repeat(edge_bottom, 96, axis=0)
    bead = smooth_profile([[neck, h], [neck + 0.12, h + 0.06], [neck, h - 0.16]], 6)
    return [
        build_revolution(body, wrap, gloss, n_around=72),
        build_revolution(above, shoulder, gloss),
        build_revolution(below, foot, gloss),
        build_revolution(bead, _solid(_METAL), 0.9),
        _build_lid(neck, h),
    ]


def _bottle_parts(kind: str, r: float, h: float) -> tuple[float, float, list[list[float]], list[list[float]], float]:
    """Give label top and bottom, the shoulder's and the cap's corners, and the depth scale of a bottle."""
    if kind == "oil":
        neck = r * 0.36
        shoulder = [[r, h * 0.6], [r, h * 0.66], [neck * 1.2, h * 0.76], [neck, h * 0.8], [neck, h * 0.9]]
        cap = [[0.01, h], [neck * 1.05, h], [neck * 1.18, h * 0.985], [neck * 1.18, h * 0.89], [neck, h * 0.885]]
        return h * 0.56, h * 0.1, shoulder, cap, 1.0
    if kind == "juice":
        neck = r * 0.46
        shoulder = [[r, h * 0.62], [r, h * 0.7], [r * 0.8, h * 0.78], [neck, h * 0.84], [neck, h * 0.91]]
        cap = [[0.01, h], [neck * 1.0, h], [neck * 1.16, h * 0.985], [neck * 1.16, h * 0.9], [neck, h * 0.895]]
        return h * 0.58, h * 0.14, shoulder, cap, 1.0
    shoulder = [[r, h * 0.68], [r, h * 0.77], [r * 0.75, h * 0.82], [r * 0.64, h * 0.83]]
    cap = [[0.01, h], [r * 0.56, h], [r * 0.64, h * 0.985], [r * 0.64, h * 0.84], [r * 0.62, h * 0.83]]
    return h * 0.68, h * 0.08, shoulder, cap, 0.66


_GLASS: dict[str, tuple[Rgb, Rgb]] = {
    "oil": ((40, 56, 24), (196, 160, 70)),
    "juice": ((246, 150, 60), (250, 250, 248)),
    "shampoo": ((236, 232, 240), (112, 58, 140)),
}


def _build_bottle(product: SampleProduct) -> list[Patch]:
    w, h, _ = product.look.size_cm
    r, kind = w / 2, product.look.profile
    top, bottom, shoulder, cap, depth = _bottle_parts(kind, r, h)
    glass, cap_colour = _GLASS[kind]
    gloss = product.look.gloss
    around = 2 * np.pi * r * (0.5 + 0.5 * depth)
    wrap = build_wrap(product, around, top - bottom, round(_LABEL_PX * 0.75))
    body = np.stack([np.full(12, r), np.linspace(top, bottom, 12)], 1)
    foot = smooth_profile([[r, bottom], [r, r * 0.18], [r * 0.9, 0.03], [r * 0.8, 0.0]], 12)
    upper = smooth_profile([[r, top], *shoulder], 28)[::-1]
    lid = smooth_profile(cap, 24)
    ribs = _ribbed(cap_colour) if kind != "shampoo" else _solid(cap_colour)
    return [
        build_revolution(body, wrap, gloss * 0.55, depth_scale=depth, n_around=80),
        build_revolution(upper, _solid(glass), gloss, depth_scale=depth),
        build_revolution(foot, _solid(glass), gloss, depth_scale=depth),
        build_revolution(lid, ribs, 0.5, depth_scale=depth),
    ]


def _pouch_side(product: SampleProduct, texture: Picture, side: int) -> Patch:
    w, h, d = product.look.size_cm
    rows, columns = 56, 40
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    rng = np.random.default_rng(seed_of(product))
    across, along = 2 * u - 1, 2 * v - 1
    belly = (1 - np.abs(across) ** 2.2) ** 0.75 * np.clip(1 - np.abs(along) ** 5, 0, 1) ** 0.9
    seal = np.clip((np.abs(along) - 0.88) / 0.06, 0, 1)
    folds = np.zeros_like(u)
    for _ in range(14):  # creases that run from the seals into the belly
        x, width, reach = rng.uniform(-0.9, 0.9), rng.uniform(0.02, 0.06), rng.uniform(0.25, 0.7)
        end = np.clip((np.abs(along) - (1 - reach)) / reach, 0, 1) * (np.sign(along) == rng.choice([-1, 1]))
        folds += rng.uniform(-0.035, 0.035) * np.exp(-(((across - x * (0.6 + 0.4 * np.abs(along))) / width) ** 2)) * end
    noise = cv2.resize(rng.normal(size=(9, 7)), (columns, rows), interpolation=cv2.INTER_CUBIC) * 0.008
    crimp = 0.008 * np.sin(v * rows * np.pi * 0.9)
    z = d * (0.5 * belly * (1 - 0.9 * seal) + (folds + noise) * (1 - seal) * (1 - np.abs(across) ** 4)) + crimp * seal
    x_cm = across * w / 2 * (1 - 0.07 * (1 - np.abs(along) ** 2.5))
    y_cm = h * (1 - v)
    points = np.stack([side * x_cm, y_cm, side * (np.maximum(z, 0) + 0.02)], 2).astype(np.float32)
    return Patch(points, normals_of_grid(points), texture, product.look.gloss)


def _build_pouch(product: SampleProduct) -> list[Patch]:
    w, h, _ = product.look.size_cm
    width_px = round(_LABEL_PX * w / h)
    sides = []
    for side, build in ((1, build_front), (-1, build_back)):
        band = round(_LABEL_PX * 0.06)
        texture = np.zeros((_LABEL_PX, width_px, 3), np.uint8)
        inner = build(product, width_px, _LABEL_PX - 2 * band)
        texture[band:-band] = inner
        texture[:band], texture[-band:] = inner[:1], inner[-1:]
        lines = (0.9 + 0.1 * np.sin(np.arange(band) * 2 * np.pi / 9))[:, None, None]
        for strip in (texture[:band], texture[-band:]):
            strip[:] = np.clip(strip * lines, 0, 255).astype(np.uint8)
        sides.append(_pouch_side(product, texture, side))
    return sides


def build_package(product: SampleProduct) -> Model:
    """Build a product's package as a model standing on y = 0, centred on the y axis, the front towards +z."""
    build = {"box": _build_box, "can": _build_can, "bottle": _build_bottle, "pouch": _build_pouch}
    return build_model(build[product.container_type](product))
