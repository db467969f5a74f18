"""Product clips: a package turned before a moving camera, with the truth mask of every frame."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.samples.backdrop import Backdrop, build_backdrop, draw_soft_shadow, warp_backdrop
from buybuddy.samples.catalogue import SampleProduct
from buybuddy.samples.hand import build_hand
from buybuddy.samples.label import seed_of
from buybuddy.samples.packages import build_package
from buybuddy.samples.rendering import Camera, Lamps, Layer, Pose, bound_box, build_pose, look_at
from buybuddy.samples.surfaces import Model, Picture

Mask = npt.NDArray[np.bool_]

_PRODUCT, _HAND = 1, 2
_GRAIN_ROOM_PX = 64
_LIFT_CM = 6.0


@dataclass(frozen=True)
class SampleClip:
    """A written clip and where its truth lies; `truth_path` is read by `read_truth_masks`."""

    path: Path
    truth_path: Path
    n_frames: int
    fps: int
    width_px: int
    height_px: int


class TruthMasks:
    """Per-frame masks of the visible product pixels, unpacked one at a time: `masks[i]` is (H, W) bool."""

    def __init__(self, packed: npt.NDArray[np.uint8], height_px: int, width_px: int) -> None:
        self._packed = packed
        self.shape = (len(packed), height_px, width_px)

    def __len__(self) -> int:
        return len(self._packed)

    def __getitem__(self, index: int) -> Mask:
        _, h, w = self.shape
        return np.unpackbits(self._packed[index], count=h * w).reshape(h, w).astype(bool)

    def __iter__(self) -> Iterator[Mask]:
        return (self[i] for i in range(len(self)))


def read_truth_masks(path: Path) -> TruthMasks:
    """Read the masks that were written beside a clip. Raises: OSError, KeyError if the file is something else."""
    with np.load(path) as stored:
        height, width = (int(v) for v in stored["size"])
        return TruthMasks(stored["packed"], height, width)


@dataclass(frozen=True)
class _Script:
    """What happens in a clip, as a function of time in [0, 1]; chosen from the seed."""

    has_hand: bool
    enters: bool
    leaves: bool
    turn_from_rad: float
    turn_by_rad: float
    shake: npt.NDArray[np.float64]
    fill: float
    lamps: Lamps
    noise: float

    def turn(self, t: float) -> float:
        """Angle at time t: a moment of the front first, and no turning while it comes or goes."""
        start, end = (0.2 if self.enters else 0.05), (0.85 if self.leaves else 1.0)
        s = float(np.clip((t - start) / (end - start), 0.0, 1.0))
        return self.turn_from_rad + self.turn_by_rad * (s - 0.07 * float(np.sin(2 * np.pi * s)))


def _build_script(rng: np.random.Generator, has_hand: bool | None) -> _Script:
    held = bool(rng.random() < 0.5) if has_hand is None else has_hand
    warm = float(rng.uniform(-0.07, 0.07))
    direction = float(rng.choice([-1, 1]))
    lamps = Lamps(
        key=(float(rng.choice([-1, 1]) * rng.uniform(0.35, 0.7)), 0.65, 0.6),
        key_strength=float(rng.uniform(0.5, 0.66)),
        ambient=float(rng.uniform(0.42, 0.52)),
        softbox_x=float(rng.choice([-1, 1]) * rng.uniform(0.5, 0.7)),
        tint=(1 + warm, 1.0, 1 - warm),
    )
    return _Script(
        has_hand=held,
        enters=bool(rng.random() < 0.45),
        leaves=bool(rng.random() < 0.3),
        turn_from_rad=-direction * float(rng.uniform(0.1, 0.45)),
        # A held pack is turned as far as a wrist goes, past its back; a standing one goes all the way round.
        turn_by_rad=direction * float(rng.uniform(1.12, 1.2) * np.pi if held else rng.uniform(1.02, 1.12) * 2 * np.pi),
        shake=rng.uniform(0, 2 * np.pi, size=(6, 3)),
        fill=float(rng.uniform(0.58, 0.66) if held else rng.uniform(0.64, 0.72)),
        lamps=lamps,
        noise=float(rng.uniform(2.0, 4.0)),
    )


def _wobble(phases: npt.NDArray[np.float64], t_s: float) -> npt.NDArray[np.float64]:
    """Sum three slow sines per channel: the tremble of a hand, each channel within about ±1."""
    rates = np.array([0.9, 2.1, 4.7])
    return np.asarray((np.sin(2 * np.pi * 0.37 * rates * t_s + phases) * (0.6, 0.3, 0.1)).sum(axis=1), np.float64)


@dataclass(frozen=True)
class _Stage:
    product: SampleProduct
    model: Model
    hand: Model | None
    backdrop: Backdrop
    script: _Script
    width_px: int
    height_px: int
    duration_s: float

    def camera_at(self, t: float) -> Camera:
        return _camera(self.product, self.script, t, self.duration_s, self.width_px, self.height_px)

    def pose_at(self, t: float) -> Pose:
        h = self.product.look.size_cm[1]
        sway = _wobble(self.script.shake[:3], t * self.duration_s)
        away = 0.0
        if self.script.enters and t < 0.16:
            away = (1 - t / 0.16) ** 2
        if self.script.leaves and t > 0.86:
            away = ((t - 0.86) / 0.14) ** 2
        if not self.script.has_hand:
            return build_pose(self.script.turn(t), 0, 0, (away * 62, 0, 0), h / 2)
        scale = h / 25
        offset = (
            away * 66 * max(scale, 0.7) + sway[0] * scale,
            _LIFT_CM + sway[1] * 0.6 * scale - 4 * away,
            (3 + sway[2]) * scale,
        )
        return build_pose(self.script.turn(t), 0.12 * sway[1] + 0.06, 0.07 * sway[0], offset, h / 2)


def _camera(product: SampleProduct, script: _Script, t: float, duration_s: float, w: int, h: int) -> Camera:
    tall = max(product.look.size_cm[1], product.look.size_cm[0] * 1.25)
    lift = _LIFT_CM if script.has_hand else 0.0
    sway = _wobble(script.shake[3:], t * duration_s) * tall / 25
    distance = 1.55 * tall / script.fill
    middle = product.look.size_cm[1] * 0.5 + lift
    # Little travel and much zoom: the backdrop's standing things are drawn once and bear only a small parallax.
    eye = (0.012 * distance * np.sin(np.pi * t) + sway[0] * 0.3, middle + distance * 0.27 + sway[1] * 0.2, distance)
    target = (sway[0] * 0.9, middle - 0.3 + sway[1] * 0.7, 0.0)
    focal = h * 1.55 * (1.0 + 0.16 * np.sin(np.pi * t) ** 2)
    return look_at(eye, target, roll_rad=0.012 * float(sway[2]), focal_px=focal, width_px=w, height_px=h)


def _smear_kernel(shift_px: npt.NDArray[np.float64]) -> npt.NDArray[np.float32] | None:
    length = float(np.linalg.norm(shift_px)) * 0.5  # the shutter is open half of the time
    if length < 1.2:
        return None
    size = min(31, 2 * int(np.ceil(length / 2)) + 1)
    kernel = np.zeros((size, size), np.float32)
    middle = size // 2
    reach = shift_px * 0.25
    a = (round((middle - reach[0]) * 16), round((middle - reach[1]) * 16))
    b = (round((middle + reach[0]) * 16), round((middle + reach[1]) * 16))
    cv2.line(kernel, a, b, 1.0, 1, cv2.LINE_AA, 4)
    return np.asarray(kernel / max(float(kernel.sum()), 1e-6), np.float32)


def _render_frame(stage: _Stage, t: float, dt: float) -> tuple[Picture, Mask]:
    camera, pose = stage.camera_at(t), stage.pose_at(t)
    picture = warp_backdrop(stage.backdrop, camera)
    placed = pose.place(stage.model.vertices)
    px_per_cm = camera.focal_px / float(np.linalg.norm(camera.position - placed.mean(0)))
    if stage.script.has_hand:
        ground = placed * (1, 0, 1) + np.array([-2.0, 0, -6.0])
        draw_soft_shadow(picture, camera, ground, 0.3, 4.0 * px_per_cm)
    else:
        foot = placed[placed[:, 1] < 0.35 * stage.product.look.size_cm[1]] * (1, 0, 1)
        side = -1.6 * np.sign(stage.script.lamps.key[0])
        draw_soft_shadow(picture, camera, foot + np.array([side, 0, -0.4]), 0.45, 1.8 * px_per_cm)
        draw_soft_shadow(picture, camera, foot, 0.55, 0.45 * px_per_cm)
    shown = [placed] if stage.hand is None else [placed, pose.place(stage.hand.vertices)]
    layer = Layer(bound_box(camera, shown, pad_px=14))
    layer.draw(stage.model, pose, camera, stage.script.lamps, _PRODUCT)
    if stage.hand is not None:
        layer.draw(stage.hand, pose, camera, stage.script.lamps, _HAND)
    pivot = np.array([[0.0, stage.product.look.size_cm[1] / 2, 0.0]])
    earlier = stage.camera_at(t - dt).project(stage.pose_at(t - dt).place(pivot))[0]
    layer.composite(picture, smear=_smear_kernel(camera.project(pose.place(pivot))[0] - earlier))
    mask = np.zeros(picture.shape[:2], bool)
    x0, y0, x1, y1 = layer.box_xyxy
    mask[y0:y1, x0:x1] = layer.owner == _PRODUCT
    return picture, mask


def _build_stage(
    product: SampleProduct, seed: int, has_hand: bool | None, width_px: int, height_px: int, duration_s: float
) -> tuple[_Stage, np.random.Generator]:
    rng = np.random.default_rng([seed, seed_of(product)])
    script = _build_script(rng, has_hand)
    camera = _camera(product, script, 0.0, duration_s, width_px, height_px)
    backdrop = build_backdrop(rng, camera, script.lamps, product.look.colours[:2])
    hand = build_hand(product, rng, is_left=script.turn_by_rad < 0) if script.has_hand else None
    return _Stage(product, build_package(product), hand, backdrop, script, width_px, height_px, duration_s), rng


def _to_noisy_yuv(picture: Picture, grain: npt.NDArray[np.int8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Turn RGB into planar YUV 4:2:0 and add sensor noise to its luma, from a random place in `grain`."""
    h, w = picture.shape[:2]
    planes = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420), np.uint8)
    dx, dy = (int(v) for v in rng.integers(0, _GRAIN_ROOM_PX, 2))
    planes[:h] = cv2.add(planes[:h], grain[dy : dy + h, dx : dx + w], dtype=cv2.CV_8U)
    return planes


