"""A hand that holds a package from its side: thumb in front, four fingers behind, a forearm with a sleeve."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.samples.artwork import draw_ellipse, mix
from buybuddy.samples.catalogue import Rgb, SampleProduct
from buybuddy.samples.surfaces import Floats, Model, Patch, Picture, build_model

_Points = npt.NDArray[np.float64]

_SKIN_TONES: tuple[Rgb, ...] = (
    (236, 192, 168),
    (222, 170, 138),
    (196, 140, 106),
    (160, 106, 76),
    (116, 74, 52),
    (84, 54, 40),
)
_SLEEVES: tuple[Rgb, ...] = ((52, 62, 84), (188, 186, 182), (96, 40, 44), (60, 84, 66), (30, 30, 34))
_FINGERS = ((2.9, 8.0, 0.84), (1.0, 8.7, 0.88), (-0.9, 8.2, 0.83), (-2.7, 6.5, 0.71))  # height, length, radius in cm


@dataclass(frozen=True)
class _Section:
    """The package's horizontal section at the grip: a superellipse with half axes in centimetres."""

    half_width: float
    half_depth: float
    exponent: float

    def follow(self, clearance: float, direction: int, length: float) -> _Points:
        """Walk around from the right side, behind (direction -1) or in front (+1); returns (n, 2) x and z."""
        phi = np.linspace(0, np.pi * 0.97, 1500)
        c, s = np.cos(phi), np.sin(phi)
        p = 2 / self.exponent
        x = self.half_width * np.sign(c) * np.abs(c) ** p
        z = direction * self.half_depth * np.abs(s) ** p
        nx = np.sign(c) * np.abs(c) ** (2 - p) / self.half_width
        nz = direction * np.abs(s) ** (2 - p) / self.half_depth
        norm = np.maximum(np.hypot(nx, nz), 1e-9)
        line = np.stack([x + clearance * nx / norm, z + clearance * nz / norm], 1)
        run = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
        at = np.linspace(0, min(length, run[-1]), 24)
        return np.stack([np.interp(at, run, line[:, 0]), np.interp(at, run, line[:, 1])], 1)


def _section_of(product: SampleProduct) -> _Section:
    w, _, d = product.look.size_cm
    if product.container_type == "box":
        return _Section(w / 2, d / 2, 9.0)
    if product.container_type == "pouch":
        return _Section(w / 2 * 0.94, d / 2 * 0.86, 2.4)
    flat = 0.66 if product.look.profile == "shampoo" else 1.0
    return _Section(w / 2, w / 2 * flat, 2.0)


def _smooth(points: _Points, n: int) -> _Points:
    for _ in range(3):
        near, far = points[:-1] * 0.75 + points[1:] * 0.25, points[:-1] * 0.25 + points[1:] * 0.75
        points = np.concatenate([points[:1], np.stack([near, far], 1).reshape(-1, 3), points[-1:]])
    run = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    at = np.linspace(0, run[-1], n)
    return np.stack([np.interp(at, run, points[:, k]) for k in range(3)], 1)


