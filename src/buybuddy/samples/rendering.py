"""A camera, lamps, and models drawn into a layer that can be laid over a picture."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.samples.surfaces import Floats, Model, Picture

_FAR_CM = 1000.0
_Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Camera:
    """A pinhole camera; looks along its own -z, x right, y up. `rotation` turns world into camera directions."""

    rotation: _Matrix
    position: _Matrix
    focal_px: float
    width_px: int
    height_px: int

    def to_camera(self, points: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Turn (n, 3) world points in centimetres into camera coordinates."""
        return (np.asarray(points, np.float64) - self.position) @ self.rotation.T

    def project(self, points: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Project (n, 3) world points to (n, 2) pixels, x right and y down."""
        seen = self.to_camera(points)
        depth = np.maximum(-seen[:, 2], 0.1)
        return np.stack(
            [
                self.width_px / 2 + self.focal_px * seen[:, 0] / depth,
                self.height_px / 2 - self.focal_px * seen[:, 1] / depth,
            ],
            1,
        )


def look_at(
    position: npt.ArrayLike, target: npt.ArrayLike, *, roll_rad: float, focal_px: float, width_px: int, height_px: int
) -> Camera:
    """Place a camera at `position` (centimetres) that looks at `target`, turned about its axis by `roll_rad`."""
    eye, goal = np.asarray(position, np.float64), np.asarray(target, np.float64)
    back = (eye - goal) / np.linalg.norm(eye - goal)
    right = np.cross([0.0, 1.0, 0.0], back)
    right /= np.linalg.norm(right)
    up = np.cross(back, right)
    c, s = np.cos(roll_rad), np.sin(roll_rad)
    rotation = np.stack([c * right + s * up, -s * right + c * up, back])
    return Camera(rotation, eye, focal_px, width_px, height_px)


@dataclass(frozen=True)
class Pose:
    """Where a model stands: `rotation` (3, 3) turns model into world directions, then `offset_cm` (3,) is added."""

    rotation: _Matrix
    offset_cm: _Matrix

    def place(self, points: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Turn (..., 3) model points into world points."""
        return np.asarray(points, np.float64) @ self.rotation.T + self.offset_cm


def build_pose(yaw_rad: float, pitch_rad: float, roll_rad: float, offset_cm: npt.ArrayLike, pivot_y_cm: float) -> Pose:
    """Turn a model about a point `pivot_y_cm` above its foot: yaw about y first, then pitch about x, roll about z."""
    cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw_rad, pitch_rad, roll_rad) for f in (np.cos, np.sin))
    yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    rotation = roll @ pitch @ yaw
    pivot = np.array([0.0, pivot_y_cm, 0.0])
    return Pose(rotation, np.asarray(offset_cm, np.float64) + pivot - rotation @ pivot)


@dataclass(frozen=True)
class Lamps:
    """The light of a room: `key` is the direction towards the main lamp; `tint` multiplies RGB."""

    key: tuple[float, float, float] = (-0.5, 0.65, 0.6)
    key_strength: float = 0.62
    ambient: float = 0.46
    softbox_x: float = -0.62
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)


def _light_model(model: Model, pose: Pose, camera: Camera, lamps: Lamps) -> tuple[Floats, Floats]:
    rotation = pose.rotation.astype(np.float32)
    n = cv2.transform(model.normals, rotation)
    p = cv2.transform(model.points, np.c_[rotation, pose.offset_cm.astype(np.float32)])
    view = camera.position.astype(np.float32) - p
    view /= np.sqrt(np.einsum("hwc,hwc->hw", view, view))[..., None]
    key = np.array(lamps.key, np.float32)
    key /= np.linalg.norm(key)
    facing = n @ key
    up = n[..., 1] * 0.5 + 0.5
    diffuse = lamps.ambient * (0.7 + 0.45 * up) + lamps.key_strength * np.clip(facing * 0.8 + 0.2, 0, 1)
    along = np.einsum("hwc,hwc->hw", n, view)
    mirror = 2 * along[..., None] * n - view
    side = np.array([lamps.softbox_x, 0.12, np.sqrt(max(0.0, 1 - lamps.softbox_x**2))], np.float32)
    across = np.array([side[2], 0.0, -side[0]], np.float32)
    strip = np.exp(-((mirror @ across / 0.16) ** 2)) * (mirror @ side > 0) * np.exp(-((mirror[..., 1] / 0.7) ** 4))
    spot = np.exp(28.0 * (mirror @ key - 1))
    rim = np.clip(1 - along, 0, 1) ** 4
    shine = model.gloss * (0.42 * strip + 0.55 * spot + 0.22 * rim)
    return diffuse.astype(np.float32), (shine * 255).astype(np.float32)


