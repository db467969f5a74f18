"""The whole stage on rendered clips: masks against the truth, and videos with nothing in them."""

import hashlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from buybuddy.benchmarks.video import measure_ious
from buybuddy.errors import StageCancelled, StageFailed, UnreadableMedia
from buybuddy.samples.catalogue import list_sample_products
from buybuddy.samples.clip import read_truth_masks, write_sample_clip
from buybuddy.stages.folder import FolderContext
from buybuddy.stages.segment_video import segment_video
from buybuddy.stages.specs import SegmentationSettings, SegmentVideoSpec


class ImpatientContext(FolderContext):
    """Cancels after some looks."""

    def __init__(self, folder: Path, n_looks: int) -> None:
        super().__init__(folder, n_threads=2)
        self._left = n_looks

    def raise_if_cancelled(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise StageCancelled("Somebody asked to stop.")


@pytest.fixture(autouse=True)
def restore_opencv_threads() -> Iterator[None]:
    before = cv2.getNumThreads()
    yield
    cv2.setNumThreads(before)


def write_grey_video(path: Path, n_frames: int = 12) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.time_base = Fraction(1, 25)
        for _ in range(n_frames):
            frame = av.VideoFrame.from_ndarray(np.full((180, 320, 3), 128, dtype=np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.slow
@pytest.mark.parametrize(("product", "has_hand"), [(3, False), (9, True)])
def test_a_rendered_product_is_cut_out_cleanly(tmp_path: Path, product: int, has_hand: bool) -> None:
    clip = write_sample_clip(
        list_sample_products()[product], tmp_path / "clip.mp4", seed=product, duration_s=2.0, has_hand=has_hand
    )
    spec = SegmentVideoSpec(
        video_key="clip.mp4", output_prefix="out/", settings=SegmentationSettings(max_frames=16, frame_size_px=518)
    )
    result = segment_video(spec, FolderContext(tmp_path, n_threads=2))
    ious = measure_ious(result, read_truth_masks(clip.truth_path), tmp_path)
    assert 4 <= len(ious) <= 16
    assert np.mean(ious) >= 0.9
    assert min(ious) >= 0.75
    assert (result.video.n_frames, result.video.width_px, result.video.height_px) == (60, 1280, 720)
    assert result.video.duration_s == pytest.approx(2.0, abs=0.05)
    for index, frame in enumerate(result.frames):
        data = (tmp_path / frame.key).read_bytes()
        picture = cv2.imread(str(tmp_path / frame.key))
        matte = cv2.imread(str(tmp_path / frame.matte_key), cv2.IMREAD_UNCHANGED)
        assert picture is not None
        assert matte is not None
        assert frame.key == f"out/frame_{index:04d}.png"
        assert (frame.size_bytes, frame.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        assert picture.shape == (518, 518, 3)
        assert matte.shape == (518, 518)
        assert not picture[matte == 0].any()
        assert frame.video_time_s == pytest.approx(frame.source_frame / 30, abs=0.001)
        assert cv2.imread(str(tmp_path / frame.thumbnail_key)).shape == (160, 160, 3)  # type: ignore[union-attr]
    scores = [frame.quality.score for frame in result.frames]
    assert scores[result.primary_frame_index] == max(scores)


def test_a_video_of_nothing_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    write_grey_video(tmp_path / "grey.mp4")
    spec = SegmentVideoSpec(video_key="grey.mp4", output_prefix="out/")
    with pytest.raises(StageFailed, match="No product was found in the video"):
        segment_video(spec, FolderContext(tmp_path, n_threads=2))
    assert not (tmp_path / "out").exists()


def test_an_unreadable_video_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"not a video")
    spec = SegmentVideoSpec(video_key="bad.mp4", output_prefix="out/")
    with pytest.raises(UnreadableMedia, match="cannot be read"):
        segment_video(spec, FolderContext(tmp_path, n_threads=2))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("n_looks", [0, 2, 5])
def test_the_stage_stops_when_asked(tmp_path: Path, n_looks: int) -> None:
    write_grey_video(tmp_path / "grey.mp4")
    spec = SegmentVideoSpec(video_key="grey.mp4", output_prefix="out/")
    with pytest.raises(StageCancelled):
        segment_video(spec, ImpatientContext(tmp_path, n_looks))
