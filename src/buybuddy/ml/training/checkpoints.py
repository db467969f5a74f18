"""Where a run goes on after a kill: one file, written whole or not at all."""

import os
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from buybuddy.errors import BuybuddyError

_SPARE = 2.0  # times the last checkpoint's size that has to be free


class DiskFull(BuybuddyError):
    """There is no room for the next checkpoint."""

    code = "DISK_FULL"
    http_status = 507


def write(path: Path, state: dict[str, Any], expected_bytes: int) -> int:
    """Write a checkpoint in place of the last one and return its size.

    Args:
        expected_bytes: its size, as near as is known; there has to be room for twice that.
    Raises: DiskFull.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(path.parent).free
    if free < _SPARE * expected_bytes:
        raise DiskFull(f"A checkpoint needs {_SPARE * expected_bytes / 1e6:.0f} MB, and {free / 1e6:.0f} MB are free.")
    half = path.with_suffix(".part")
    with half.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)
    return path.stat().st_size


def read(path: Path) -> dict[str, Any] | None:
    """Read a checkpoint; None where there is none."""
    if not path.is_file():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def capture(
    model: nn.Module, average: nn.Module, loss: nn.Module, optimiser: Optimizer, schedule: LambdaLR
) -> dict[str, Any]:
    """Return all that a run goes on from, random numbers among it."""
    return {
        "model": model.state_dict(),
        "average": average.state_dict(),
        "loss": loss.state_dict(),
        "optimiser": optimiser.state_dict(),
        "schedule": schedule.state_dict(),
        "random": torch.get_rng_state(),
        "random_of_gpus": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def restore(
    state: dict[str, Any],
    model: nn.Module,
    average: nn.Module,
    loss: nn.Module,
    optimiser: Optimizer,
    schedule: LambdaLR,
) -> None:
    """Put a run back where `capture` found it."""
    model.load_state_dict(state["model"])
    average.load_state_dict(state["average"])
    loss.load_state_dict(state["loss"])
    optimiser.load_state_dict(state["optimiser"])
    schedule.load_state_dict(state["schedule"])
    torch.set_rng_state(state["random"])
    if state["random_of_gpus"]:
        torch.cuda.set_rng_state_all(state["random_of_gpus"])


def size_of(*modules: nn.Module) -> int:
    """Return about how large a checkpoint becomes: weights, their average, and two moments of each."""
    return 4 * sum(
        tensor.numel() * tensor.element_size() for module in modules for tensor in module.state_dict().values()
    )
