"""Palms and faces, found by two small networks, so that people are not taken for products."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.ml.segmentation.masks import BoolArray, BoxXyxy, mask_to_xyxy

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

_PALM_SIDE_PX = 192
_FACE_SIDE_PX = 128


@dataclass(frozen=True)
class PeopleWeights:
    """Where the two weight files lie."""

    palm: Path
    face: Path


@dataclass(frozen=True)
class Detection:
    """A box in the picture's pixels with the network's score in [0, 1]."""

    box_xyxy: BoxXyxy
    score: float


def find_people_weights() -> PeopleWeights | None:
    """Return the files that the package `mediapipe` carries, without importing its code; None when it is missing."""
    spec = find_spec("mediapipe")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        modules = Path(folder) / "modules"
        palm = modules / "palm_detection" / "palm_detection_full.tflite"
        face = modules / "face_detection" / "face_detection_short_range.tflite"
        if palm.is_file() and face.is_file():
            return PeopleWeights(palm, face)
    return None


class PeopleDetector:
    """Both networks, loaded; keep them for the life of the process."""

    def __init__(self, weights: PeopleWeights) -> None:
        # OpenCV's newer engine drops the second output of these two models.
        self._palm = cv2.dnn.readNetFromTFLite(str(weights.palm), cv2.dnn.ENGINE_CLASSIC)
        self._face = cv2.dnn.readNetFromTFLite(str(weights.face), cv2.dnn.ENGINE_CLASSIC)

    def find_palms(self, rgb: UInt8Array, min_score: float = 0.6) -> list[Detection]:
        """Find palms and fists.

        Args:
            rgb: (H, W, 3) uint8 RGB.
            min_score: in [0, 1].
        Source: MediaPipe Hands, arXiv:2006.10214.
        """
        picture = letterbox(rgb, _PALM_SIDE_PX).astype(np.float32) / np.float32(255)
        scores, boxes = self._forward(self._palm, picture, ("Identity_1", "Identity"))
        return _decode(scores, boxes, build_anchors(_PALM_SIDE_PX, (2, 6)), _PALM_SIDE_PX, rgb.shape[:2], min_score)

    def find_faces(self, rgb: UInt8Array, min_score: float = 0.6) -> list[Detection]:
        """Find faces that fill at least about a tenth of the picture.

        Args:
            rgb: (H, W, 3) uint8 RGB.
            min_score: in [0, 1].
        Source: BlazeFace, arXiv:1907.05047.
        """
        picture = letterbox(rgb, _FACE_SIDE_PX).astype(np.float32) / np.float32(127.5) - 1
        scores, boxes = self._forward(self._face, picture, ("classificators", "regressors"))
        return _decode(scores, boxes, build_anchors(_FACE_SIDE_PX, (2, 6)), _FACE_SIDE_PX, rgb.shape[:2], min_score)

    def is_person(self, rgb: UInt8Array, mask: BoolArray) -> bool:
        """Say whether a cut-out is somebody: a face at its top that is about as wide as the cut-out is there.

        A face that is printed on a pack lies inside a wider outline.

        Args:
            rgb: (H, W, 3) uint8 RGB.
            mask: (H, W) bool.
        """
        box = mask_to_xyxy(mask)
        if box is None:
            return False
        x0, y0, x1, y1 = (int(v) for v in box)
        side = max(24, min(x1 - x0, y1 - y0))
        for left, top in ((x0, y0), (max(x0, (x0 + x1 - side) // 2), y0)):
            part = rgb[max(0, top - side // 6) : top + side, max(0, left - side // 6) : left + side + side // 6]
            for face in self.find_faces(np.ascontiguousarray(part)):
                fx0, fy0, fx1, fy1 = face.box_xyxy
                shift_x, shift_y = max(0, left - side // 6), max(0, top - side // 6)
                row = int(np.clip((fy0 + fy1) / 2 + shift_y, 0, mask.shape[0] - 1))
                width = int(
                    mask[row, max(0, int(fx0 + shift_x - (fx1 - fx0))) : int(fx1 + shift_x + (fx1 - fx0))].sum()
                )
                is_on_top = fy0 + shift_y - y0 < 0.9 * (fy1 - fy0)
                if is_on_top and 0 < width < 1.9 * (fx1 - fx0):
                    return True
        return False

    @staticmethod
    def _forward(net: cv2.dnn.Net, picture: FloatArray, names: tuple[str, str]) -> tuple[FloatArray, FloatArray]:
        net.setInput(np.ascontiguousarray(picture.transpose(2, 0, 1)[None]))
        scores, boxes = net.forward(list(names))
        return np.asarray(scores, dtype=np.float32)[0, :, 0], np.asarray(boxes, dtype=np.float32)[0]


def letterbox(rgb: UInt8Array, side_px: int) -> UInt8Array:
    """Fit a picture into a square, black at the sides, centred."""
    height, width = rgb.shape[:2]
    scale = side_px / max(height, width)
    size_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(rgb, size_wh, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    square = np.zeros((side_px, side_px, 3), dtype=np.uint8)
    top, left = (side_px - size_wh[1]) // 2, (side_px - size_wh[0]) // 2
    square[top : top + size_wh[1], left : left + size_wh[0]] = small
    return square


def build_anchors(side_px: int, per_cell: tuple[int, int]) -> FloatArray:
    """Return the (n, 2) centres in [0, 1] of the anchors at strides 8 and 16, as MediaPipe orders them."""
    parts = []
    for stride, count in zip((8, 16), per_cell, strict=True):
        cells = side_px // stride
        y, x = np.mgrid[0:cells, 0:cells]
        centres = (np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) / cells
        parts.append(np.repeat(centres, count, axis=0))
    return np.concatenate(parts).astype(np.float32)


def _decode(
    scores: FloatArray,
    boxes: FloatArray,
    anchors: FloatArray,
    side_px: int,
    shape_hw: tuple[int, ...],
    min_score: float,
) -> list[Detection]:
    height, width = shape_hw[0], shape_hw[1]
    scale = max(height, width)
    probabilities = 1 / (1 + np.exp(-np.clip(scores, -50, 50)))
    kept = np.flatnonzero(probabilities >= min_score)
    if kept.size == 0:
        return []
    centres = anchors[kept] + boxes[kept, :2] / side_px
    sizes = boxes[kept, 2:4] / side_px
    offset = np.array([(scale - width) / 2, (scale - height) / 2], dtype=np.float32)
    corners = (centres - sizes / 2) * scale - offset
    rectangles = np.concatenate([corners, sizes * scale], axis=1).tolist()
    best = cv2.dnn.NMSBoxes(rectangles, probabilities[kept].tolist(), min_score, 0.3)
    found = []
    for index in np.asarray(best).ravel():
        x, y, w, h = rectangles[int(index)]
        found.append(Detection((x, y, x + w, y + h), float(probabilities[kept][int(index)])))
    return found
