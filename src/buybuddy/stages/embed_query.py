"""Stage: make one photo, of which nothing is known, searchable; a person waits for it."""

from functools import lru_cache

import cv2

from buybuddy.ml.barcodes import read_barcodes
from buybuddy.ml.images import ReadImage, read_image
from buybuddy.ml.retrieval.query import IntBoxXyxy, build_query_views
from buybuddy.ml.segmentation.u2netp import U2NetP, find_weights
from buybuddy.stages.context import StageContext
from buybuddy.stages.embed_images import identify, load_encoder
from buybuddy.stages.specs import EmbedQueryResult, EmbedQuerySpec

# Enough for a barcode in a photo of a shelf; more only costs time.
_MAX_SIDE_PX = 2400


def embed_query(spec: EmbedQuerySpec, context: StageContext) -> EmbedQueryResult:
    """Find the product in a photo, embed the views it is searched with, and read its barcodes.

    The box is in pixels of the upright photo, at its full size.
    Raises: UnreadableMedia, Misconfigured, StageCancelled, Unavailable.
    """
    cv2.setNumThreads(context.n_threads)
    encoder = load_encoder(context.models_dir, context.n_threads)
    segmenter = load_saliency(context.n_threads)
    path = context.read_input(spec.photo_key)
    context.report(0.0, "reading the photo")
    read = read_image(path, max_side_px=_MAX_SIDE_PX)
    context.raise_if_cancelled()
    context.report(0.2, "reading barcodes")
    barcodes = read_barcodes(read.rgb)
    context.raise_if_cancelled()
    context.report(0.4, "finding the product")
    views = build_query_views(read.rgb, segmenter)
    context.raise_if_cancelled()
    context.report(0.8, "embedding")
    vectors = encoder.embed_prepared(views.prepared)
    return EmbedQueryResult(
        encoder=identify(encoder),
        vectors=tuple(tuple(float(value) for value in row) for row in vectors),
        product_box_xyxy=_to_full_size(views.product_box_xyxy, read),
        barcodes_seen=tuple(barcodes),
    )


def _to_full_size(box_xyxy: IntBoxXyxy | None, read: ReadImage) -> tuple[float, float, float, float] | None:
    if box_xyxy is None:
        return None
    scale = read.full_size_wh[0] / read.rgb.shape[1]
    x0, y0, x1, y1 = box_xyxy
    return x0 * scale, y0 * scale, x1 * scale, y1 * scale


@lru_cache(maxsize=2)
def load_saliency(n_threads: int) -> U2NetP:
    """Return the saliency network, loaded once in the life of the stage process. Raises: Misconfigured."""
    return U2NetP(find_weights(), n_threads)
