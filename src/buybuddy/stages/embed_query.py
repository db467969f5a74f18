"""Stage: make one photo, of which nothing is known, searchable; a person waits for it."""

import cv2

from buybuddy.ml.images import ReadImage, read_image
from buybuddy.ml.metadata.barcodes import rank_barcodes, read_barcodes
from buybuddy.ml.retrieval.preparation import IntBoxXyxy
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
    encoder = load_encoder(context.models_dir, context.n_threads, spec.encoder)
    path = context.read_input(spec.photo_key)
    context.report(0.0, "reading the photo")
    read = read_image(path, max_side_px=_MAX_SIDE_PX)
    context.raise_if_cancelled()
    context.report(0.2, "reading barcodes")
    barcodes = rank_barcodes([read_barcodes(read.rgb)])
    context.raise_if_cancelled()
    context.report(0.4, "finding the product")
    picture = encoder.prepare(read.rgb, None)
    context.raise_if_cancelled()
    context.report(0.8, "embedding")
    vector = encoder.embed_prepared([picture])[0]
    return EmbedQueryResult(
        encoder=identify(encoder),
        vectors=(tuple(float(value) for value in vector),),
        product_box_xyxy=_to_full_size(picture.product_box_xyxy, read),
        barcodes_seen=barcodes,
    )


def _to_full_size(box_xyxy: IntBoxXyxy | None, read: ReadImage) -> tuple[float, float, float, float] | None:
    if box_xyxy is None:
        return None
    scale = read.full_size_wh[0] / read.rgb.shape[1]
    x0, y0, x1, y1 = box_xyxy
    return x0 * scale, y0 * scale, x1 * scale, y1 * scale
