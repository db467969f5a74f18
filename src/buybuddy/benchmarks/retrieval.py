"""How often a shopper's photo finds its product at rank 1, and how long a query takes.

Gallery: one clean shop picture of each product. Queries: phone photos taken in shops, none of them seen before. Data:
the development part of the Grocery Store Dataset (Klasson et al., WACV 2019).
"""

import time
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from buybuddy.benchmarks.grocery import unpack_grocery
from buybuddy.benchmarks.report import BenchmarkReport
from buybuddy.ml.images import read_image_rgb
from buybuddy.ml.retrieval.encoder import Encoder
from buybuddy.ml.segmentation.plain_background import cut_from_plain

FloatArray = npt.NDArray[np.float32]


def run(data_dir: Path, models_dir: Path, scratch_dir: Path, *, photos_per_product: int = 20) -> list[BenchmarkReport]:
    """Measure on the grocery photos; an empty list when they are not there.

    Args:
        data_dir: folder with `grocery-dev.tar.gz`.
        models_dir: folder with the exported encoder.
        scratch_dir: where the archive is unpacked; kept by the caller or not.
        photos_per_product: how many photos of each product, spread over all of them; 0 for every one.
    """
    products = unpack_grocery(data_dir, scratch_dir, photos_per_product)
    if not products:
        return []
    cv2.setNumThreads(1)
    encoder = Encoder(models_dir, n_threads=1)
    shop_pictures = [read_image_rgb(product.shop_picture) for product in products]
    gallery = encoder.embed(shop_pictures, [cut_from_plain(rgb) for rgb in shop_pictures])
    fused, labels, durations_ms = [], [], []
    for label, product in enumerate(products):
        for path in product.photos:
            started = time.perf_counter()
            photo = read_image_rgb(path)
            fused.append(encoder.embed([photo], [None])[0])
            durations_ms.append((time.perf_counter() - started) * 1000)
            labels.append(label)
    truth = np.array(labels)
    packaged = np.array([product.is_packaged for product in products])
    details: dict[str, float | int | str] = {"photos": len(labels), "products": len(products)}
    queries, everything = np.stack(fused), np.ones_like(packaged)
    return [
        BenchmarkReport(
            "retrieval.cmc1_packaged", rank1_rate(queries, gallery, truth, packaged), "share", details=details
        ),
        BenchmarkReport(
            "retrieval.cmc1_all", rank1_rate(queries, gallery, truth, everything), "share", details=details
        ),
        BenchmarkReport(
            name="retrieval.query_ms",
            value=float(np.median(durations_ms)),
            unit="ms",
            details={"p95_ms": float(np.percentile(durations_ms, 95)), "threads": 1},
        ),
    ]


def rank1_rate(
    queries: FloatArray, gallery: FloatArray, truth: npt.NDArray[np.int64], is_member: npt.NDArray[np.bool_]
) -> float:
    """Return the share of queries whose nearest gallery vector is their own product, averaged over products.

    Args:
        queries: (n, d) unit rows.
        gallery: (c, d) unit rows, one for each product.
        truth: (n,) row of the gallery that each query belongs to.
        is_member: (c,) bool; only these products, and photos of them, take part.
    """
    members = np.flatnonzero(is_member)
    hits: dict[int, list[bool]] = defaultdict(list)
    for query, label in zip(queries, truth, strict=True):
        if is_member[label]:
            hits[int(label)].append(bool(members[int((gallery[members] @ query).argmax())] == label))
    return float(np.mean([np.mean(of_product) for of_product in hits.values()]))