def _tube(
    line: _Points, radii: _Points, outward: _Points, texture: Picture, gloss: float, *, has_tip: bool = False
) -> Patch:
    """Build a tube along `line` (n, 3); `radii` (n, 2) lie across and along `outward`, the texture's middle."""
    if has_tip:
        t = np.linspace(0, 1, 9)[1:]
        direction = line[-1] - line[-2]
        direction = direction / np.linalg.norm(direction)
        line = np.concatenate([line, line[-1] + direction * radii[-1].min() * t[:, None]])
        cap = np.sqrt(np.maximum(1 - t**2, 1e-4))[:, None]
        radii = np.concatenate([radii, radii[-1] * cap])
        outward = np.concatenate([outward, np.repeat(outward[-1:], len(t), axis=0)])
    along = np.gradient(line, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    up = outward - (outward * along).sum(1, keepdims=True) * along
    up /= np.maximum(np.linalg.norm(up, axis=1, keepdims=True), 1e-9)
    side = np.cross(along, up)
    angle = np.linspace(-np.pi, np.pi, 25)
    c, s = np.cos(angle)[None, :, None], np.sin(angle)[None, :, None]
    points = line[:, None] + radii[:, None, 1:] * c * up[:, None] + radii[:, None, :1] * s * side[:, None]
    slope = np.gradient(radii.mean(1)) / np.maximum(np.linalg.norm(np.gradient(line, axis=0), axis=1), 1e-6)
    normals = c * up[:, None] / radii[:, None, 1:] + s * side[:, None] / radii[:, None, :1]
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    normals = normals - np.clip(slope, -6, 6)[:, None, None] * along[:, None]
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    return Patch(points.astype(np.float32), normals.astype(np.float32), texture, gloss)


def _skin(rng: np.random.Generator, tone: Rgb, h: int = 256, w: int = 128) -> Picture:
    blotch = cv2.resize(rng.normal(size=(10, 6)), (w, h), interpolation=cv2.INTER_CUBIC)
    pores = cv2.GaussianBlur(rng.normal(size=(h, w)), (0, 0), 0.9)
    light = 1 + 0.025 * blotch + 0.035 * pores
    picture = np.array(tone) * np.asarray(light)[..., None]
    picture[..., 0] *= 1 + 0.02 * np.asarray(blotch)
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


def _finger_skin(rng: np.random.Generator, tone: Rgb, joints: tuple[float, ...]) -> Picture:
    """Texture of a finger: rows from root to tip, the middle column is the back of the finger, where the nail is."""
    picture = _skin(rng, tone)
    h, w = picture.shape[:2]
    rows = np.arange(h)[:, None, None] / h
    flush = 0.16 * np.exp(-(((rows - 0.97) / 0.1) ** 2))
    for joint in joints:
        flush = flush + 0.1 * np.exp(-(((rows - joint) / 0.05) ** 2))
    red = np.array(mix(tone, (200, 70, 60), 0.75))
    picture = np.asarray(np.clip(picture * (1 - flush) + red * flush, 0, 255), np.uint8)
    for joint in joints:
        for k in (-1, 0, 1):
            y = int((joint + 0.018 * k) * h)
            x0, x1 = int(w * (0.36 + 0.02 * abs(k))), int(w * (0.64 - 0.02 * abs(k)))
            cv2.line(picture, (x0, y), (x1, y + k), mix(tone, (60, 20, 10), 0.33), 1, cv2.LINE_AA)
    nail = mix(mix(tone, (255, 190, 180), 0.6), (255, 236, 230), 0.25)
    centre = (w * 0.5, h * 0.905)
    draw_ellipse(picture, centre, (w * 0.125, h * 0.056), 0, mix(tone, (90, 30, 20), 0.35))
    draw_ellipse(picture, (centre[0], centre[1] + 1), (w * 0.115, h * 0.052), 0, nail)
    draw_ellipse(picture, (centre[0], centre[1] - h * 0.03), (w * 0.05, h * 0.012), 0, mix(nail, (255, 255, 255), 0.45))
    return cv2.GaussianBlur(picture, (0, 0), 0.7).astype(np.uint8)


def _swell(n: int, root: float, tip: float, joints: tuple[float, ...]) -> _Points:
    t = np.linspace(0, 1, n)
    r = root + (tip - root) * t
    for joint in joints:
        r = r * (1 + 0.06 * np.exp(-(((t - joint) / 0.07) ** 2)))
    return np.stack([r, r * 0.94], 1)


def _build_fingers(section: _Section, grip_y: float, rng: np.random.Generator, tone: Rgb) -> list[Patch]:
    patches = []
    for height, length, radius in _FINGERS:
        around = section.follow(radius * 0.92, -1, length * float(rng.uniform(0.94, 1.04)))
        run = np.linspace(0, 1, len(around)) * length
        y = grip_y + height + 0.22 * run - 0.012 * run**2
        path = np.stack([around[:, 0], y, around[:, 1]], 1)
        root = np.array([[section.half_width + 3.0, grip_y + height * 0.95 - 1.1, 0.5]])
        line = _smooth(np.concatenate([root, path]), 40)
        outward = line * (1, 0, 1) / np.maximum(np.array([section.half_width**2, 1.0, section.half_depth**2]), 1e-6)
        joints = (0.2, 0.52, 0.78)
        patches.append(
            _tube(line, _swell(40, radius * 1.12, radius * 0.82, joints), outward,
                  _finger_skin(rng, tone, joints[1:]), 0.09, has_tip=True)
        )  # fmt: skip
    return patches


def _build_thumb(section: _Section, grip_y: float, rng: np.random.Generator, tone: Rgb) -> Patch:
    radius = 1.02
    reach = section.half_depth * 0.6 + 4.6
    around = section.follow(radius * 0.92, 1, reach)
    y = grip_y - 1.2 + 0.36 * np.linspace(0, 1, len(around)) * reach
    path = np.stack([around[:, 0], y, around[:, 1]], 1)[7:]
    a = section.half_width
    root = np.array([[a + 5.6, grip_y - 5.4, 0.7], [a + 3.4, grip_y - 3.6, max(1.2, section.half_depth * 0.55)]])
    line = _smooth(np.concatenate([root, path]), 40)
    outward = line * (1, 0, 1) / np.array([section.half_width**2, 1.0, section.half_depth**2])
    outward += np.array([0.0, 0.0, 1.0]) * np.linspace(0.4, 0, 40)[:, None]
    joints = (0.46, 0.76)
    t = np.linspace(0, 1, 40)
    ball = 1 + 0.75 * np.clip(1 - t / 0.45, 0, 1) ** 1.3  # the ball of the thumb
    radii = _swell(40, radius * 1.12, radius * 0.86, joints) * ball[:, None]
    return _tube(line, radii, outward, _finger_skin(rng, tone, joints[1:]), 0.09, has_tip=True)


def _build_arm(section: _Section, grip_y: float, rng: np.random.Generator, tone: Rgb) -> list[Patch]:
    a = section.half_width
    knuckles = np.array([a + 1.5, grip_y + 0.5, -0.2])
    wrist = np.array([a + 6.6, grip_y - 5.6, 0.9])
    down = np.array([0.5, -0.86, 0.08])
    down = down / np.linalg.norm(down)
    thin = np.array([[0.25, 0.15, 1.0]])
    palm_line = _smooth(np.stack([wrist + 4 * down, wrist, (knuckles + wrist) / 2 + (0.3, -0.2, 0.2), knuckles]), 36)
    t = np.linspace(0, 1, 36)
    broad = np.interp(t, [0, 0.25, 0.45, 0.65, 0.85, 1], [2.7, 2.75, 3.2, 3.75, 3.9, 3.5])
    thick = np.interp(t, [0, 0.25, 0.45, 0.65, 0.85, 1], [2.25, 2.05, 2.0, 1.75, 1.35, 1.0])
    palm = _tube(
        palm_line, _blur_rows(np.stack([broad, thick], 1)), np.repeat(thin, 36, axis=0), _skin(rng, tone, 256, 192),
        0.08, has_tip=True,
    )  # fmt: skip
    arm_line = _smooth(np.stack([wrist + 1.5 * down, wrist + 10 * down, wrist + 45 * down]), 16)
    s = np.linspace(0, 1, 16)
    arm = np.stack([2.66 + 1.7 * s, 2.2 + 1.9 * s], 1)
    sleeve_line = _smooth(np.stack([wrist + 9.5 * down, wrist + 20 * down, wrist + 50 * down]), 24)
    q = np.linspace(0, 1, 24)
    folds = 0.14 * np.sin(q * 40 + rng.uniform(0, 6)) * np.exp(-q)
    sleeve = np.stack([3.7 + 1.6 * q + folds, 3.4 + 1.6 * q + folds], 1)
    cloth = _skin(rng, _SLEEVES[int(rng.integers(len(_SLEEVES)))], 256, 256)
    cloth[10:16] = (cloth[10:16] * 0.7).astype(np.uint8)
    return [
        palm,
        _tube(arm_line, arm, np.repeat(thin, 16, axis=0), _skin(rng, tone), 0.08),
        _tube(sleeve_line, sleeve, np.repeat(thin, 24, axis=0), cloth, 0.0),
    ]


def _blur_rows(radii: _Points) -> _Points:
    kernel = np.array([1, 4, 6, 4, 1]) / 16
    padded = np.pad(radii, ((2, 2), (0, 0)), mode="edge")
    return np.stack([np.convolve(padded[:, k], kernel, mode="valid") for k in range(2)], 1)


def _mirror(model: Model) -> Model:
    flip: Floats = np.array([-1, 1, 1], np.float32)
    return Model(
        model.vertices * flip, model.faces, model.uv, model.pyramid, model.normals * flip, model.points * flip,
        model.gloss, model.texture_px_per_cm,
    )  # fmt: skip


def build_hand(product: SampleProduct, rng: np.random.Generator, *, is_left: bool) -> Model:
    """Build a hand that holds the product's package, in the package's own coordinates.

    Args:
        product: its section and height decide where the fingers lie.
        rng: chooses skin tone, sleeve and small differences.
        is_left: the hand comes from the left (-x) instead of the right.
    Returns: one model of palm, fingers, thumb, forearm and sleeve.
    """
    section = _section_of(product)
    grip_y = max(2.2, product.look.size_cm[1] * float(rng.uniform(0.3, 0.4)) - 1.0)
    tone = _SKIN_TONES[int(rng.integers(len(_SKIN_TONES)))]
    patches = [
        *_build_fingers(section, grip_y, rng, tone),
        _build_thumb(section, grip_y, rng, tone),
        *_build_arm(section, grip_y, rng, tone),
    ]
    model = build_model(patches)
    return _mirror(model) if is_left else model
