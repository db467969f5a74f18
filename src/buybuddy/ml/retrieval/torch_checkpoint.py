"""Read a PyTorch state dict without PyTorch, and without running anything that a pickle could ask for.

Source: the format that torch.save wrote before version 1.6 (torch/serialization.py, `_legacy_load`): four pickles
(magic number, protocol, machine, the dictionary), a pickled list of storage keys, then each storage's length and data.
"""

import pickle
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from buybuddy.errors import Misconfigured

NumberArray = npt.NDArray[np.float32] | npt.NDArray[np.int64]

_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_DTYPES: dict[str, np.dtype[np.float32] | np.dtype[np.int64]] = {
    "FloatStorage": np.dtype("<f4"),
    "LongStorage": np.dtype("<i8"),
}


@dataclass(frozen=True)
class _StorageType:
    dtype: np.dtype[np.float32] | np.dtype[np.int64]


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: np.dtype[np.float32] | np.dtype[np.int64]


@dataclass(frozen=True)
class _Tensor:
    """A tensor whose numbers come later in the file; stands in for torch._utils._rebuild_tensor_v2."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    requires_grad: bool = False
    backward_hooks: object = None

    def read_from(self, numbers: NumberArray) -> NumberArray:
        last = self.offset + sum(step * (size - 1) for step, size in zip(self.stride, self.shape, strict=True))
        if self.offset < 0 or last >= numbers.size or min(self.stride, default=0) < 0 or min(self.shape, default=1) < 1:
            raise Misconfigured("The weight file holds a tensor that reaches beyond its data.")
        strides = tuple(step * numbers.itemsize for step in self.stride)
        return np.ascontiguousarray(np.lib.stride_tricks.as_strided(numbers[self.offset :], self.shape, strides))


class _StateDictUnpickler(pickle.Unpickler):
    """Allows tensors in ordered dicts and nothing else; every other name in the pickle is an error."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if module == "torch" and name in _DTYPES:
            return _StorageType(_DTYPES[name])
        raise Misconfigured(f"The weight file asks for {module}.{name}, which a plain state dict does not need.")

    def persistent_load(self, pid: tuple[str, _StorageType, str, str, int, object]) -> _Storage:
        return _Storage(key=pid[2], dtype=pid[1].dtype)


def read_state_dict(path: Path) -> dict[str, NumberArray]:
    """Read the tensors of a state dict.

    Args:
        path: a .pth file of float32 and int64 tensors, in the format of torch before 1.6.
    Returns: name to array, in the file's order.
    Raises: Misconfigured when the file is damaged or holds anything but tensors.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except (OSError, EOFError, ValueError, TypeError, IndexError, KeyError, pickle.UnpicklingError) as error:
        raise Misconfigured(f"The weight file {path} cannot be read: {error}") from error


def _read(file: BinaryIO) -> dict[str, NumberArray]:
    magic, _, machine, tensors = (_StateDictUnpickler(file).load() for _ in range(4))
    if magic != _MAGIC_NUMBER or not machine["little_endian"]:
        raise Misconfigured("The weight file is not in the expected format.")
    if not isinstance(tensors, dict) or not all(isinstance(tensor, _Tensor) for tensor in tensors.values()):
        raise Misconfigured("The weight file holds something else than tensors.")
    dtypes = {tensor.storage.key: tensor.storage.dtype for tensor in tensors.values()}
    numbers: dict[str, NumberArray] = {}
    for key in _StateDictUnpickler(file).load():
        n_elements = int.from_bytes(file.read(8), "little")
        data = file.read(n_elements * dtypes[key].itemsize)
        numbers[key] = np.frombuffer(data, dtype=dtypes[key], count=n_elements)
    return {name: tensor.read_from(numbers[tensor.storage.key]) for name, tensor in tensors.items()}
