"""Decoded pictures to batches: read, transformed and put together by processes of their own."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from buybuddy.ml.training.sampling import IntArray, TripletSampler
from buybuddy.ml.training.transforming import Transform

UInt8Array = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Place:
    """One picture of one batch: its row, and what its transform is drawn from."""

    row: int
    seed: tuple[int, int, int]


class _Pictures(Dataset[Tensor]):
    def __init__(self, pictures: UInt8Array, transform: Transform) -> None:
        self._pictures, self._transform = pictures, transform

    def __getitem__(self, place: Place) -> Tensor:
        cv2.setNumThreads(1)
        picture = self._transform(np.asarray(self._pictures[place.row]), np.random.default_rng(place.seed))
        return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))


class _Places:
    """The batches of one epoch, as the loader asks for them."""

    def __init__(self, batches: list[IntArray], seed: int, epoch: int) -> None:
        self._batches, self._seed, self._epoch = batches, seed, epoch

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[list[Place]]:
        number = 0
        for batch in self._batches:
            yield [Place(int(row), (self._seed, self._epoch, number + i)) for i, row in enumerate(batch)]
            number += len(batch)


class Feeder:
    """Gives the batches of an epoch: the same ones for the same seed, epoch and pool of negatives.

    Args:
        pictures: (n, side, side, 3) uint8 RGB, in memory or mapped from a file.
        n_processes: that transform pictures beside the training; 0 does it in between.
    """

    def __init__(
        self, pictures: UInt8Array, sampler: TripletSampler, transform: Transform, *, seed: int, n_processes: int
    ) -> None:
        self._dataset = _Pictures(pictures, transform)
        self._sampler, self._seed, self._n_processes = sampler, seed, n_processes

    def epoch(self, number: int) -> Iterator[tuple[Tensor, IntArray]]:
        """Yield (n, 3, side, side) uint8 pictures and the (n,) rows that they are."""
        batches = list(self._sampler.batches(number))
        loader = DataLoader(
            self._dataset,
            batch_sampler=_Places(batches, self._seed, number),
            num_workers=self._n_processes,
            prefetch_factor=4 if self._n_processes else None,
            pin_memory=torch.cuda.is_available(),
        )
        yield from zip(loader, batches, strict=True)
