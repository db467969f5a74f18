"""The training run itself: epochs of batches, each epoch looked at, kept and reported."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor

from buybuddy.errors import BuybuddyError
from buybuddy.ml.training import checkpoints
from buybuddy.ml.training.embedding import embed_pictures
from buybuddy.ml.training.feeding import Feeder, UInt8Array
from buybuddy.ml.training.losses import Loss
from buybuddy.ml.training.model import EmbeddingModel
from buybuddy.ml.training.optimising import freeze, keep_frozen_still, make_average, make_optimiser, make_schedule
from buybuddy.ml.training.sampling import ImageFacts, IntArray, TripletSampler, nearest_classes
from buybuddy.ml.training.transforming import Transform
from buybuddy.ml.training.watching import Watch
from buybuddy.training_config import TrainingConfig

CHECKPOINT = "checkpoint.pt"


class OutOfMemory(BuybuddyError):
    """A batch does not fit the GPU."""

    code = "OUT_OF_MEMORY"
    http_status = 422


@dataclass(frozen=True)
class EpochReport:
    """What is told of an epoch; `figure` is that of validation, larger is better."""

    epoch: int
    loss: float
    rate: float
    figure: float
    images_per_s: float


@dataclass(frozen=True)
class TrainingImages:
    """Pictures of the network's size with what they show.

    Args:
        pictures: (n, side, side, 3) uint8 RGB.
    """

    pictures: UInt8Array
    facts: ImageFacts


class Trainer:
    """Trains a model on images, from the beginning or from where an earlier process was.

    Args:
        config: with nothing left open (choosing.py).
        validate: the figure of a model: of its average, in eval mode.
        folder: for the checkpoint.
        after_step: called with the share that is done; it may raise to end the run.
        n_processes: that transform pictures.
    """

    def __init__(
        self,
        config: TrainingConfig,
        model: EmbeddingModel,
        images: TrainingImages,
        validate: Callable[[EmbeddingModel], float],
        folder: Path,
        *,
        after_step: Callable[[float], None] = lambda share: None,
        after_epoch: Callable[[EpochReport], None] = lambda report: None,
        n_processes: int = 0,
    ) -> None:
        self._config, self._images, self._validate = config, images, validate
        self._path, self._after_step, self._after_epoch = folder / CHECKPOINT, after_step, after_epoch
        torch.manual_seed(config.seed)
        AcceleratorState._reset_state(reset_partial_state=True)  # of an earlier run in this process, of other precision
        self._accelerator = Accelerator(mixed_precision=_precision(config))  # how batches add up is ours
        batch_size, rate = config.batch.size or 0, config.optimiser.learning_rate or 0.0
        self._sampler = TripletSampler(images.facts, config.batch, batch_size, config.seed)
        transform = Transform(config.transform)
        self._feeder = Feeder(images.pictures, self._sampler, transform, seed=config.seed, n_processes=n_processes)
        freeze(model, config.model.frozen_share)
        loss = Loss(config.loss, images.facts.n_classes, model.embedding_dim)
        optimiser = make_optimiser(model, loss, config.optimiser, rate)
        n_steps = config.optimiser.epochs * -(-self._sampler.n_batches // config.batch.accumulate)
        n_warmup = round((config.optimiser.warmup_epochs or 0) * n_steps / config.optimiser.epochs)
        self._schedule = make_schedule(optimiser, n_steps, n_warmup, config.optimiser.final_share)
        self._model, self._loss, self._optimiser = self._accelerator.prepare(model, loss, optimiser)
        self.model = model
        self.average = make_average(model, config.optimiser.ema_decay)
        self.watch = Watch(config.watch)
        self.history: list[EpochReport] = []
        self._best: dict[str, Tensor] = {}
        self._checkpoint_bytes = checkpoints.size_of(model, loss)

    def run(self) -> EmbeddingModel:
        """Train and return the average of the best epoch. Raises: TrainingFailed, OutOfMemory, DiskFull."""
        first = self._resume()
        for epoch in range(first, self._config.optimiser.epochs):
            if self.watch.is_over:
                break
            self._refresh_pool()
            started_s = time.perf_counter()
            loss = self._run_epoch(epoch)
            seconds = time.perf_counter() - started_s
            best = cast(EmbeddingModel, self.average.module).eval()
            figure = self._validate(best)
            if self.watch.see_figure(figure):
                self._best = {name: value.detach().cpu().clone() for name, value in best.state_dict().items()}
            n_seen = self._sampler.n_batches * 3 * max(1, (self._config.batch.size or 3) // 3)
            rate = float(self._schedule.get_last_lr()[-1])
            self.history.append(EpochReport(epoch + 1, loss, rate, figure, n_seen / seconds))
            self._keep(epoch + 1)
            self._after_epoch(self.history[-1])
        published = cast(EmbeddingModel, self.average.module)
        published.load_state_dict(self._best)
        return published.eval()

    def _run_epoch(self, epoch: int) -> float:
        self._model.train()
        keep_frozen_still(self.model)
        n_batches, total = self._sampler.n_batches, 0.0
        for number, (pictures, rows) in enumerate(self._feeder.epoch(epoch)):
            n_together = self._config.batch.accumulate
            n_of_step = min(n_together, n_batches - number // n_together * n_together)
            loss = self._learn(pictures, rows, 1 / n_of_step)
            if number % n_together == n_of_step - 1:
                self._step()
            self.watch.see_loss(loss, epoch * n_batches + number)
            total += loss
            self._after_step((epoch + (number + 1) / n_batches) / self._config.optimiser.epochs)
        return total / n_batches

    def _learn(self, pictures: Tensor, rows: IntArray, share: float) -> float:
        """Add a batch's gradient, of which its step has `share`, and return its loss."""
        device = self._accelerator.device
        classes = torch.from_numpy(self._images.facts.classes[rows]).to(device)
        try:
            with self._accelerator.autocast():
                vectors = self._model(pictures.to(device, non_blocking=True))
            loss = self._loss(vectors, classes)
            self._accelerator.backward(loss * share)
        except torch.cuda.OutOfMemoryError as error:
            raise OutOfMemory(
                f"A batch of {len(rows)} images does not fit the GPU's memory. Try batch.size {max(3, len(rows) // 2)}"
                " with twice batch.accumulate."
            ) from error
        return float(loss.detach())

    def _step(self) -> None:
        if self._config.optimiser.clip is not None:
            everything = [*self._model.parameters(), *self._loss.parameters()]
            self._accelerator.clip_grad_norm_(everything, self._config.optimiser.clip)
        self._optimiser.step()
        self._schedule.step()
        self._optimiser.zero_grad(set_to_none=True)
        self.average.update_parameters(self.model)

    def _refresh_pool(self) -> None:
        """Find for each product those that look most like it now."""
        facts, k = self._images.facts, self._config.batch.negative_pool
        if facts.n_classes <= k + 1 and not self._config.batch.hardest_negatives:
            return
        sample = _some_of_each(facts.classes, 4, self._config.seed)
        model = cast(EmbeddingModel, self.average.module)
        vectors = embed_pictures(model, self._images.pictures[sample])
        self._sampler.set_pool(nearest_classes(vectors, facts.classes[sample], k))

    def _resume(self) -> int:
        state = checkpoints.read(self._path)
        if state is None:
            return 0
        checkpoints.restore(
            state["run"], self.model, self.average, self._loss, self._optimiser, self._schedule
        )  # fmt: skip
        self._best = state["best"]
        self.history = [EpochReport(**one) for one in state["history"]]
        for name, value in state["watch"].items():
            setattr(self.watch, name, value)
        return int(state["epoch"])

    def _keep(self, epoch: int) -> None:
        watch = {name: value for name, value in asdict(self.watch).items() if name != "config"}
        state: dict[str, Any] = {
            "run": checkpoints.capture(self.model, self.average, self._loss, self._optimiser, self._schedule),
            "best": self._best,
            "history": [asdict(one) for one in self.history],
            "watch": watch,
            "epoch": epoch,
        }
        self._checkpoint_bytes = checkpoints.write(self._path, state, self._checkpoint_bytes)


def _precision(config: TrainingConfig) -> str:
    wanted = config.optimiser.precision
    if wanted == "auto":
        wanted = "bf16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "float32"
    return "no" if wanted == "float32" else wanted


def _some_of_each(classes: IntArray, most: int, seed: int) -> IntArray:
    """Return rows: at most so many of each class, the same ones for the same seed."""
    order = np.random.default_rng(seed).permutation(len(classes))
    by_class = order[np.argsort(classes[order], kind="stable")]
    sorted_classes = classes[by_class]
    place = np.arange(len(by_class)) - np.searchsorted(sorted_classes, sorted_classes)
    return np.sort(by_class[place < most])
