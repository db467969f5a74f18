"""How an exported dataset is laid out: folders, annotations and tables that machine-learning tools read as they are.

Names of files and folders are ids; what people typed stands in the tables only, and in a CSV never as a formula. Images
go out first; the tables, which grow on disk meanwhile, come last and tell only of images that are there.
"""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path, PurePosixPath
from typing import Protocol

from buybuddy.domain.datasets.rules import SPLITS, Split
from buybuddy.domain.datasets.versions.manifests import ManifestImage
from buybuddy.domain.products.exports.service import defused
from buybuddy.infra.storage.zip_stream import ZipEntry

# A program that reads a CSV takes these for an empty cell.
READ_AS_NOTHING = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "none", "<na>", "-nan", "1.#ind", "1.#qnan"})
BOM = "\ufeff"


@dataclass(frozen=True)
class Labelled:
    """An image that is in storage, with the number of its product, in [0, n_products)."""

    image: ManifestImage
    label: int


@dataclass(frozen=True)
class FinishedFile:
    """A file of the archive that lies on this machine's disk."""

    name: str
    path: Path


class Layout(Protocol):
    """Turns images into entries of an archive, and at the end what is said of them into files. Blocking."""

    def add(self, images: Sequence[Labelled]) -> list[ZipEntry]: ...

    def end(self) -> list[FinishedFile]: ...


class ImageFolder:
    """`train/<product>/<image>.png`, as torchvision's ImageFolder reads it."""

    def add(self, images: Sequence[Labelled]) -> list[ZipEntry]:
        return [ZipEntry(f"{one.image.split}/{inner_path(one.image)}", key=one.image.storage_key) for one in images]

    def end(self) -> list[FinishedFile]:
        return []


class Coco:
    """`annotations/instances_train.json` and `images/train/`; a category is a product.

    A box is the whole picture: frames are cut around their product, and boxes of photos are not known.
    """

    def __init__(self, folder: Path, info: dict[str, object]) -> None:
        self._folder, self._info = folder, info
        self._images = {split: (folder / f"{split}-images").open("w", encoding="utf-8") for split in SPLITS}
        self._annotations = {split: (folder / f"{split}-annotations").open("w", encoding="utf-8") for split in SPLITS}
        self._categories = (folder / "categories").open("w", encoding="utf-8")
        self._n_images = 0
        self._last_label = -1

    def add(self, images: Sequence[Labelled]) -> list[ZipEntry]:
        entries = []
        for one in images:
            image = one.image
            self._n_images += 1
            if one.label != self._last_label:
                self._last_label = one.label
                _append(self._categories, category_of(one))
            shown = {
                "id": self._n_images,
                "file_name": inner_path(image),
                "width": image.width_px,
                "height": image.height_px,
                "image_id": image.image_id,
                "domain": image.domain,
                "image_type": image.image_type,
            }
            box = {
                "id": self._n_images,
                "image_id": self._n_images,
                "category_id": one.label + 1,
                "bbox": [0, 0, image.width_px, image.height_px],
                "area": image.width_px * image.height_px,
                "iscrowd": 0,
                "segmentation": [],
            }
            _append(self._images[image.split], shown)
            _append(self._annotations[image.split], box)
            entries.append(ZipEntry(f"images/{image.split}/{inner_path(image)}", key=image.storage_key))
        return entries

    def end(self) -> list[FinishedFile]:
        for file in (*self._images.values(), *self._annotations.values(), self._categories):
            file.close()
        return [
            FinishedFile(f"annotations/instances_{split}.json", self._join(split))
            for split in SPLITS
            if (self._folder / f"{split}-images").stat().st_size
        ]

    def _join(self, split: Split) -> Path:
        path = self._folder / f"instances_{split}.json"
        parts = {"images": f"{split}-images", "annotations": f"{split}-annotations", "categories": "categories"}
        with path.open("w", encoding="utf-8") as file:
            file.write('{"info": ' + json.dumps(self._info, ensure_ascii=False) + ', "licenses": []')
            for name, part in parts.items():
                file.write(f', "{name}": [')
                with (self._folder / part).open(encoding="utf-8") as lines:
                    for number, line in enumerate(lines):
                        file.write((",\n" if number else "\n") + line.rstrip("\n"))
                file.write("]")
            file.write("}\n")
        return path


class MetricLearning:
    """`df.csv` for Open Metric Learning: training and validation; `df_test.csv`: training and test.

    Held-out images are queries and gallery at once. A label is a product, a category what the catalogue says.
    """

    COLUMNS = ("label", "path", "split", "is_query", "is_gallery", "category", "category_int", "product_id", "domain")

    def __init__(self, folder: Path) -> None:
        self._paths = {"df.csv": folder / "df.csv", "df_test.csv": folder / "df_test.csv"}
        self._files = {name: path.open("w", encoding="utf-8", newline="") for name, path in self._paths.items()}
        self._tables = {name: csv.writer(file) for name, file in self._files.items()}
        self._categories: dict[str, int] = {}
        for table in self._tables.values():
            table.writerow(self.COLUMNS)

    def add(self, images: Sequence[Labelled]) -> list[ZipEntry]:
        entries = []
        for one in images:
            image, path = one.image, f"images/{inner_path(one.image)}"
            is_held_out = image.split != "train"
            roles = ("True", "True") if is_held_out else ("", "")
            category = category_cell(image.category)
            number = self._categories.setdefault(category, len(self._categories))
            split = "validation" if is_held_out else "train"
            cells = (one.label, path, split, *roles, category, number, image.product_id, image.domain)
            for name, held_out in (("df.csv", "val"), ("df_test.csv", "test")):
                if image.split in ("train", held_out):
                    self._tables[name].writerow(cells)
            entries.append(ZipEntry(path, key=image.storage_key))
        return entries

    def end(self) -> list[FinishedFile]:
        for file in self._files.values():
            file.close()
        return [FinishedFile(name, path) for name, path in self._paths.items()]


