"""The segmenter that needs no download and no GPU: u2netp on a few pictures, optical flow between them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np

from buybuddy.ml.segmentation.choosing import Candidate, choose_product, list_candidates
from buybuddy.ml.segmentation.flow import MaskCarrier
from buybuddy.ml.segmentation.hands import HandColours, learn_hand_colours
from buybuddy.ml.segmentation.masks import (
    BoolArray,
    convex_hull,
    dilate,
    erode,
    fill_holes,
    find_components,
    mask_iou,
    snap_to_edges,
)
from buybuddy.ml.segmentation.people import Detection, PeopleDetector
from buybuddy.ml.segmentation.protocol import FineMask, FloatArray, ProductView, Prompts, Tick, TrackedMask, UInt8Array
from buybuddy.ml.segmentation.u2netp import U2NetP
from buybuddy.ml.video.scan import spread_by_change

_MIN_COMPONENT_FRACTION = 0.004
_NEIGHBOURS = 2
_N_PEOPLE_VIEWS = 10
_CONFIDENCE_A_STEP = 0.96
_LEAST_AGREEMENT = 0.4
_FAR = 10_000
_ERROR_SCALE = 10.0


class _Carried(NamedTuple):
    """A mask and how many pictures ago the network saw it; None before it ever did."""

    alpha: FloatArray
    steps: int | None


class _Fused(NamedTuple):
    """The mean of what was said about one view, and the single opinions."""

    alpha: FloatArray
    parts: list[BoolArray]


class OfflineSegmenter:
    """u2netp with tracking; texts and clicks are left aside."""

    def __init__(self, network: U2NetP, people: PeopleDetector | None = None, *, n_threads: int = 1) -> None:
        self._n_threads = n_threads
        self._network = network
        self._people = people
        self._carrier = MaskCarrier()

    @property
    def name(self) -> str:
        return "u2netp+flow/1"

    def track(
        self, thumbs_rgb: Sequence[UInt8Array], changes: Sequence[float], prompts: Prompts, n_calls: int, tick: Tick
    ) -> list[TrackedMask]:
        """Find the thing that stands out through the clip; see `Segmenter.track`."""
        anchors = spread_by_change(list(changes), max(1, n_calls))
        saliencies: list[FloatArray] = []
        for done, anchor in enumerate(anchors):
            tick(0.5 * done / len(anchors), f"looking for the product {done + 1}/{len(anchors)}")
            height, width = thumbs_rgb[anchor].shape[:2]
            square = self._network.saliency(thumbs_rgb[anchor])
            saliencies.append(np.asarray(cv2.resize(square, (width, height)), dtype=np.float32))
        seen = [thumbs_rgb[anchor] for anchor in anchors]
        palms = self._find_palms(seen, set(range(len(seen))), tick)
        chosen = choose_product(_list_stand_outs(anchors, seen, saliencies, palms))
        masks = {a: chosen[a].component.mask if a in chosen else None for a in anchors}
        if not chosen:
            return [TrackedMask(np.zeros(t.shape[:2], dtype=np.float32), 0.0) for t in thumbs_rgb]
        return self._carry_between(thumbs_rgb, masks, tick)

    def _carry_between(
        self, thumbs_rgb: Sequence[UInt8Array], masks: dict[int, BoolArray | None], tick: Tick
    ) -> list[TrackedMask]:
        """Carry the masks of the anchors forwards and backwards to every picture and blend them by distance."""
        greys = [np.asarray(cv2.cvtColor(t, cv2.COLOR_RGB2GRAY), dtype=np.uint8) for t in thumbs_rgb]
        n = len(greys)
        forwards = self._carry_chain(greys, masks, range(n), tick)
        backwards = self._carry_chain(greys, masks, range(n - 1, -1, -1), tick)
        return [_blend(f, b) for f, b in zip(forwards, backwards[::-1], strict=True)]

    def _carry_chain(
        self, greys: Sequence[UInt8Array], masks: dict[int, BoolArray | None], order: range, tick: Tick
    ) -> list[_Carried]:
        carried: list[_Carried] = []
        alpha = np.zeros(greys[0].shape, dtype=np.float32)
        steps = -1
        for count, position in enumerate(order):
            if position in masks:
                mask = masks[position]
                alpha = np.zeros(greys[0].shape, dtype=np.float32) if mask is None else mask.astype(np.float32)
                steps = 0
            elif steps >= 0:
                steps += 1
                if alpha.any():
                    alpha, _ = self._carrier.carry(greys[position], greys[order[count - 1]], alpha)
            carried.append(_Carried(alpha, steps if steps >= 0 else None))
            if count % 16 == 0:
                tick(0.5 + 0.25 * count / len(greys), "following the product")
        return carried

    def refine(self, views: Sequence[ProductView], n_calls: int, tick: Tick) -> list[FineMask]:
        """Cut out close views, the network on some and flow to the others; see `Segmenter.refine`."""
        n = len(views)
        asked = sorted(set(np.linspace(0, n - 1, min(n, max(1, n_calls))).round().astype(int).tolist()))
        raw: dict[int, FloatArray] = {}
        for done, index in enumerate(asked):
            tick(0.8 * done / len(asked), f"segmenting {done + 1}/{len(asked)}")
            raw[index] = self._network.saliency(views[index].rgb)
        greys = [np.asarray(cv2.cvtColor(v.rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8) for v in views]
        fused = []
        for index, view in enumerate(views):
            tick(0.8 + 0.1 * index / n, f"joining masks {index + 1}/{n}")
            fused.append(self._fuse(index, view, raw, greys, asked))
        asked_people = set(np.linspace(0, n - 1, min(n, _N_PEOPLE_VIEWS)).round().astype(int).tolist())
        palms = self._find_palms([view.rgb for view in views], asked_people, tick)
        hands = learn_hand_colours(
            [view.rgb for view in views], [f.alpha > 0.4 for f in fused], [view.prior > 0.5 for view in views], palms
        )
        fine = []
        with ThreadPoolExecutor(self._n_threads) as pool:  # OpenCV lets go of the interpreter while it works
            outlines = pool.map(lambda i: _finish(views[i], fused[i], hands, has_own=i in raw), range(n))
            for index, (view, mask) in enumerate(zip(views, outlines, strict=True)):
                tick(0.9 + 0.1 * index / n, f"drawing outlines {index + 1}/{n}")
                is_person = index in asked_people and self._is_person(view.rgb, fused[index].alpha > 0.5)
                fine.append(replace(mask, is_person=is_person))
        return fine

    def _find_palms(
        self, pictures_rgb: Sequence[UInt8Array], asked: set[int], tick: Tick
    ) -> list[list[Detection] | None]:
        """Look for palms in some of the pictures; None where nobody looked."""
        found: list[list[Detection] | None] = []
        for index, rgb in enumerate(pictures_rgb):
            tick(0.0, "looking for hands")
            found.append(self._people.find_palms(rgb) if self._people and index in asked else None)
        return found

    def _is_person(self, rgb: UInt8Array, mask: BoolArray) -> bool:
        return self._people is not None and self._people.is_person(rgb, mask)

    def _fuse(
        self,
        index: int,
        view: ProductView,
        raw: dict[int, FloatArray],
        greys: Sequence[UInt8Array],
        asked: Sequence[int],
    ) -> _Fused:
        """Average what the network said here and on the neighbours, carried here, each pixel as sure as the flow is."""
        total = np.full(view.prior.shape, 1e-3, dtype=np.float32)
        summed = view.prior * np.float32(1e-3)
        parts = [view.prior > 0.5]
        if index in raw:
            total += 1.0
            summed += raw[index]
            parts = [raw[index] > 0.5]
        before = [i for i in asked if i < index][-_NEIGHBOURS:]
        after = [i for i in asked if i > index][:_NEIGHBOURS]
        for other in before + after:
            alpha, error = self._carrier.carry(greys[index], greys[other], raw[other])
            weight = np.exp(-error / _ERROR_SCALE) * np.float32(0.5 / (1 + 0.1 * abs(index - other)))
            total += weight
            summed += weight * alpha
            parts.append(alpha > 0.5)
        return _Fused(summed / total, parts)


def _list_stand_outs(
    anchors: Sequence[int],
    thumbs_rgb: Sequence[UInt8Array],
    saliencies: Sequence[FloatArray],
    palms: Sequence[Sequence[Detection] | None],
) -> list[Candidate]:
    """List everything in the anchors that may be the product, hands taken away."""
    foregrounds = [np.asarray(saliency > 0.5, dtype=bool) for saliency in saliencies]
    hands = learn_hand_colours(thumbs_rgb, foregrounds, foregrounds, palms)
    candidates: list[Candidate] = []
    for anchor, rgb, saliency, foreground in zip(anchors, thumbs_rgb, saliencies, foregrounds, strict=True):
        hand = hands.find_hand(rgb, foreground) if hands is not None else np.zeros_like(foreground)
        rest = dilate(erode(foreground & ~hand, 1), 1)
        candidates += list_candidates(anchor, rgb, saliency, rest, _MIN_COMPONENT_FRACTION)
    return candidates


def _finish(view: ProductView, fused: _Fused, hands: HandColours | None, *, has_own: bool) -> FineMask:
    """Turn a fused mask into the product's: near the track, without the hand, with a clean outline."""
    wide = fused.alpha > 0.4
    hand = hands.find_hand(view.rgb, wide) if hands is not None else np.zeros_like(wide)
    alpha = restrict_to_prior(fused.alpha, view.prior)
    foreground = pieces_near_prior((alpha > 0.5) & ~hand, view.prior)
    agreements = [
        mask_iou(foreground, (restrict_to_prior(p.astype(np.float32), view.prior) > 0.5) & ~hand) for p in fused.parts
    ]
    soft = np.where(dilate(foreground, 3) & ~hand, alpha, 0.0).astype(np.float32)
    soft = np.maximum(soft, (fill_holes(foreground, 0.2) & ~foreground & ~hand).astype(np.float32))
    if not has_own:
        soft = 0.25 * soft + 0.75 * snap_to_edges(view.rgb, soft, excluded=hand)
    confidence = float(np.median(agreements)) * outline_certainty(soft)
    return FineMask(soft, hand.astype(np.float32), confidence)


