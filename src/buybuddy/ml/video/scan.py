"""One quick look at a whole clip: small pictures with times and sharpness, in bounded memory."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.ml.segmentation.protocol import Tick
from buybuddy.ml.video.decode import iter_frames

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

THUMB_LONG_SIDE_PX = 320
_SCAN_LONG_SIDE_PX = 640


@dataclass(frozen=True)
class ClipSample:
    """A small picture of one source frame."""

    source_frame: int
    time_s: float
    thumb_rgb: UInt8Array
    """(h, w, 3) uint8 RGB, longer side 320 px."""
    detail: FloatArray
    """(h / 8, w / 8) float32, mean squared Laplacian of the luma at twice the thumb's size."""


@dataclass(frozen=True)
class ClipScan:
    """What the first pass over the clip found."""

    samples: list[ClipSample]
    n_frames: int
    duration_s: float
    size_wh: tuple[int, int]


def scan_clip(path: Path, tick: Tick, *, max_samples: int = 360, n_threads: int = 1) -> ClipScan:
    """Decode the whole clip once and keep evenly spread small pictures of it.

    When there are more than `max_samples`, every second one is dropped and the stride doubles, so memory stays bounded
    (about 180 KB a sample) whatever the clip's length.

    Args:
        path: a readable video.
        tick: progress and cancellation.
        max_samples: upper bound of pictures kept, at least 2.
        n_threads: decoder threads.
    Raises: UnreadableMedia, and whatever `tick` raises.
    """
    samples: list[ClipSample] = []
    stride = 1
    n_frames = 0
    last_time_s = 0.0
    size_wh = (0, 0)
    for frame in iter_frames(path, n_threads):
        n_frames = frame.index + 1
        last_time_s = frame.time_s
        size_wh = frame.size_wh
        if frame.index % stride == 0:
            thumb, detail = summarize_picture(frame.to_rgb(_SCAN_LONG_SIDE_PX))
            samples.append(ClipSample(frame.index, frame.time_s, thumb, detail))
        if len(samples) >= max_samples:
            samples = samples[::2]
            stride *= 2
        if frame.index % 16 == 0:
            tick(0.0, f"decoding, {frame.time_s:.0f} s read")
    spacing_s = last_time_s / (n_frames - 1) if n_frames > 1 else 0.0
    return ClipScan(samples, n_frames, last_time_s + spacing_s, size_wh)


def summarize_picture(rgb: UInt8Array) -> tuple[UInt8Array, FloatArray]:
    """Make the small picture and the map of fine detail.

    Args:
        rgb: (H, W, 3) uint8 RGB, longer side at most 640 px.
    Returns: thumb (h, w, 3) uint8 with the longer side 320 px; detail (h / 8, w / 8) float32.
    """
    height, width = rgb.shape[:2]
    scale = THUMB_LONG_SIDE_PX / max(height, width)
    thumb_wh = (max(8, round(width * scale)), max(8, round(height * scale)))
    thumb = cv2.resize(rgb, thumb_wh, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    laplacian = cv2.Laplacian(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.CV_32F)
    blocks_wh = (max(1, thumb_wh[0] // 8), max(1, thumb_wh[1] // 8))
    detail = cv2.resize(laplacian * laplacian, blocks_wh, interpolation=cv2.INTER_AREA)
    return np.asarray(thumb, dtype=np.uint8), np.asarray(detail, dtype=np.float32)


def change_between(first_rgb: UInt8Array, second_rgb: UInt8Array) -> float:
    """Mean absolute difference of two pictures after a light blur, in grey levels [0, 255].

    Args:
        first_rgb, second_rgb: (H, W, 3) uint8 RGB of one size.
    """
    small = [cv2.resize(x, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32) for x in (first_rgb, second_rgb)]
    return float(np.abs(small[0] - small[1]).mean())


def spread_by_change(changes: list[float], n_wanted: int, floor: float = 0.25) -> list[int]:
    """Choose positions that divide the clip into parts of equal change.

    Args:
        changes: change from each picture to the next one; one shorter than the number of pictures.
        n_wanted: how many positions, at least 1.
        floor: change credited to every step, so that still parts are visited too.
    Returns: ascending distinct positions in [0, len(changes)].
    """
    n = len(changes) + 1
    if n_wanted >= n:
        return list(range(n))
    path = np.concatenate([[0.0], np.cumsum(np.asarray(changes, dtype=np.float64) + floor)])
    targets = (np.arange(n_wanted) + 0.5) / n_wanted * path[-1]
    return sorted({int(np.argmin(np.abs(path - target))) for target in targets})
