"""Pictures to vectors with a trained network: the same numbers whoever asks."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch

from buybuddy.ml.training.model import EmbeddingModel

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]


@torch.inference_mode()
def embed_pictures(
    model: EmbeddingModel,
    pictures: UInt8Array,
    *,
    batch_size: int = 32,
    after_batch: Callable[[int], None] = lambda n_done: None,
) -> FloatArray:
    """Embed pictures that are of the network's size.

    Args:
        pictures: (n, side, side, 3) uint8 RGB.
        after_batch: called with how many are done; it may raise to end the work.
    Returns: (n, embedding_dim) float32 unit rows.
    """
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    vectors = np.empty((len(pictures), model.embedding_dim), dtype=np.float32)
    for start in range(0, len(pictures), batch_size):
        part = np.ascontiguousarray(pictures[start : start + batch_size].transpose(0, 3, 1, 2))
        vectors[start : start + len(part)] = model(torch.from_numpy(part).to(device)).cpu().numpy()
        after_batch(start + len(part))
    model.train(was_training)
    return vectors