class HuggingFace:
    """`train/<product>/<image>.png` with `train/metadata.jsonl` and a dataset card, for load_dataset."""

    FOLDERS: dict[Split, str] = {"train": "train", "val": "validation", "test": "test"}  # noqa: RUF012 - never changed

    def __init__(self, folder: Path, card: str) -> None:
        self._folder, self._card = folder, card
        self._files: dict[Split, TextIOWrapper] = {}

    def add(self, images: Sequence[Labelled]) -> list[ZipEntry]:
        entries = []
        for one in images:
            image = one.image
            if image.split not in self._files:
                self._files[image.split] = (self._folder / f"{image.split}.jsonl").open("w", encoding="utf-8")
            _append(self._files[image.split], {"file_name": inner_path(image), **described(one)})
            entries.append(ZipEntry(f"{self.FOLDERS[image.split]}/{inner_path(image)}", key=image.storage_key))
        return entries

    def end(self) -> list[FinishedFile]:
        for file in self._files.values():
            file.close()
        finished = [
            FinishedFile(f"{self.FOLDERS[split]}/metadata.jsonl", self._folder / f"{split}.jsonl")
            for split in self._files
        ]
        card = self._folder / "README.md"
        folders = [self.FOLDERS[split] for split in SPLITS if split in self._files]
        card.write_text(self._card + card_of(folders), encoding="utf-8")
        return [*finished, FinishedFile("README.md", card)]


class ProductTable:
    """`products.csv` beside every layout: what people call the products whose ids name the folders."""

    COLUMNS = ("label", "product_id", "split", "barcode", "brand_name", "product_name", "variant_flavor", "category")

    def __init__(self, folder: Path) -> None:
        self._path = folder / "products.csv"
        self._file = self._path.open("w", encoding="utf-8", newline="")
        self._file.write(BOM)
        self._table = csv.writer(self._file)
        self._table.writerow(self.COLUMNS)
        self._last_label = -1

    def add(self, images: Sequence[Labelled]) -> None:
        for one in images:
            if one.label == self._last_label:
                continue
            self._last_label, image = one.label, one.image
            typed = (image.barcode, image.brand_name, image.product_name, image.variant_flavor, image.category)
            self._table.writerow((one.label, image.product_id, image.split, *(defused(text or "") for text in typed)))

    def end(self) -> list[FinishedFile]:
        self._file.close()
        return [FinishedFile("products.csv", self._path)]


class MissingTable:
    """`missing_images.csv`: images of the manifest that storage does not have; no file when it has them all."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "missing_images.csv"
        self._file = self._path.open("w", encoding="utf-8", newline="")
        self._table = csv.writer(self._file)
        self._table.writerow(("image_id", "product_id", "split", "sha256"))
        self.n_images = 0

    def add(self, image: ManifestImage) -> None:
        self._table.writerow((image.image_id, image.product_id, image.split, image.sha256))
        self.n_images += 1

    def end(self) -> list[FinishedFile]:
        self._file.close()
        return [FinishedFile("missing_images.csv", self._path)] if self.n_images else []


def inner_path(image: ManifestImage) -> str:
    """Return `<product>/<image>.png`."""
    return f"{image.product_id}/{image.image_id}{PurePosixPath(image.storage_key).suffix}"


def described(one: Labelled) -> dict[str, object]:
    """Return what a table says of an image; texts are never null, so that every reader finds one type."""
    image = one.image
    return {
        "label": one.label,
        "product_id": image.product_id,
        "image_id": image.image_id,
        "domain": image.domain,
        "image_type": image.image_type,
        "barcode": image.barcode or "",
        "brand_name": image.brand_name or "",
        "product_name": image.product_name or "",
        "variant_flavor": image.variant_flavor or "",
        "category": image.category or "",
        "sha256": image.sha256,
    }


def category_of(one: Labelled) -> dict[str, object]:
    """Return a product as a COCO category; its name is its id, because tools merge categories of one name."""
    image = one.image
    words = (image.brand_name, image.product_name, image.variant_flavor)
    return {
        "id": one.label + 1,
        "name": image.product_id,
        "supercategory": image.category or "product",
        "display_name": " ".join(word for word in words if word),
        "barcode": image.barcode or "",
    }


def category_cell(text: str | None) -> str:
    """Return a category as a CSV cell; what readers take for nothing is nothing."""
    return "" if (text or "").strip().lower() in READ_AS_NOTHING else defused(text or "")


def card_of(folders: Sequence[str]) -> str:
    """Return the end of a dataset card: how to load it."""
    return (
        f"\nSplits by product: {', '.join(folders)}. Load it with\n\n"
        '```python\nfrom datasets import load_dataset\n\nload_dataset("imagefolder", data_dir="this/folder")\n```\n'
    )


def _append(file: TextIOWrapper, value: dict[str, object]) -> None:
    file.write(json.dumps(value, ensure_ascii=False) + "\n")
