"""Stage: cut a product out of its video, keep clean frames, read what is printed on it."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.errors import StageFailed
from buybuddy.ml.images import encode_picture
from buybuddy.ml.metadata.reader import read_metadata
from buybuddy.ml.metadata.reading import LabelView
from buybuddy.ml.segmentation.offline import OfflineSegmenter
from buybuddy.ml.segmentation.people import PeopleDetector, find_people_weights
from buybuddy.ml.segmentation.protocol import Segmenter
from buybuddy.ml.segmentation.u2netp import U2NetP, find_weights
from buybuddy.ml.video.crop import CutOut, resize_square
from buybuddy.ml.video.cutting import ChosenFrame, CuttingOptions, Selection, iter_cut_outs, select_frames
from buybuddy.ml.video.decode import VideoInfo, probe_video
from buybuddy.ml.video.scan import ClipScan, scan_clip
from buybuddy.stages.context import StageContext
from buybuddy.stages.specs import (
    FrameQuality,
    FrameRecord,
    ProductMetadata,
    SegmentVideoResult,
    SegmentVideoSpec,
    VideoFacts,
)

UInt8Array = npt.NDArray[np.uint8]

_THUMBNAIL_SIDE_PX = 160
_MAX_LABEL_VIEWS = 24
_LISTEN_EVERY_S = 0.5
# Why a good picture is left out, which says nothing about why none was left.
_HARMLESS_REASONS = frozenset({"another frame beside it was better", "nearly the same as another frame"})

# How much of the progress bar each part gets: (start, end).
_SCAN, _SELECT, _CUT, _READ = (0.0, 0.1), (0.1, 0.6), (0.6, 0.85), (0.85, 1.0)


def segment_video(spec: SegmentVideoSpec, context: StageContext) -> SegmentVideoResult:
    """Turn one video into clean frames with their mattes, and read the label.

    Writes `frame_0000.png`, `mattes/frame_0000.png` and `thumbnails/frame_0000.webp`, ... under the output prefix.
    Raises: UnreadableMedia when the video cannot be decoded, StageFailed when there is no product in it,
        StageCancelled, Unavailable.
    """
    n_threads = context.n_threads
    cv2.setNumThreads(n_threads)
    options = CuttingOptions(
        frame_size_px=spec.settings.frame_size_px,
        margin_fraction=spec.settings.margin_fraction,
        max_frames=spec.settings.max_frames,
        min_mask_fraction=spec.settings.min_mask_fraction,
    )
    path = context.read_input(spec.video_key)
    info = probe_video(path)
    scan = scan_clip(path, _Progress(context, *_SCAN), n_threads=n_threads)
    context.log("video_scanned", n_frames=scan.n_frames, duration_s=round(scan.duration_s, 3), codec=info.codec)
    segmenter = load_segmenter(n_threads)
    selection = select_frames(path, scan, segmenter, options, _Progress(context, *_SELECT), n_threads=n_threads)
    context.log("frames_chosen", accepted=len(selection.frames), **selection.rejected)
    if not selection.frames:
        raise StageFailed(explain_nothing_found(selection), rejected=dict(selection.rejected))
    records: list[FrameRecord] = []
    views: list[LabelView] = []
    to_read = choose_to_read(selection.frames, _MAX_LABEL_VIEWS)
    for chosen, cut, frame_rgb in iter_cut_outs(path, selection.frames, options, _Progress(context, *_CUT), n_threads):
        if len(records) in to_read:
            views.append(label_view(frame_rgb, chosen, cut))
        records.append(_store_frame(spec, context, len(records), chosen, cut))
    metadata = _read_labels(views, spec.expected_barcode, n_threads, _Progress(context, *_READ))
    context.report(1.0, "done")
    return SegmentVideoResult(
        video=_video_facts(info, scan),
        frames=tuple(records),
        primary_frame_index=max(records, key=lambda record: record.quality.score).frame_index,
        metadata=metadata,
        rejected=dict(selection.rejected),
        segmenter=segmenter.name,
    )


@lru_cache(maxsize=2)
def load_segmenter(n_threads: int) -> Segmenter:
    """Return the offline segmenter, loaded once in the life of the stage process."""
    weights = find_people_weights()
    people = PeopleDetector(weights) if weights else None
    return OfflineSegmenter(U2NetP(find_weights(), n_threads), people, n_threads=n_threads)


def _read_labels(
    views: list[LabelView], expected_barcode: str | None, n_threads: int, progress: "_Progress"
) -> ProductMetadata:
    """Read the label in a thread beside this one, which goes on listening for a cancellation."""
    pool = ThreadPoolExecutor(max_workers=1)
    try:
        future = pool.submit(read_metadata, views, expected_barcode, n_threads=n_threads)
        while not wait([future], timeout=_LISTEN_EVERY_S).done:
            progress(0.0, f"reading labels on {len(views)} views")
        return ProductMetadata.model_validate(asdict(future.result()))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def choose_to_read(frames: list[ChosenFrame], n_views: int) -> set[int]:
    """Choose the positions of the frames whose label is read: in each stretch of the clip the one that scores best."""
    if len(frames) <= n_views:
        return set(range(len(frames)))
    parts = np.array_split(np.arange(len(frames)), n_views)
    return {int(max(part, key=lambda i: frames[i].quality.score)) for part in parts}


def label_view(frame_rgb: UInt8Array, chosen: ChosenFrame, cut: CutOut) -> LabelView:
    """Cut the product's square out of the full-size frame, with its matte at that size, for reading."""
    side = cut.source_box_xyxy[2] - cut.source_box_xyxy[0]
    matte = cv2.resize(cut.matte, (side, side), interpolation=cv2.INTER_LINEAR)
    return LabelView(
        image_rgb=resize_square(frame_rgb, cut.source_box_xyxy, side),
        matte=np.asarray(matte, dtype=np.uint8),
        sharpness=chosen.quality.sharpness,
        video_time_s=chosen.time_s,
    )


