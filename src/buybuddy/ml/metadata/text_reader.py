"""Text in a view: the packaged PP-OCR models, loaded once a process and kept quiet."""

import logging
import threading
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from rapidocr import RapidOCR
from rapidocr.ch_ppocr_det import TextDetOutput
from rapidocr.utils.output import RapidOCROutput

from buybuddy.ml.metadata.reading import LabelView, TextLine

_LONGEST_SIDE_PX = 900
_GLANCE_SIDE_PX = 416
_MIN_SCORE = 0.62
_MIN_SIDEWAYS_SCORE = 0.9
_LOCK = threading.Lock()


@lru_cache(maxsize=2)
def _load_engine(n_threads: int) -> RapidOCR:
    quiet = "critical"
    engine = RapidOCR(
        params={
            "Global.log_level": quiet,
            "Global.text_score": _MIN_SCORE,
            "Global.use_cls": False,
            "Det.limit_type": "max",
            "Det.limit_side_len": _LONGEST_SIDE_PX,
            "EngineConfig.onnxruntime.intra_op_num_threads": n_threads,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )
    logging.getLogger("RapidOCR").setLevel(quiet.upper())
    return engine


def measure_text_share(view: LabelView, *, n_threads: int) -> float:
    """Measure how much of the product's visible area is covered by text, by the detector alone on a small picture.

    Args:
        view: the look at the product.
        n_threads: threads of the network.
    Returns: text area over product area, in [0, 1].
    """
    scale = _GLANCE_SIDE_PX / max(view.image_rgb.shape[:2])
    small = cv2.resize(view.image_rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    with _LOCK:
        found = _load_engine(n_threads)(
            np.ascontiguousarray(small[..., ::-1]), use_det=True, use_cls=False, use_rec=False
        )
    if not isinstance(found, TextDetOutput) or found.boxes is None:
        return 0.0
    product = cv2.resize(view.matte, (small.shape[1], small.shape[0]), interpolation=cv2.INTER_AREA) > 127
    text = np.zeros(small.shape[:2], np.uint8)
    cv2.fillPoly(text, [np.round(box).astype(np.int32) for box in found.boxes], 1)
    return float((text[product] > 0).sum() / max(int(product.sum()), 1))


def _slope_of(quad: npt.NDArray[np.float64]) -> float:
    along = quad[1] - quad[0] + quad[2] - quad[3]
    return float(along[1] / along[0]) if abs(along[0]) > 1e-6 else 0.0


def _is_cut(quad: npt.NDArray[np.float64], matte: npt.NDArray[np.uint8], tall: float) -> bool:
    """Look a little beyond both ends of the line: without product there, the line may go on unseen."""
    left, right = (quad[0] + quad[3]) / 2, (quad[1] + quad[2]) / 2
    step = (right - left) / max(float(np.linalg.norm(right - left)), 1e-6) * 0.012 * tall
    for point in (left - step, right + step):
        x, y = int(point[0]), int(point[1])
        if not (0 <= y < matte.shape[0] and 0 <= x < matte.shape[1]) or matte[y, x] <= 127:
            return True
    return False


def read_text_lines(view: LabelView, index: int, *, n_threads: int) -> list[TextLine]:
    """Read the lines of text on the product in one view.

    Args:
        view: the look at the product; text off its matte is left out.
        index: stored in the lines as their view.
        n_threads: threads of the network, at least 1.
    Returns: the lines, from top to bottom.
    """
    picture = view.image_rgb
    scale = min(1.0, _LONGEST_SIDE_PX / max(picture.shape[:2]))
    if scale < 1.0:
        picture = np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    with _LOCK:
        output = _load_engine(n_threads)(
            np.ascontiguousarray(picture[..., ::-1]), use_det=True, use_cls=False, use_rec=True
        )
    if not isinstance(output, RapidOCROutput) or output.boxes is None or not output.txts or not output.scores:
        return []
    rows, columns = np.nonzero(view.matte > 127)
    if len(rows) == 0:
        return []
    top, left = float(rows.min()), float(columns.min())
    tall = max(1.0, float(rows.max()) - top)
    lines = []
    for quad, text, score in zip(np.asarray(output.boxes, np.float64) / scale, output.txts, output.scores, strict=True):
        centre = quad.mean(axis=0)
        x = int(np.clip(centre[0], 0, view.matte.shape[1] - 1))
        y = int(np.clip(centre[1], 0, view.matte.shape[0] - 1))
        if view.matte[y, x] <= 127 or not text.strip():
            continue
        across = float(np.linalg.norm(quad[1] - quad[0]))
        down = float(np.linalg.norm(quad[3] - quad[0]))
        is_upright = down < 1.5 * across or len(text.strip()) < 3
        if not is_upright and score < _MIN_SIDEWAYS_SCORE:
            continue
        high, wide = (down, across) if is_upright else (across, down)
        lines.append(
            TextLine(
                text=text.strip(), score=float(score), height=high / tall, width=wide / tall,
                x=(float(centre[0]) - left) / tall, y=(float(centre[1]) - top) / tall, view=index,
                is_upright=is_upright, slope=_slope_of(quad) if is_upright else 0.0,
                is_cut=_is_cut(quad, view.matte, tall),
            )
        )  # fmt: skip
    return sorted(lines, key=lambda line: (line.y, line.x))
