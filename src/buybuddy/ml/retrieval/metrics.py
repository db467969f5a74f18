"""How well photos find their products and products their photos: similarities in, ranks and rates out.

Nothing here holds a similarity of every photo with every picture: products come in blocks with all of their pictures,
and of each photo and product only the best of its pictures is kept. An equal similarity counts against a hit
everywhere: what cannot be told apart has not been found.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

CHUNK_SIMILARITIES = 4_000_000  # that are in memory at once: 16 MB


def best_similarities(
    photos: FloatArray,
    pictures: FloatArray,
    starts: IntArray,
    *,
    chunk: int = CHUNK_SIMILARITIES,
    after_chunk: Callable[[], None] = lambda: None,
) -> FloatArray:
    """Return how similar each photo is to each product: to the best of the product's pictures.

    Args:
        photos: (n, d) float32 unit rows.
        pictures: (m, d) float32 unit rows, those of a product one after another.
        starts: (c,) the first row of each product, ascending from 0; every product has a row.
        chunk: similarities to be in memory at once.
        after_chunk: called after each of them; it may raise to end the work.
    Returns: (n, c) float32 in [-1, 1].
    """
    best = np.empty((len(photos), len(starts)), dtype=np.float32)
    n_rows = max(1, chunk // max(len(pictures), 1))
    for start in range(0, len(photos) if len(starts) else 0, n_rows):
        similarities = photos[start : start + n_rows] @ pictures.T
        best[start : start + n_rows] = np.maximum.reduceat(similarities, starts, axis=1)
        after_chunk()
    return best


def count_rivals(best: FloatArray, own: FloatArray, own_column: IntArray) -> IntArray:
    """Count for each photo the other products that it is at least as similar to as to its own.

    Summed over all blocks of products and with 1 added, it is the rank of the photo's own product.

    Args:
        best: (n, c) float32, of `best_similarities`.
        own: (n,) float32, the similarity to the photo's own product.
        own_column: (n,) where that product stands in this block, -1 for in another one.
    Returns: (n,) int64.
    """
    counts: IntArray = np.asarray(np.count_nonzero(best >= own[:, None], axis=1), dtype=np.int64)
    here = np.flatnonzero(own_column >= 0)
    counts[here] -= best[here, own_column[here]] >= own[here]
    return counts


def hit_rates(ranks: IntArray, ks: Sequence[int]) -> dict[int, float]:
    """Return CMC@k for each k: the share of queries whose own product is among the first k.

    Args:
        ranks: (n,) from 1 on.
    Returns: shares in [0, 1]; 0 without queries.
    """
    return {k: float(np.mean(ranks <= k)) if len(ranks) else 0.0 for k in ks}


def hit_rates_per_product(ranks: IntArray, products: IntArray, ks: Sequence[int]) -> dict[int, float]:
    """Return CMC@k averaged over products, of the averages over each one's photos: a product counts once.

    Args:
        ranks: (n,) from 1 on.
        products: (n,) which product each photo shows.
    """
    _, which, sizes = np.unique(products, return_inverse=True, return_counts=True)
    if len(ranks) == 0:
        return dict.fromkeys(ks, 0.0)
    return {k: float(np.mean(np.bincount(which, ranks <= k, len(sizes)) / sizes)) for k in ks}


def relevant_ranks(similarities: FloatArray, is_relevant: BoolArray) -> IntArray:
    """Return where the photos that show a product stand in its ranking, ascending from 1.

    Args:
        similarities: (n,) float32, of the product to each photo.
        is_relevant: (n,) whether the photo shows it.
    """
    hits = np.sort(similarities[is_relevant])[::-1]
    others = np.sort(similarities[~is_relevant])
    ahead = len(others) - np.searchsorted(others, hits, side="left")
    return np.asarray(ahead + np.arange(1, len(hits) + 1), dtype=np.int64)


def average_precision_at_r(ranks: IntArray) -> float:
    """Return MAP@R of one query: the mean over the first R places of the precision there, 0 where no hit stands.

    R is how many photos show the product. Source: Musgrave et al., arXiv:2003.08505, section 3.2;
    `mean_average_precision_at_r` in pytorch-metric-learning.

    Args:
        ranks: (R,) ascending from 1, of `relevant_ranks`; at least one.
    """
    n_relevant = len(ranks)
    n_hits = np.arange(1, n_relevant + 1)
    return float(np.sum((n_hits / ranks)[ranks <= n_relevant]) / n_relevant)


def first_of_groups(products: IntArray, groups: IntArray) -> BoolArray:
    """Return which photos stay when near-duplicates fold: of each product and group the first one.

    Args:
        products: (n,) what each photo shows.
        groups: (n,) equal for near-duplicates.
    """
    is_first = np.zeros(len(products), dtype=np.bool_)
    pairs = np.stack([products, groups], axis=1).reshape(-1, 2)
    is_first[np.unique(pairs, axis=0, return_index=True)[1]] = True
    return is_first


def most_confused(products: IntArray, nearest: IntArray, at_most: int) -> Mapping[tuple[int, int], int]:
    """Count the photos of one product that are nearest to another one, the most frequent pairs first.

    Args:
        products: (n,) what each photo shows.
        nearest: (n,) the product that it is most similar to.
    Returns: the number of photos by (product shown, product found).
    """
    wrong = products != nearest
    pairs, counts = np.unique(np.stack([products[wrong], nearest[wrong]], axis=1), axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:at_most]
    return {(int(pairs[i][0]), int(pairs[i][1])): int(counts[i]) for i in order}
