"""Surfaces as textured grids in centimetres, y up, the front towards +z; several grids make one model."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

_LIGHT_STEP_PX = 14
_GUTTER_PX = 2 * _LIGHT_STEP_PX


@dataclass(frozen=True)
class Patch:
    """A grid of points with its texture; grid row 0 lies at the texture's top row, column 0 at its left.

    points: (rows, columns, 3) float32 in centimetres. normals: the same shape, unit length, outwards.
    texture: (h, w, 3) uint8 RGB. gloss: how much of the lamps is mirrored, 0 to 1.
    """

    points: Floats
    normals: Floats
    texture: Picture
    gloss: float


@dataclass(frozen=True)
class Model:
    """Patches packed into one mesh and one texture atlas, ready for the rasteriser.

    vertices: (n, 3) float32 in centimetres. faces: (m, 3) int32. uv: (n, 2) float32 in [0, 1] of the atlas.
    pyramid: atlas pictures, each half as large as the one before. normals, points: (h, w, 3) float32, low-resolution
    atlases used for lighting; gloss: (h, w) float32.
    """

    vertices: Floats
    faces: npt.NDArray[np.int32]
    uv: Floats
    pyramid: tuple[Picture, ...]
    normals: Floats
    points: Floats
    gloss: Floats
    texture_px_per_cm: float


def normals_of_grid(points: Floats) -> Floats:
    """Compute unit normals of a grid of points by its two tangents; (rows, columns, 3) in, the same out."""
    down = np.gradient(points, axis=0)
    right = np.gradient(points, axis=1)
    normal = np.cross(down, right)
    length = np.linalg.norm(normal, axis=2, keepdims=True)
    return np.asarray(normal / np.maximum(length, 1e-9), np.float32)


def _grid_faces(rows: int, columns: int, first: int) -> npt.NDArray[np.int32]:
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)[None]).reshape(-1) + first
    upper = np.stack([corner, corner + 1, corner + columns + 1], 1)
    lower = np.stack([corner, corner + columns + 1, corner + columns], 1)
    return np.concatenate([upper, lower]).astype(np.int32)


def build_model(patches: list[Patch]) -> Model:
    """Pack patches side by side into one model; `texture_px_per_cm` comes from the first patch's height."""
    height = max(p.texture.shape[0] for p in patches)
    width = sum(p.texture.shape[1] + 2 * _GUTTER_PX for p in patches)
    atlas = np.zeros((height, width, 3), np.uint8)
    light_h, light_w = max(8, height // _LIGHT_STEP_PX), max(8, width // _LIGHT_STEP_PX)
    normals = np.zeros((light_h, light_w, 3), np.float32)
    points = np.zeros((light_h, light_w, 3), np.float32)
    gloss = np.zeros((light_h, light_w), np.float32)
    vertices, uvs, faces = [], [], []
    left = n_vertices = 0
    for patch in patches:
        th, tw = patch.texture.shape[:2]
        left += _GUTTER_PX
        right = left + tw
        atlas[:, left - _GUTTER_PX : right + _GUTTER_PX] = cv2.copyMakeBorder(
            patch.texture, 0, height - th, _GUTTER_PX, _GUTTER_PX, cv2.BORDER_REPLICATE
        )
        rows, n_columns = patch.points.shape[:2]
        u = (left + 0.5 + np.linspace(0, 1, n_columns) * (tw - 1)) / width
        v = (0.5 + np.linspace(0, 1, rows) * (th - 1)) / height
        uvs.append(np.stack(np.meshgrid(u, v), -1).reshape(-1, 2))
        vertices.append(patch.points.reshape(-1, 3))
        faces.append(_grid_faces(rows, n_columns, n_vertices))
        n_vertices += rows * n_columns
        reach = slice(round((left - _GUTTER_PX) / width * light_w), round((right + _GUTTER_PX) / width * light_w))
        at_x = ((np.arange(reach.start, reach.stop) + 0.5) / light_w * width - left) / tw * (n_columns - 1)
        at_y = (np.arange(light_h) + 0.5) / light_h * height / th * (rows - 1)
        grid_x, grid_y = np.meshgrid(at_x.astype(np.float32), at_y.astype(np.float32))
        for target, source in ((normals, patch.normals), (points, patch.points)):
            target[:, reach] = cv2.remap(source, grid_x, grid_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        gloss[:, reach] = patch.gloss
        left = right + _GUTTER_PX
    pyramid = [atlas]
    while min(pyramid[-1].shape[:2]) > 40 and len(pyramid) < 5:
        h, w = pyramid[-1].shape[:2]
        pyramid.append(cv2.resize(pyramid[-1], (w // 2, h // 2), interpolation=cv2.INTER_AREA))
    first = patches[0].points
    tall = float(np.linalg.norm(np.diff(first[:, first.shape[1] // 2], axis=0), axis=1).sum())
    return Model(
        vertices=np.concatenate(vertices).astype(np.float32),
        faces=np.concatenate(faces),
        uv=np.concatenate(uvs).astype(np.float32),
        pyramid=tuple(pyramid),
        normals=normals,
        points=points,
        gloss=gloss,
        texture_px_per_cm=patches[0].texture.shape[0] / max(tall, 1e-6),
    )


def build_quad(
    top_left: npt.ArrayLike, right: npt.ArrayLike, down: npt.ArrayLike, texture: Picture, gloss: float
) -> Patch:
    """Build a flat rectangle from its top left corner and two edge vectors, all (3,) in centimetres."""
    t, s = np.linspace(0, 1, 4), np.linspace(0, 1, 4)
    origin, along, below = (np.asarray(a, np.float64) for a in (top_left, right, down))
    points = origin + s[None, :, None] * along + t[:, None, None] * below
    normal = np.cross(below, along)
    normal = normal / np.linalg.norm(normal)
    return Patch(points.astype(np.float32), np.broadcast_to(normal, points.shape).astype(np.float32), texture, gloss)


def build_revolution(
    profile_ry: npt.ArrayLike, texture: Picture, gloss: float, *, depth_scale: float = 1.0, n_around: int = 64
) -> Patch:
    """Turn a profile around the y axis; the texture's middle column faces +z.

    Args:
        profile_ry: (n, 2) radius and height in centimetres, from the top down.
        texture: (h, w, 3) uint8 RGB; h runs along the profile, w around.
        gloss: 0 to 1.
        depth_scale: flattens the section into an ellipse.
        n_around: number of columns.
    Returns: a patch of (n, n_around + 1) points.
    """
    profile = np.asarray(profile_ry, np.float64)
    angle = np.linspace(-np.pi, np.pi, n_around + 1)
    r, y = profile[:, :1], profile[:, 1:]
    points = np.stack(
        [r * np.sin(angle), np.broadcast_to(y, (len(y), n_around + 1)), depth_scale * r * np.cos(angle)], 2
    )
    slope = np.gradient(profile, axis=0)
    out, up = -slope[:, 1:], slope[:, :1]
    normals = np.stack(
        [out * np.sin(angle), np.broadcast_to(up, (len(y), n_around + 1)), out * np.cos(angle) / depth_scale], 2
    )
    normals /= np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), 1e-9)
    return Patch(points.astype(np.float32), normals.astype(np.float32), texture, gloss)


def smooth_profile(corners_ry: npt.ArrayLike, n: int) -> npt.NDArray[np.float64]:
    """Round a polyline of (radius, height) corners by Chaikin's scheme and resample it to n points by arc length."""
    line = np.asarray(corners_ry, np.float64)
    for _ in range(3):
        near, far = line[:-1] * 0.75 + line[1:] * 0.25, line[:-1] * 0.25 + line[1:] * 0.75
        line = np.concatenate([line[:1], np.stack([near, far], 1).reshape(-1, 2), line[-1:]])
    run = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    at = np.linspace(0, run[-1], n)
    return np.stack([np.interp(at, run, line[:, 0]), np.interp(at, run, line[:, 1])], 1)