def write_sample_clip(
    product: SampleProduct,
    path: Path,
    *,
    seed: int = 0,
    width_px: int = 1280,
    height_px: int = 720,
    fps: int = 30,
    duration_s: float = 5.0,
    has_hand: bool | None = None,
) -> SampleClip:
    """Write a clip of the product being turned, and the truth masks beside it (`<name>.truth.npz`).

    Args:
        product: what is shown.
        path: where the MP4 goes; the folder must exist.
        seed: chooses room, light, camera, path; the same seed writes the same pictures.
        width_px, height_px: even numbers.
        fps: frames a second.
        duration_s: length in seconds.
        has_hand: a hand holds the product (True), it stands on the table (False), or the seed decides (None).
    Returns: the clip.
    Raises: ValueError if a side is odd or nothing would be written.
    """
    n_frames = round(fps * duration_s)
    if width_px % 2 or height_px % 2 or n_frames < 1:
        raise ValueError("width_px and height_px must be even, and the clip must hold a frame")
    stage, rng = _build_stage(product, seed, has_hand, width_px, height_px, duration_s)
    grain = (rng.normal(size=(height_px + _GRAIN_ROOM_PX, width_px + _GRAIN_ROOM_PX)) * stage.script.noise).astype(
        np.int8
    )
    packed = np.zeros((n_frames, (height_px * width_px + 7) // 8), np.uint8)
    codec: Literal["libx264", "mpeg4"] = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        options = {"crf": "21", "preset": "ultrafast", "threads": "1"} if codec == "libx264" else {"q": "4"}
        stream = container.add_stream(codec, rate=fps, options=options)
        stream.width, stream.height, stream.pix_fmt = width_px, height_px, "yuv420p"
        stream.time_base = Fraction(1, fps)
        for index in range(n_frames):
            picture, mask = _render_frame(stage, index / n_frames, 1 / n_frames)
            packed[index] = np.packbits(mask)
            frame = av.VideoFrame.from_ndarray(_to_noisy_yuv(picture, grain, rng), format="yuv420p")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    truth_path = path.with_suffix(".truth.npz")
    np.savez_compressed(truth_path, packed=packed, size=np.array([height_px, width_px]))
    return SampleClip(path, truth_path, n_frames, fps, width_px, height_px)
