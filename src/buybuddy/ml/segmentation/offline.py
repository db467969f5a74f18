"""The segmenter that needs no download and no GPU: u2netp on a few pictures, optical flow between them."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from buybuddy.ml.segmentation.choosing import Candidate, choose_product, list_candidates
from buybuddy.ml.segmentation.flow import MaskCarrier
from buybuddy.ml.segmentation.hands import find_hands
from buybuddy.ml.segmentation.masks import BoolArray, dilate, erode, fill_holes, find_components, mask_iou, snap_to_edges
from buybuddy.ml.segmentation.protocol import FineMask, FloatArray, ProductView, Prompts, Tick, TrackedMask, UInt8Array
from buybuddy.ml.segmentation.u2netp import U2NetP
from buybuddy.ml.video.scan import spread_by_change

_MIN_COMPONENT_FRACTION = 0.004
_NEIGHBOURS = 2
_ERROR_SCALE = 10.0


class _Carried(NamedTuple):
    """A mask and how many pictures ago the network saw it; None before it ever did."""

    alpha: FloatArray
    steps: int | None


class OfflineSegmenter:
    """u2netp with tracking; texts and clicks are left aside."""

    def __init__(self, network: U2NetP) -> None:
        self._network = network
        self._carrier = MaskCarrier()

    @property
    def name(self) -> str:
        return "u2netp+flow/1"

    def track(
        self, thumbs_rgb: Sequence[UInt8Array], changes: Sequence[float], prompts: Prompts, n_calls: int, tick: Tick
    ) -> list[TrackedMask]:
        """Find the thing that stands out through the clip; see `Segmenter.track`."""
        anchors = spread_by_change(list(changes), max(1, n_calls))
        candidates: list[Candidate] = []
        for done, anchor in enumerate(anchors):
            tick(0.5 * done / len(anchors), f"looking for the product {done + 1}/{len(anchors)}")
            candidates += self._stand_outs(anchor, thumbs_rgb[anchor])
        chosen = choose_product(candidates)
        masks = {a: chosen[a].component.mask if a in chosen else None for a in anchors}
        if not chosen:
            return [TrackedMask(np.zeros(t.shape[:2], dtype=np.float32), 0.0) for t in thumbs_rgb]
        return self._carry_between(thumbs_rgb, masks, tick)

    def _stand_outs(self, anchor: int, rgb: UInt8Array) -> list[Candidate]:
        height, width = rgb.shape[:2]
        saliency = np.asarray(
            cv2.resize(self._network.saliency(rgb), (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32
        )
        foreground = saliency > 0.5
        without_hands = foreground & ~find_hands(rgb, foreground)
        return list_candidates(anchor, rgb, saliency, without_hands, _MIN_COMPONENT_FRACTION)

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
            elif carried and alpha.any():
                alpha, _ = self._carrier.carry(greys[position], greys[order[count - 1]], alpha)
                steps += 1
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
        fine = []
        for index, view in enumerate(views):
            tick(0.8 + 0.2 * index / n, f"joining masks {index + 1}/{n}")
            fine.append(self._fuse(index, view, raw, greys, asked))
        return fine

    def _fuse(
        self,
        index: int,
        view: ProductView,
        raw: dict[int, FloatArray],
        greys: Sequence[UInt8Array],
        asked: Sequence[int],
    ) -> FineMask:
        """Average what the network said here and on the neighbours, carried here, each pixel as sure as the flow is."""
        total = np.full(view.prior.shape, 1e-3, dtype=np.float32)
        summed = view.prior * np.float32(1e-3)
        if index in raw:
            total += 1.0
            summed += raw[index]
        before = [i for i in asked if i < index][-_NEIGHBOURS:]
        after = [i for i in asked if i > index][:_NEIGHBOURS]
        others = []
        for other in before + after:
            alpha, error = self._carrier.carry(greys[index], greys[other], raw[other])
            weight = np.exp(-error / _ERROR_SCALE) * np.float32(0.5 / (1 + 0.1 * abs(index - other)))
            total += weight
            summed += weight * alpha
            others.append(restrict_to_prior(alpha, view.prior) > 0.5)
        alpha_wide = summed / total
        alpha = restrict_to_prior(alpha_wide, view.prior)
        foreground = largest_near_prior(alpha > 0.5, view.prior)
        hand = find_hands(view.rgb, alpha_wide > 0.4)
        foreground = largest_near_prior(foreground & ~hand, view.prior)
        own = restrict_to_prior(raw[index], view.prior) > 0.5 if index in raw else view.prior > 0.5
        agreements = [mask_iou(foreground, own & ~hand), *(mask_iou(foreground, o & ~hand) for o in others)]
        soft = np.where(dilate(foreground, 3), np.where(hand, 0.0, alpha), 0.0).astype(np.float32)
        soft = np.maximum(soft, (fill_holes(foreground, 0.2) & ~foreground & ~hand).astype(np.float32))
        if index not in raw:
            soft = 0.25 * soft + 0.75 * snap_to_edges(view.rgb, soft)
        confidence = float(np.median(agreements)) * outline_certainty(soft)
        return FineMask(soft, hand.astype(np.float32), confidence)


def _blend(forward: _Carried, backward: _Carried) -> TrackedMask:
    """Join what came from the picture before and from the one after, the nearer one counting more."""
    if forward.steps is None or backward.steps is None:
        only = backward if forward.steps is None else forward
        confidence = 0.96 ** (only.steps or 0) if (only.alpha > 0.5).any() else 0.0
        return TrackedMask(only.alpha, confidence)
    weight_f, weight_b = 1.0 / (1 + forward.steps), 1.0 / (1 + backward.steps)
    alpha = ((forward.alpha * weight_f + backward.alpha * weight_b) / (weight_f + weight_b)).astype(np.float32)
    agreement = mask_iou(forward.alpha > 0.5, backward.alpha > 0.5)
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
    allowed = dilate(mask, round(reach * float(np.sqrt(mask.sum()))))
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


def largest_near_prior(mask: BoolArray, prior: FloatArray) -> BoolArray:
    """Keep the largest piece of a mask and every piece of at least a tenth of it that meets the prior."""
    pieces = find_components(mask, 12)
    if not pieces:
        return mask
    expected = prior > 0.3
    kept = np.zeros_like(mask)
    meeting = [p for p in pieces if (p.mask & expected).sum() > 0.5 * p.area_px] or pieces[:1]
    for piece in meeting:
        if piece.area_px >= 0.1 * meeting[0].area_px:
            kept |= piece.mask
    return kept
