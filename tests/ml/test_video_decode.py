"""Decoding: upright pictures, times from pts, odd sizes, damage."""

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from buybuddy.errors import UnreadableMedia
from buybuddy.ml.video.decode import VideoLimits, iter_frames, probe_video, rotate_upright
from buybuddy.ml.video.tone import tone_map

SHARED_VIDEOS = Path(os.environ.get("BUYBUDDY_SHARED_DATA", "../shared/data")) / "videos"
needs_shared_videos = pytest.mark.skipif(
    not SHARED_VIDEOS.is_dir(), reason=f"the shared test videos are not at {SHARED_VIDEOS}: set BUYBUDDY_SHARED_DATA"
)

# name: (frames, upright width, height, time of the last picture in seconds)
TORCHCODEC = {
    "av1_video.mkv": (125, 640, 360, 4.96),
    "bt709_full_range.mp4": (30, 1280, 720, 29 / 30),
    "discard_first_keyframe.mp4": (25, 64, 64, 0.96),
    "h264_10bits.mp4": (30, 200, 200, 29 / 30),
    "h265_video.mp4": (10, 128, 128, 0.9),
    "nasa_13013.mp4": (325, 320, 180, 12.96),
    "nasa_13013_hdr.mp4": (325, 320, 180, 12.96),
    "nasa_13013_rotated.mp4": (17, 270, 480, 0.534),
    "test_non_zero_start.mp4": (12, 200, 112, 0.367),
    "testsrc2_mpeg4.avi": (30, 1280, 720, 29 / 30),
    "testsrc2_odd_height_and_width_444.mp4": (25, 321, 241, 0.96),
    "testsrc2_vp9.webm": (30, 1280, 720, 0.967),
}


def write_video(path: Path, pictures: list[npt.NDArray[np.uint8]], pts: list[int] | None = None) -> Path:
    """Write pictures as lossless H.264, time base 1/1000 s."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "0", "preset": "ultrafast"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv444p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = pts[index] if pts else index * 40
            frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def flat(level: int, width: int = 64, height: int = 48) -> npt.NDArray[np.uint8]:
    return np.full((height, width, 3), level, dtype=np.uint8)


@needs_shared_videos
@pytest.mark.parametrize("name", sorted(TORCHCODEC))
def test_decoder_edge_cases_are_upright_and_on_time(name: str) -> None:
    n_frames, width, height, last_s = TORCHCODEC[name]
    path = SHARED_VIDEOS / "torchcodec" / name
    times = []
    for frame in iter_frames(path, n_threads=2):
        times.append(frame.time_s)
        assert frame.size_wh == (width, height)
    assert frame.to_rgb().shape == (height, width, 3)
    assert len(times) == n_frames
    assert times[0] == 0
    assert times == sorted(times)
    assert times[-1] == pytest.approx(last_s, abs=0.002)


@needs_shared_videos
def test_the_rotated_clip_stands_on_its_feet() -> None:
    rotated = next(iter_frames(SHARED_VIDEOS / "torchcodec" / "nasa_13013_rotated.mp4")).to_rgb(180)
    straight = next(iter_frames(SHARED_VIDEOS / "torchcodec" / "nasa_13013.mp4")).to_rgb(180)
    turned = {k: rotate_upright(straight, k * 90) for k in (1, 3)}
    differences = {
        k: float(np.abs(t.astype(int) - rotated[: t.shape[0], : t.shape[1]]).mean()) for k, t in turned.items()
    }
    assert probe_video(SHARED_VIDEOS / "torchcodec" / "nasa_13013_rotated.mp4").rotation_deg == 90
    assert differences[1] < differences[3]


def test_times_come_from_pts_not_from_a_frame_rate(tmp_path: Path) -> None:
    pts = [500, 540, 610, 1400, 1401]
    path = write_video(tmp_path / "uneven.mp4", [flat(i * 40) for i in range(5)], pts)
    assert [round(f.time_s, 3) for f in iter_frames(path)] == [0, 0.04, 0.11, 0.9, 0.901]


def test_odd_sizes_keep_every_pixel(tmp_path: Path) -> None:
    picture = flat(20, width=35, height=27)
    picture[26, 34] = 255
    decoded = next(iter_frames(write_video(tmp_path / "odd.mp4", [picture] * 3))).to_rgb()
    assert decoded.shape == (27, 35, 3)
    assert decoded[26, 34].min() > 200


def test_rotate_upright_turns_counter_clockwise() -> None:
    picture = np.zeros((2, 3, 3), dtype=np.uint8)
    picture[0, 2] = 9
    assert rotate_upright(picture, 90)[0, 0].tolist() == [9, 9, 9]
    assert rotate_upright(picture, -90)[2, 1].tolist() == [9, 9, 9]
    assert rotate_upright(picture, 180)[1, 0].tolist() == [9, 9, 9]


def test_hdr_white_becomes_white_and_black_stays_black() -> None:
    code_of_203_nits = 148
    picture = np.array([[[0, 0, 0], [code_of_203_nits] * 3]], dtype=np.uint8)
    black, white = tone_map(picture, 16)[0]
    assert black.max() <= 1
    assert white.min() > 225


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"this is no video", "not a video"),
        (b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 400, "cannot be read"),
    ],
)
def test_what_is_no_video_is_named(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "bad.mp4"
    path.write_bytes(content)
    with pytest.raises(UnreadableMedia, match=reason):
        probe_video(path)


@needs_shared_videos
def test_the_shared_bad_video_is_named() -> None:
    with pytest.raises(UnreadableMedia, match="cannot be read"):
        probe_video(SHARED_VIDEOS / "pixeltable" / "bad_video.mp4")


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), dtype=np.int16), format="s16", layout="mono")
        sound.rate = 8000
        container.mux(stream.encode(sound))
    with pytest.raises(UnreadableMedia, match="no moving pictures"):
        probe_video(path)


@pytest.mark.parametrize("cut", [0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_truncated_video_gives_pictures_or_a_reason(tmp_path: Path, cut: float, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (30, 48, 64, 3)).astype(np.uint8)
    whole = write_video(tmp_path / f"whole{suffix}", list(noise))
    broken = tmp_path / f"broken{suffix}"
    broken.write_bytes(whole.read_bytes()[: int(cut * whole.stat().st_size)])
    try:
        n_frames = sum(1 for _ in iter_frames(broken))
    except UnreadableMedia as error:
        assert error.detail.endswith(".")
    else:
        assert 0 < n_frames <= 30


def test_too_large_and_too_long_videos_are_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", [flat(9)] * 30)
    with pytest.raises(UnreadableMedia, match="too large"):
        probe_video(path, VideoLimits(max_pixels=100))
    with pytest.raises(UnreadableMedia, match="too long"):
        probe_video(path, VideoLimits(max_duration_s=0.5))
