"""Reading a video with PyAV: upright pictures, timestamps from pts, damage counted and not hidden."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import av.error
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from av.video.stream import VideoStream

from buybuddy.errors import UnreadableMedia
from buybuddy.ml.video.tone import is_hdr, tone_map

UInt8Array = npt.NDArray[np.uint8]

_MIN_SAR_ERROR = 0.02
_ATTACHED_PICTURE = 0x0400


@dataclass(frozen=True)
class VideoLimits:
    """What is refused before anything is decoded."""

    max_pixels: int = 8192 * 4608
    max_duration_s: float = 2 * 3600.0


@dataclass(frozen=True)
class VideoInfo:
    """What the container says; sizes are upright, after rotation and pixel shape were applied."""

    width_px: int
    height_px: int
    codec: str
    rotation_deg: int
    declared_duration_s: float | None
    declared_n_frames: int


class DecodedFrame:
    """One picture of the clip; pixels are only converted when asked for."""

    def __init__(self, frame: VideoFrame, index: int, time_s: float, sample_aspect: float) -> None:
        self.index = index
        self.time_s = time_s
        self._frame = frame
        self._sample_aspect = sample_aspect

    @property
    def rotation_deg(self) -> int:
        """Counter-clockwise angle by which the stored picture is turned, one of 0, 90, 180, 270."""
        return round(self._frame.rotation / 90) * 90 % 360

    @property
    def size_wh(self) -> tuple[int, int]:
        """Upright width and height in pixels."""
        width, height = _square_pixel_size(self._frame.width, self._frame.height, self._sample_aspect)
        return (height, width) if self.rotation_deg % 180 else (width, height)

    def to_rgb(self, long_side_px: int | None = None) -> UInt8Array:
        """Convert to an upright RGB picture.

        Args:
            long_side_px: shrink so that the longer side has this length; None or larger keeps the size.
        Returns: (H, W, 3) uint8 RGB, contiguous.
        """
        frame = self._frame
        width, height = _square_pixel_size(frame.width, frame.height, self._sample_aspect)
        if long_side_px is not None and long_side_px < max(width, height):
            scale = long_side_px / max(width, height)
            width, height = max(2, round(width * scale)), max(2, round(height * scale))
        converted = frame.reformat(
            width=width,
            height=height,
            format="rgb24",
            interpolation=Interpolation.AREA if width < frame.width else Interpolation.BILINEAR,
        )
        rgb = np.asarray(converted.to_ndarray(), dtype=np.uint8)
        if is_hdr(int(frame.color_trc)):
            rgb = tone_map(rgb, int(frame.color_trc))
        return rotate_upright(rgb, self.rotation_deg)


def rotate_upright(rgb: npt.NDArray[np.uint8], rotation_deg: int) -> UInt8Array:
    """Turn a stored picture the way it is to be shown.

    Args:
        rgb: (H, W, C) uint8.
        rotation_deg: counter-clockwise angle of the display matrix; rounded to a quarter turn.
    Returns: (H, W, C) or (W, H, C) uint8, contiguous.
    """
    return np.ascontiguousarray(np.rot90(rgb, k=round(rotation_deg / 90) % 4))


def probe_video(path: Path, limits: VideoLimits | None = None) -> VideoInfo:
    """Look at the container and the first picture.

    Raises: UnreadableMedia, with a sentence that says what is wrong.
    """
    limits = limits or VideoLimits()
    with _open(path) as container:
        stream = _video_stream(container)
        codec = stream.codec_context
        if codec.width * codec.height > limits.max_pixels:
            raise UnreadableMedia(f"The video's pictures are too large: {codec.width}×{codec.height} pixels.")
        duration_s = _declared_duration_s(container, stream)
        if duration_s is not None and duration_s > limits.max_duration_s:
            raise UnreadableMedia(
                f"The video is too long: {duration_s:.0f} s, and at most {limits.max_duration_s:.0f} s are accepted."
            )
    first = next(iter_frames(path))
    width, height = first.size_wh
    return VideoInfo(
        width_px=width,
        height_px=height,
        codec=codec.name,
        rotation_deg=first.rotation_deg,
        declared_duration_s=duration_s,
        declared_n_frames=stream.frames,
    )


def iter_frames(path: Path, n_threads: int = 1) -> Iterator[DecodedFrame]:
    """Decode the first video stream from its start, picture by picture.

    Damaged packets are passed over as long as most of the clip can be read.

    Args:
        path: a video file.
        n_threads: decoder threads.
    Yields: every picture, in the order in which they are shown; times in seconds after the first one.
    Raises: UnreadableMedia when nothing, or less than half of what was there, can be decoded.
    """
    n_good = 0
    n_bad = 0
    first_s: float | None = None
    with _open(path) as container:
        stream = _video_stream(container)
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = max(1, n_threads)
        aspect = float(stream.sample_aspect_ratio or 1) or 1.0
        seconds_per_frame = float(1 / stream.average_rate) if stream.average_rate else 1 / 25
        for frames in _decoded_packets(container, stream):
            if frames is None:
                n_bad += 1
                continue
            for frame in frames:
                if frame.is_corrupt:
                    n_bad += 1
                    continue
                time_s = n_good * seconds_per_frame if frame.pts is None else float(frame.time)
                first_s = time_s if first_s is None else first_s
                yield DecodedFrame(frame, n_good, time_s - first_s, aspect)
                n_good += 1
    if n_good == 0:
        raise UnreadableMedia("The video cannot be read: not one picture in it could be decoded.")
    if n_bad > n_good:
        raise UnreadableMedia(f"The video is damaged: {n_bad} of {n_bad + n_good} pictures could not be decoded.")


def _decoded_packets(container: InputContainer, stream: VideoStream) -> Iterator[list[VideoFrame] | None]:
    """Yield each packet's pictures, and None for a packet that cannot be decoded."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except (av.error.FFmpegError, OSError):
            yield None  # the file breaks off here; what came before is still good
            return
        try:
            frames = list(packet.decode())
        except (av.error.InvalidDataError, av.error.UndefinedError):
            yield None
            continue
        except av.error.EOFError:
            return
        yield frames


def _open(path: Path) -> InputContainer:
    try:
        if path.stat().st_size == 0:
            raise UnreadableMedia("The video cannot be read: the file is empty.")
        return av.open(str(path), mode="r", metadata_errors="replace")
    except av.error.InvalidDataError as error:
        raise UnreadableMedia(
            "The video cannot be read: this is not a video file, or it was cut off while it was copied."
        ) from error
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise UnreadableMedia(f"The video cannot be read: {error.args[-1] if error.args else error}.") from error


def _video_stream(container: InputContainer) -> VideoStream:
    streams = [s for s in container.streams.video if not int(s.disposition) & _ATTACHED_PICTURE]
    if not streams:
        raise UnreadableMedia("The video cannot be read: the file holds no moving pictures.")
    return streams[0]


def _declared_duration_s(container: InputContainer, stream: VideoStream) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / 1_000_000 if container.duration else None


def _square_pixel_size(width_px: int, height_px: int, sample_aspect: float) -> tuple[int, int]:
    if abs(sample_aspect - 1) < _MIN_SAR_ERROR:
        return width_px, height_px
    return max(2, round(width_px * sample_aspect)), height_px