def _blend(forward: _Carried, backward: _Carried) -> TrackedMask:
    """Join what came from the picture before and from the one after, the nearer one counting more.

    Where the two speak of different things, or one of nothing, the nearer one is believed alone.
    """
    steps_f = _FAR if forward.steps is None else forward.steps
    steps_b = _FAR if backward.steps is None else backward.steps
    agreement = mask_iou(forward.alpha > 0.5, backward.alpha > 0.5)
    if min(steps_f, steps_b) > 0 and agreement < _LEAST_AGREEMENT:
        is_f, is_b = bool((forward.alpha > 0.5).any()), bool((backward.alpha > 0.5).any())
        believe_f = steps_f <= steps_b if is_f == is_b else is_f
        alpha, steps = (forward.alpha, steps_f) if believe_f else (backward.alpha, steps_b)
        return TrackedMask(alpha, _CONFIDENCE_A_STEP**steps)
    weight_f, weight_b = 1.0 / (1 + steps_f), 1.0 / (1 + steps_b)
    alpha = ((forward.alpha * weight_f + backward.alpha * weight_b) / (weight_f + weight_b)).astype(np.float32)
    return TrackedMask(alpha, agreement if (alpha > 0.5).any() else 0.0)


def restrict_to_prior(saliency: FloatArray, prior: FloatArray, reach: float = 0.15) -> FloatArray:
    """Take away what lies far from where the product was followed to.

    Args:
        saliency: (H, W) float32 in [0, 1].
        prior: (H, W) float32 in [0, 1].
        reach: how far beyond the prior is believed, as a share of its size.
    """
    mask = prior > 0.5
    if not mask.any():
        return saliency
    allowed = dilate(convex_hull(mask), round(reach * float(np.sqrt(mask.sum()))))
    return np.where(allowed, saliency, np.float32(0))


def outline_certainty(alpha: FloatArray) -> float:
    """Say how clear the edge of a soft mask is.

    Args:
        alpha: (320, 320) float32 in [0, 1].
    Returns: 1 when the half-way zone is as thin as a clear edge leaves it, falling to 0 as it widens.
    """
    mask = alpha > 0.5
    rim_px = int((mask & ~erode(mask, 1)).sum())
    width_px = float((4 * alpha * (1 - alpha)).sum()) / max(rim_px, 1)
    return float(np.clip(1 - (width_px - 3.0) / 8.0, 0.0, 1.0))


def pieces_near_prior(mask: BoolArray, prior: FloatArray) -> BoolArray:
    """Keep the largest piece of a mask and every piece of at least a thirtieth of it that meets the prior."""
    pieces = find_components(mask, 12)
    if not pieces:
        return mask
    expected = convex_hull(prior > 0.3)
    kept = np.zeros_like(mask)
    meeting = [p for p in pieces if (p.mask & expected).sum() > 0.5 * p.area_px] or pieces[:1]
    for piece in meeting:
        if piece.area_px >= 0.03 * meeting[0].area_px:
            kept |= piece.mask
    return kept
