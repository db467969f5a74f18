"""The files of a published index."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from buybuddy.infra.vectors.facts import (
    FACTS_NAME,
    FILE_NAMES,
    IDS_NAME,
    INDEX_NAME,
    PRODUCTS_NAME,
    IndexDamaged,
    IndexFacts,
)
from buybuddy.infra.vectors.faiss_library import load_faiss

READ_BYTES = 4 * 1024 * 1024


def write_folder(
    folder: Path,
    index: Any,
    ids: npt.NDArray[np.uint8],
    products: npt.NDArray[np.uint8],
    describe: Callable[[int, dict[str, str]], IndexFacts],
) -> IndexFacts:
    """Write the files, and last the facts, which say what the others must be.

    Args:
        describe: makes the facts of the files' size in bytes and their hashes.
    """
    load_faiss().write_index(index, str(folder / INDEX_NAME))
    np.save(folder / IDS_NAME, ids, allow_pickle=False)
    np.save(folder / PRODUCTS_NAME, products, allow_pickle=False)
    paths = [folder / name for name in FILE_NAMES]
    facts = describe(sum(path.stat().st_size for path in paths), {path.name: hash_file(path) for path in paths})
    (folder / FACTS_NAME).write_text(facts.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return facts


def read_facts(folder: Path) -> IndexFacts:
    """Raises: IndexDamaged."""
    try:
        return IndexFacts.model_validate_json((folder / FACTS_NAME).read_bytes())
    except (OSError, ValueError) as error:
        raise IndexDamaged(f"{FACTS_NAME} of the index cannot be read.") from error


def check_files(folder: Path, facts: IndexFacts) -> None:
    """Raises: IndexDamaged when a file is missing, or is not the one that was built."""
    for name in FILE_NAMES:
        try:
            found = hash_file(folder / name)
        except OSError as error:
            raise IndexDamaged(f"{name} of the index cannot be read: {error.strerror}.") from error
        if found != facts.sha256.get(name):
            raise IndexDamaged(f"{name} of the index is damaged: it is not the file that was built. Build it anew.")


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(READ_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
