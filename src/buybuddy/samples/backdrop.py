"""A kitchen corner: a table, a wall and things standing about, seen once and then moved with the camera."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.samples.artwork import draw_ellipse, mix
from buybuddy.samples.catalogue import Rgb
from buybuddy.samples.rendering import Camera, Lamps, Layer, bound_box, build_pose
from buybuddy.samples.surfaces import Model, Patch, Picture, build_model, build_quad, build_revolution, smooth_profile

WALL_Z_CM = -42.0
_OVERSIZE = 1.4


@dataclass(frozen=True)
class Backdrop:
    """The room as one picture taken by `camera`; `warp_backdrop` moves it to where another camera would see it."""

    picture: Picture
    camera: Camera


def _noise(rng: np.random.Generator, h: int, w: int, cells: tuple[int, int]) -> npt.NDArray[np.float32]:
    coarse = rng.normal(size=cells).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (w, h), interpolation=cv2.INTER_CUBIC), np.float32)


def _wood(rng: np.random.Generator, tone: Rgb) -> Picture:
    h, w = 1000, 1500
    grain = _noise(rng, h, w, (220, 7)) * 0.5 + _noise(rng, h, w, (60, 4)) * 0.7
    planks = np.zeros((h, w), np.float32)
    plank = 125
    for k in range(0, h, plank):
        planks[k : k + plank] += rng.normal() * 0.5
        shift = int(rng.integers(0, w))
        grain[k : k + plank] = np.roll(grain[k : k + plank], shift, axis=1)
    light = 1 + 0.09 * grain + 0.06 * planks + 0.02 * rng.normal(size=(h, w)).astype(np.float32)
    light[np.arange(h) % plank < 2] *= 0.62
    return np.asarray(np.clip(np.array(tone) * light[..., None], 0, 255), np.uint8)


def _marble(rng: np.random.Generator, tone: Rgb) -> Picture:
    h, w = 1000, 1500
    field = sum(_noise(rng, h, w, (4 * 2**k, 6 * 2**k)) / 2**k for k in range(5))
    veins = np.exp(-((np.asarray(field) * 4.0) ** 2))
    light = 1 - 0.22 * veins + 0.03 * _noise(rng, h, w, (20, 30))
    return np.asarray(np.clip(np.array(tone) * light[..., None], 0, 255), np.uint8)


def _cloth(rng: np.random.Generator, tone: Rgb) -> Picture:
    h, w = 1000, 1500
    stripe_x = (np.arange(w) // 45 % 2).astype(np.float32)
    stripe_y = (np.arange(h) // 45 % 2).astype(np.float32)
    share = (stripe_x[None] + stripe_y[:, None]) / 2
    weave = 0.03 * rng.normal(size=(h, w)).astype(np.float32) + 0.04 * _noise(rng, h, w, (6, 9))
    base = np.array(tone) * share[..., None] + np.array((240, 236, 226)) * (1 - share[..., None])
    return np.asarray(np.clip(base * (1 + weave[..., None]), 0, 255), np.uint8)


def _tiles(rng: np.random.Generator, tone: Rgb) -> Picture:
    h, w = 800, 1600
    picture = np.full((h, w, 3), mix(tone, (90, 90, 90), 0.35), np.uint8)
    th, tw = 66, 132
    for row in range(h // th + 1):
        for column in range(-1, w // tw + 1):
            x = column * tw + (row % 2) * tw // 2
            shade = mix(tone, (255, 255, 255) if rng.random() < 0.5 else (0, 0, 0), float(rng.uniform(0, 0.08)))
            cv2.rectangle(picture, (x + 3, row * th + 3), (x + tw - 3, row * th + th - 3), shade, -1)
            cv2.line(picture, (x + 4, row * th + 5), (x + tw - 5, row * th + 5), mix(shade, (255, 255, 255), 0.5), 2)
    return picture


def _plaster(rng: np.random.Generator, tone: Rgb) -> Picture:
    h, w = 800, 1600
    light = 1 + 0.03 * _noise(rng, h, w, (5, 8)) + 0.012 * rng.normal(size=(h, w)).astype(np.float32)
    light *= np.linspace(0.88, 1.06, w, dtype=np.float32)[None]
    picture = np.asarray(np.clip(np.array(tone) * light[..., None], 0, 255), np.uint8)
    for _ in range(3):  # framed pictures
        x, y = int(rng.integers(0, w - 240)), int(rng.integers(40, 360))
        fw, fh = int(rng.integers(120, 220)), int(rng.integers(140, 260))
        cv2.rectangle(picture, (x + 6, y + 8), (x + fw + 6, y + fh + 8), mix(tone, (0, 0, 0), 0.35), -1)
        cv2.rectangle(picture, (x, y), (x + fw, y + fh), (64, 48, 36), -1)
        cv2.rectangle(picture, (x + 10, y + 10), (x + fw - 10, y + fh - 10), (238, 234, 224), -1)
        for _ in range(5):
            colour = tuple(int(c) for c in rng.integers(60, 220, 3))
            centre = (x + fw * rng.uniform(0.25, 0.75), y + fh * rng.uniform(0.25, 0.75))
            draw_ellipse(picture, centre, (fw * rng.uniform(0.05, 0.2), fh * rng.uniform(0.05, 0.15)),
                         float(rng.uniform(0, 180)), (colour[0], colour[1], colour[2]))  # fmt: skip
    return picture


_Look = tuple[Callable[[np.random.Generator, Rgb], Picture], Rgb]
_TABLE_LOOKS: tuple[_Look, ...] = (
    (_wood, (196, 152, 104)),
    (_marble, (226, 224, 220)),
    (_cloth, (170, 70, 66)),
    (_wood, (112, 78, 54)),
    (_cloth, (84, 112, 140)),
)
_WALL_LOOKS: tuple[_Look, ...] = (
    (_tiles, (214, 224, 222)),
    (_plaster, (206, 196, 178)),
    (_tiles, (150, 176, 170)),
    (_plaster, (150, 166, 176)),
)


def _round_thing(rng: np.random.Generator, kind: str, colour: Rgb) -> Model:
    texture = np.full((160, 512, 3), colour, np.uint8)
    if kind == "fruit":
        r = float(rng.uniform(3.2, 4.6))
        a = np.linspace(np.pi / 2, -np.pi / 2, 24)
        profile = np.stack([r * np.cos(a) * (1 - 0.08 * np.sin(a)) + 0.01, r * 0.95 * (np.sin(a) + 1)], 1)
        texture = np.clip(texture * (1 + 0.08 * _noise(rng, 160, 512, (10, 24))[..., None]), 0, 255).astype(np.uint8)
        return build_model([build_revolution(profile, texture, 0.35)])
    if kind == "bowl":
        r = float(rng.uniform(6, 9))
        corners = [[r * 0.9, r * 0.62], [r, r * 0.66], [r * 0.94, r * 0.4], [r * 0.6, r * 0.1], [r * 0.42, 0.0]]
        texture[18:30] = mix(colour, (20, 30, 60), 0.7)
    elif kind == "mug":
        r = float(rng.uniform(3.6, 4.6))
        corners = [[r * 0.92, r * 2.15], [r, r * 2.2], [r, r * 1.1], [r, r * 0.25], [r * 0.85, 0.0]]
        texture[40:110] = mix(colour, (255, 255, 255), 0.55)
    else:  # jar or tall flask
        r = float(rng.uniform(3.2, 5.0))
        t = float(rng.uniform(11, 24))
        corners = [
            [r * 0.6, t],
            [r * 0.7, t],
            [r * 0.7, t * 0.86],
            [r, t * 0.78],
            [r, t * 0.4],
            [r, 0.4],
            [r * 0.9, 0.0],
        ]
        texture[70:140] = mix(colour, (250, 245, 230), 0.7)
        for x in range(0, 512, 128):
            texture[84:126, x + 20 : x + 100] = mix(colour, (30, 20, 30), 0.4)
        texture[:26] = mix(colour, (30, 30, 30), 0.5)
    return build_model([build_revolution(smooth_profile(corners, 30), texture, 0.5)])


def _carton(rng: np.random.Generator, colour: Rgb) -> Model:
    w, h, d = float(rng.uniform(7, 14)), float(rng.uniform(9, 22)), float(rng.uniform(4, 8))
    faces = []
    for _ in range(4):
        face = np.full((256, 160, 3), colour, np.uint8)
        other = tuple(int(c) for c in rng.integers(30, 250, 3))
        y = int(rng.integers(20, 120))
        cv2.rectangle(face, (0, y), (160, y + int(rng.integers(30, 90))), (other[0], other[1], other[2]), -1)
        draw_ellipse(face, (80, 190), (50, 34), 0, mix(colour, (255, 255, 255), 0.6))
        for k in range(3):
            cv2.line(face, (30, 180 + 12 * k), (130 - 20 * k, 180 + 12 * k), mix(colour, (0, 0, 0), 0.6), 4)
        faces.append(face)
    x, z = w / 2, d / 2
    top = np.full((32, 32, 3), mix(colour, (255, 255, 255), 0.2), np.uint8)
    patches: list[Patch] = [
        build_quad((-x, h, z), (w, 0, 0), (0, -h, 0), faces[0], 0.2),
        build_quad((x, h, z), (0, 0, -d), (0, -h, 0), faces[1], 0.2),
        build_quad((x, h, -z), (-w, 0, 0), (0, -h, 0), faces[2], 0.2),
        build_quad((-x, h, -z), (0, 0, d), (0, -h, 0), faces[3], 0.2),
        build_quad((-x, h, -z), (w, 0, 0), (0, 0, d), top, 0.2),
    ]
    return build_model(patches)


def draw_soft_shadow(
    picture: Picture, camera: Camera, ground_points: npt.NDArray[np.float64], strength: float, blur_px: float
) -> None:
    """Darken the table under a thing in place: the hull of `ground_points` (n, 3), blurred by `blur_px`."""
    hull = cv2.convexHull(camera.project(ground_points).astype(np.float32))[:, 0]
    pad = blur_px * 2.5
    low = np.maximum(np.floor(hull.min(0) - pad), 0).astype(int)
    high = np.minimum(np.ceil(hull.max(0) + pad), (camera.width_px, camera.height_px)).astype(int)
    if np.any(high - low < 4):
        return
    step = max(1, int(blur_px // 3))
    size = np.maximum((high - low) // step, 2)
    mask = np.zeros((int(size[1]), int(size[0])), np.uint8)
    scaled = (hull - low) / (high - low) * size
    cv2.fillConvexPoly(mask, np.round(scaled * 16).astype(np.int32), 255, cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(mask, (0, 0), blur_px / step)
    full = cv2.resize(soft, tuple(int(v) for v in high - low), interpolation=cv2.INTER_LINEAR)
    keep = cv2.convertScaleAbs(full, alpha=-strength, beta=0)  # |−s·m|
    view = picture[low[1] : high[1], low[0] : high[0]]
    rest = 255 - keep
    cv2.multiply(view, cv2.merge([rest, rest, rest]), dst=view, scale=1 / 255)


def _stand(
    picture: Picture, camera: Camera, model: Model, at_xz: tuple[float, float], yaw: float, lamps: Lamps
) -> None:
    pose = build_pose(yaw, 0, 0, (at_xz[0], 0, at_xz[1]), 0)
    placed = pose.place(model.vertices)
    foot = placed[placed[:, 1] < placed[:, 1].max() * 0.3] * (1, 0, 1)
    px_per_cm = camera.focal_px / float(np.linalg.norm(camera.position - pose.offset_cm))
    draw_soft_shadow(picture, camera, foot + np.array([1.4, 0, 0.3]), 0.5, 1.6 * px_per_cm)
    draw_soft_shadow(picture, camera, foot, 0.45, 0.5 * px_per_cm)
    layer = Layer(bound_box(camera, [placed]))
    layer.draw(model, pose, camera, lamps, 1)
    layer.composite(picture)


def _plane_map(camera: Camera, corners: npt.NDArray[np.float64], w: int, h: int) -> npt.NDArray[np.float64]:
    target = camera.project(corners).astype(np.float32)
    source = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    return np.asarray(cv2.getPerspectiveTransform(source, target), np.float64)


_TABLE = np.array([[-75, 0, WALL_Z_CM], [75, 0, WALL_Z_CM], [75, 0, 38], [-75, 0, 38]], np.float64)
_WALL = np.array([[-90, 90, WALL_Z_CM], [90, 90, WALL_Z_CM], [90, 0, WALL_Z_CM], [-90, 0, WALL_Z_CM]], np.float64)


def build_backdrop(rng: np.random.Generator, camera: Camera, lamps: Lamps, kin: tuple[Rgb, ...]) -> Backdrop:
    """Render the room.

    Args:
        rng: chooses materials and things.
        camera: where the clip's camera mostly is; the picture is taken by it with a wider view.
        lamps: the light.
        kin: colours of the product; some of the things wear them, so that colour alone tells nothing.
    Returns: the backdrop.
    """
    wide = Camera(camera.rotation, camera.position, camera.focal_px, int(camera.width_px * _OVERSIZE),
                  int(camera.height_px * _OVERSIZE))  # fmt: skip
    make_table, table_tone = _TABLE_LOOKS[int(rng.integers(len(_TABLE_LOOKS)))]
    make_wall, wall_tone = _WALL_LOOKS[int(rng.integers(len(_WALL_LOOKS)))]
    table, wall = make_table(rng, table_tone), make_wall(rng, wall_tone)
    size = (wide.width_px, wide.height_px)
    wall_map = _plane_map(wide, _WALL, wall.shape[1], wall.shape[0])
    table_map = _plane_map(wide, _TABLE, table.shape[1], table.shape[0])
    picture = cv2.warpPerspective(wall, wall_map, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT_101)
    ground = cv2.warpPerspective(table, table_map, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    is_table = _table_rows(wide)
    picture = np.where(is_table[..., None], ground, picture)
    edge = wide.project(np.array([[0.0, 0.0, WALL_Z_CM]]))[0, 1]
    distance = np.arange(wide.height_px) - edge
    falloff = 1 - 0.35 * np.exp(-((distance / (0.05 * wide.height_px)) ** 2))
    slope = np.linspace(1.06, 0.86, wide.width_px)[None, :, None]
    picture = np.clip(picture * falloff[:, None, None] * slope * np.array(lamps.tint), 0, 255).astype(np.uint8)
    colours: list[Rgb] = [
        *kin,
        (226, 222, 214),
        (186, 60, 44),
        (70, 96, 120),
        (216, 170, 60),
        (88, 128, 74),
        (60, 54, 52),
    ]
    far: list[tuple[float, float]] = []
    for _ in range(int(rng.integers(9, 13))):
        far.append((float(rng.uniform(-58, 58)), float(rng.uniform(WALL_Z_CM + 6, -17))))
    for x, z in sorted(far, key=lambda p: p[1]):
        colour = colours[int(rng.integers(len(colours)))]
        colour = mix(colour, (128, 128, 128), float(rng.uniform(0, 0.25)))
        kind = ("fruit", "bowl", "mug", "jar", "carton", "jar")[int(rng.integers(6))]
        model = _carton(rng, colour) if kind == "carton" else _round_thing(rng, kind, colour)
        _stand(picture, wide, model, (x, z), float(rng.uniform(-0.8, 0.8)), lamps)
    blurred = cv2.GaussianBlur(picture, (0, 0), max(0.6, 0.0032 * wide.height_px))
    near = np.clip((distance / wide.height_px - 0.12) / 0.25, 0, 1)[:, None, None]
    return Backdrop((picture * near + blurred * (1 - near)).astype(np.uint8), wide)


def _table_rows(camera: Camera) -> npt.NDArray[np.bool_]:
    left, right = camera.project(np.array([[-40.0, 0.0, WALL_Z_CM], [40.0, 0.0, WALL_Z_CM]]))
    x = np.arange(camera.width_px)
    line = left[1] + (x - left[0]) * (right[1] - left[1]) / (right[0] - left[0])
    return np.asarray(np.arange(camera.height_px)[:, None] >= line[None])


def warp_backdrop(backdrop: Backdrop, camera: Camera) -> Picture:
    """Show the room as `camera` would see it; the wall and the table each move as planes, so they part correctly.

    Returns: (height_px, width_px, 3) uint8 RGB.
    """
    size = (camera.width_px, camera.height_px)
    maps = []
    for corners in (_WALL, _TABLE):
        source = backdrop.camera.project(corners).astype(np.float32)
        maps.append(cv2.getPerspectiveTransform(source, camera.project(corners).astype(np.float32)))
    left, right = camera.project(np.array([[-40.0, 0.0, WALL_Z_CM], [40.0, 0.0, WALL_Z_CM]]))
    slope = (right[1] - left[1]) / (right[0] - left[0])
    ends = (left[1] - left[0] * slope, left[1] + (camera.width_px - left[0]) * slope)
    first = int(np.clip(min(ends) - 1, 0, camera.height_px))
    last = int(np.clip(max(ends) + 1, 0, camera.height_px))
    picture = np.empty((camera.height_px, camera.width_px, 3), np.uint8)
    border = cv2.BORDER_REFLECT_101
    if last > 0:
        picture[:last] = cv2.warpPerspective(backdrop.picture, maps[0], (size[0], last), borderMode=border)
    if first < camera.height_px:
        down = np.array([[1, 0, 0], [0, 1, -first], [0, 0, 1]], np.float64)
        table = cv2.warpPerspective(
            backdrop.picture, down @ maps[1], (size[0], camera.height_px - first), borderMode=border
        )
        if last > first:
            rows = np.arange(first, last)[:, None]
            is_table = rows >= (ends[0] + np.arange(camera.width_px) * slope)[None]
            picture[first:last][is_table] = table[: last - first][is_table]
            picture[last:] = table[last - first :]
        else:
            picture[first:] = table
    return picture