def _shade(model: Model, uv1: Floats, px_per_cm: float, light: tuple[Floats, Floats], lamps: Lamps) -> Picture:
    fineness = np.log2(max(model.texture_px_per_cm / px_per_cm, 1e-3))
    level = int(np.clip(np.round(fineness - 0.2), 0, len(model.pyramid) - 1))
    texture = model.pyramid[level]
    th, tw = texture.shape[:2]
    u, v = cv2.extractChannel(uv1, 0), cv2.extractChannel(uv1, 1)
    colour = cv2.remap(texture, u * tw - 0.5, v * th - 0.5, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    lh, lw = light[0].shape
    lit = cv2.remap(cv2.merge(light), u * lw - 0.5, v * lh - 0.5, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    diffuse, shine = cv2.split(lit)
    tinted = cv2.merge([np.multiply(diffuse, np.float32(t)) for t in lamps.tint])
    shaded = cv2.multiply(colour, tinted, dtype=cv2.CV_32F)
    return np.asarray(cv2.add(shaded, cv2.merge([shine, shine, shine]), dtype=cv2.CV_8U), np.uint8)


class Layer:
    """A window of the picture into which models are drawn with a common depth buffer."""

    def __init__(self, box_xyxy: tuple[int, int, int, int]) -> None:
        x0, y0, x1, y1 = box_xyxy
        self.box_xyxy = box_xyxy
        self.rgb: Picture = np.zeros((y1 - y0, x1 - x0, 3), np.uint8)
        self.owner: Picture = np.zeros((y1 - y0, x1 - x0), np.uint8)
        self._depth: Floats = np.full((y1 - y0, x1 - x0), _FAR_CM, np.float32)

    def draw(self, model: Model, pose: Pose, camera: Camera, lamps: Lamps, owner: int) -> None:
        """Draw a model where it is nearer than what is there; `owner` (1 to 255) marks its pixels."""
        vertices = pose.place(model.vertices)
        near = bound_box(camera, [vertices], pad_px=2)
        x0, y0 = max(near[0], self.box_xyxy[0]), max(near[1], self.box_xyxy[1])
        x1, y1 = min(near[2], self.box_xyxy[2]), min(near[3], self.box_xyxy[3])
        w, h = x1 - x0, y1 - y0
        if w <= 0 or h <= 0:
            return
        window = (
            slice(y0 - self.box_xyxy[1], y1 - self.box_xyxy[1]),
            slice(x0 - self.box_xyxy[0], x1 - self.box_xyxy[0]),
        )
        seen = camera.to_camera(vertices)
        shift = np.array([(x0 + x1 - camera.width_px) / 2, -(y0 + y1 - camera.height_px) / 2]) / camera.focal_px
        seen[:, :2] += seen[:, 2:] * shift
        uv1 = np.concatenate([model.uv, np.ones((len(model.uv), 1), np.float32)], 1)
        colours = np.zeros((h, w, 3), np.float32)
        depth = np.ascontiguousarray(self._depth[window])
        settings = cv2.TriangleRasterizeSettings()
        settings.setCullingMode(cv2.RASTERIZE_CULLING_NONE)
        settings.setShadingType(cv2.RASTERIZE_SHADING_SHADED)
        fov = 2 * np.arctan(h / 2 / camera.focal_px)
        cv2.triangleRasterize(
            seen.astype(np.float32)[:, None], model.faces[:, None], uv1[:, None], colours, depth,
            np.eye(4, dtype=np.float32)[:3], fov, 1.0, _FAR_CM, settings,
        )  # fmt: skip
        covered = colours[..., 2] > 0.5
        distance = float(np.linalg.norm(camera.position - pose.offset_cm))
        light = _light_model(model, pose, camera, lamps)
        shaded = _shade(model, colours, camera.focal_px / distance, light, lamps)
        np.copyto(self.rgb[window], shaded, where=covered[..., None])
        self._depth[window] = depth
        self.owner[window][covered] = owner

    def composite(self, picture: Picture, *, soften_px: float = 0.55, smear: Floats | None = None) -> None:
        """Lay the drawn pixels over `picture` in place, with soft edges and, if given, a motion-blur kernel."""
        x0, y0, x1, y1 = self.box_xyxy
        if x1 <= x0 or y1 <= y0:
            return
        cover = np.where(self.owner > 0, 255, 0).astype(np.uint8)
        stacked = cv2.merge([*cv2.split(self.rgb), cover])
        if smear is not None:
            stacked = cv2.filter2D(stacked, -1, smear)
        if soften_px > 0:
            stacked = cv2.GaussianBlur(stacked, (3, 3), soften_px)
        view = picture[y0:y1, x0:x1]
        *channels, alpha = cv2.split(stacked)
        left = 255 - alpha
        rest = cv2.multiply(view, cv2.merge([left, left, left]), scale=1 / 255)
        picture[y0:y1, x0:x1] = cv2.add(rest, cv2.merge(channels))


def bound_box(camera: Camera, placed: list[npt.NDArray[np.float64]], *, pad_px: int = 6) -> tuple[int, int, int, int]:
    """Find the window (x0, y0, x1, y1) in pixels that holds all given world points, cut to the picture."""
    points = np.concatenate([camera.project(p) for p in placed])
    low, high = points.min(0) - pad_px, points.max(0) + pad_px
    x0, x1 = (int(np.clip(v, 0, camera.width_px)) for v in (low[0], high[0] + 1))
    y0, y1 = (int(np.clip(v, 0, camera.height_px)) for v in (low[1], high[1] + 1))
    return x0, y0, max(x0, x1), max(y0, y1)
