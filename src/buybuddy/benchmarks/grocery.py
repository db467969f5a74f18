"""The development part of the Grocery Store Dataset (Klasson et al., WACV 2019): shop pictures and phone photos."""

import json
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ARCHIVE_NAME = "grocery-dev.tar.gz"


@dataclass(frozen=True)
class GroceryProduct:
    """One product with its clean shop picture and the photos that people took of it."""

    name: str
    is_packaged: bool
    shop_picture: Path
    photos: tuple[Path, ...]


def unpack_grocery(data_dir: Path, folder: Path, photos_per_product: int) -> list[GroceryProduct]:
    """Unpack the archive and list its products by folder name; an empty list when there is no archive.

    Args:
        data_dir: folder with the archive.
        folder: where to.
        photos_per_product: how many photos of each, spread over all of them; 0 for every one.
    """
    archive = data_dir / ARCHIVE_NAME
    if not archive.is_file():
        return []
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    products = []
    for path in sorted(folder.rglob("metadata.json")):
        facts = json.loads(path.read_text())
        photos = sorted((path.parent / "real").glob("*.jpg"))
        if photos_per_product and len(photos) > photos_per_product:
            photos = [photos[i] for i in np.linspace(0, len(photos) - 1, photos_per_product).round().astype(int)]
        picture = path.parent / facts["iconic"]["file"]
        products.append(GroceryProduct(facts["name"], bool(facts["packaged"]), picture, tuple(photos)))
    return products