def explain_nothing_found(selection: Selection) -> str:
    """Say in one sentence why no frame was kept."""
    if not selection.rejected:
        return "No product was found in the video: nothing in it stands out."
    reasons = Counter({reason: n for reason, n in selection.rejected.items() if reason not in _HARMLESS_REASONS})
    if not reasons:
        return "No product was found in the video: nothing in it stands out."
    listed = ", ".join(f"{reason} ({count})" for reason, count in reasons.most_common(3))
    return f"No product was found in the video. Pictures were left out because: {listed}."


class _Progress:
    """One part's share of the stage's progress; never runs backwards, and stops the work when it was cancelled."""

    def __init__(self, context: StageContext, start: float, end: float) -> None:
        self._context = context
        self._start = start
        self._end = end
        self._reached = 0.0

    def __call__(self, fraction: float, step: str) -> None:
        self._context.raise_if_cancelled()
        self._reached = max(self._reached, min(max(fraction, 0.0), 1.0))
        self._context.report(self._start + (self._end - self._start) * self._reached, step)


def _store_frame(
    spec: SegmentVideoSpec, context: StageContext, index: int, chosen: ChosenFrame, cut: CutOut
) -> FrameRecord:
    """Encode and store one frame, its matte and its thumbnail."""
    name = f"frame_{index:04d}"
    thumbnail = cv2.resize(cut.rgb, (_THUMBNAIL_SIDE_PX, _THUMBNAIL_SIDE_PX), interpolation=cv2.INTER_AREA)
    prefix = spec.output_prefix
    stored = context.write_output(f"{prefix}{name}.png", encode_picture(cut.rgb, ".png"))
    matte = context.write_output(f"{prefix}mattes/{name}.png", encode_picture(cut.matte, ".png"))
    small = context.write_output(
        f"{prefix}thumbnails/{name}.webp", encode_picture(np.asarray(thumbnail, dtype=np.uint8), ".webp")
    )
    quality = chosen.quality
    side = cut.rgb.shape[0]
    x0, y0, x1, y1 = (float(v) for v in cut.source_box_xyxy)
    return FrameRecord(
        key=stored.key,
        matte_key=matte.key,
        thumbnail_key=small.key,
        frame_index=index,
        video_time_s=chosen.time_s,
        source_frame=chosen.source_frame,
        source_box_xyxy=(x0, y0, x1, y1),
        width_px=side,
        height_px=side,
        size_bytes=stored.size_bytes,
        sha256=stored.sha256,
        quality=FrameQuality(
            sharpness=quality.sharpness,
            mask_fraction=quality.mask_fraction,
            completeness=quality.completeness,
            occlusion=quality.occlusion,
            confidence=quality.confidence,
            score=quality.score,
        ),
    )


def _video_facts(info: VideoInfo, scan: ClipScan) -> VideoFacts:
    return VideoFacts(
        duration_s=scan.duration_s,
        width_px=info.width_px,
        height_px=info.height_px,
        codec=info.codec,
        n_frames=scan.n_frames,
        rotation_deg=info.rotation_deg,
    )
