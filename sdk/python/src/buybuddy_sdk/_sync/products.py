# Generated from _async/products.py by scripts/generate.py, not to be edited.
"""The catalogue: products, their barcodes and images."""

import builtins
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from buybuddy_sdk._files import FilePath, Form, OnBytes
from buybuddy_sdk._page import Ref, choice_of, id_of, in_path, under_lock, version_of
from buybuddy_sdk._sync.bulk import Bulk
from buybuddy_sdk._sync.imports import Import
from buybuddy_sdk._sync.jobs import Jobs
from buybuddy_sdk._sync.pager import Pager
from buybuddy_sdk._sync.transport import Call, Transport, new_key
from buybuddy_sdk.models import (
    BulkAnswer,
    CategoryOut,
    FailedProduct,
    ImageOut,
    ImagesAdded,
    ProductFacetsOut,
    ProductImagesOut,
    ProductOut,
    ProductRow,
)

IMPORT_SILENCE_S = 600.0
UPLOAD_SILENCE_S = 600.0


class Products:
    """`client.products`; edits take the `version` that they are made from, and the `lock_token` of their lock."""

    def __init__(self, transport: Transport, jobs: Jobs) -> None:
        self._transport, self._jobs = transport, jobs

    def list(
        self,
        *,
        search: str | None = None,
        status: str | None = None,
        category: str | None = None,
        sort: str | None = None,
    ) -> Pager[ProductRow]:
        """Iterate over products, newest first unless `sort` says otherwise; `.pages()` gives them page by page."""
        params = {**_filters(search, status, category), "sort": sort}
        return Pager(self._transport, "/products", ProductRow.model_validate, params)

    def get(self, product: Ref) -> ProductOut:
        """Return one product."""
        return self._transport.get(ProductOut, _path(product))

    def create(self, *, barcodes: Sequence[str] = (), **fields: Any) -> ProductOut:
        """Make a product by hand. Raises: Conflict, with the products that have a barcode already."""
        # With an id of our own the same product sent twice is made once.
        body = {"id": new_key(), **fields, "barcodes": list(barcodes)}
        return self._transport.read(ProductOut, Call("POST", "/products", json=body, is_repeatable=True))

    def update(
        self, product: Ref, *, version: int | None = None, lock_token: int | None = None, **fields: Any
    ) -> ProductOut:
        """Change fields of a product.

        Args:
            product: a product that was read brings its version; with an id alone the version now is read first.
            lock_token: of the lock that the edit is made under.
        Raises: Conflict, with the row as it is, when it was changed since.
        """
        if version is None:
            known = version_of(product)
            version = known if known is not None else (self.get(product)).version
        body = {**fields, "version": version}
        call = Call("PATCH", _path(product), json=body, headers=under_lock(lock_token))
        return self._transport.read(ProductOut, call)

    def delete(self, product: Ref, *, version: int | None = None, lock_token: int | None = None) -> None:
        """Remove a product with its barcodes and images; with a version only as it was read."""
        self._transport.remove(_path(product), _guards(version, lock_token))

    def categories(self) -> builtins.list[CategoryOut]:
        """List the categories that products have, with how many have each."""
        return self._transport.read_list(CategoryOut, Call("GET", "/products/categories"))

    def facets(
        self, *, search: str | None = None, status: str | None = None, category: str | None = None
    ) -> ProductFacetsOut:
        """Say how many products each filter value would show."""
        return self._transport.get(ProductFacetsOut, "/products/facets", **_filters(search, status, category))

    def add_barcode(
        self, product: Ref, barcode: str, *, version: int | None = None, lock_token: int | None = None
    ) -> ProductOut:
        """Give a product a barcode, its primary one when it is the first. Raises: Conflict (BARCODE_TAKEN)."""
        call = Call(
            "POST", f"{_path(product)}/barcodes", json={"barcode": barcode}, headers=_guards(version, lock_token)
        )
        return self._transport.read(ProductOut, call)

    def remove_barcode(
        self, product: Ref, barcode: str, *, version: int | None = None, lock_token: int | None = None
    ) -> ProductOut:
        """Take a barcode from a product."""
        path = f"{_path(product)}/barcodes/{in_path(barcode)}"
        return self._transport.read(ProductOut, Call("DELETE", path, headers=_guards(version, lock_token)))

    def make_barcode_primary(
        self, product: Ref, barcode: str, *, version: int | None = None, lock_token: int | None = None
    ) -> ProductOut:
        """Make a barcode the one that lists and exports show."""
        path = f"{_path(product)}/barcodes/{in_path(barcode)}/primary"
        return self._transport.read(ProductOut, Call("POST", path, headers=_guards(version, lock_token)))

    def images(self, product: Ref, *, type: str | None = None) -> Pager[ImageOut]:
        """Iterate over a product's images, oldest first."""
        return Pager(self._transport, f"{_path(product)}/images", ImageOut.model_validate, {"type": type})

    def frames(self, product: Ref, *, video: Ref | None = None) -> ProductImagesOut:
        """Return the first 1,000 images of each type, and how many there are; with a video only its frames."""
        video_id = None if video is None else id_of(video)
        return self._transport.get(ProductImagesOut, f"{_path(product)}/frames", video_id=video_id)

    def add_images(
        self,
        product: Ref,
        *files: FilePath,
        image_type: str = "synthetic",
        version: int | None = None,
        lock_token: int | None = None,
    ) -> ImagesAdded:
        """Send pictures of a product; the same bytes are one image, and what cannot be read is listed with the reason.

        Args:
            image_type: synthetic for a shop picture, whose plain background is cut away; real for a photo.
        """
        form = Form(tuple(("files", Path(file)) for file in files), {"image_type": image_type})
        call = Call(
            "POST",
            f"{_path(product)}/images",
            form=form,
            headers=_guards(version, lock_token),
            is_repeatable=version is None,
            silence_s=UPLOAD_SILENCE_S,
        )
        return self._transport.read(ImagesAdded, call)

    def delete_image(
        self, product: Ref, image: Ref, *, version: int | None = None, lock_token: int | None = None
    ) -> ProductOut:
        """Remove an image and its files."""
        path = f"{_path(product)}/images/{in_path(id_of(image))}"
        return self._transport.read(ProductOut, Call("DELETE", path, headers=_guards(version, lock_token)))

    def make_image_primary(
        self, product: Ref, image: Ref, *, version: int | None = None, lock_token: int | None = None
    ) -> ProductOut:
        """Make an image the one that lists show."""
        path = f"{_path(product)}/images/{in_path(id_of(image))}/primary"
        return self._transport.read(ProductOut, Call("POST", path, headers=_guards(version, lock_token)))

    def download(
        self,
        products: Iterable[Ref] | None = None,
        *,
        to: FilePath,
        search: str | None = None,
        status: str | None = None,
        category: str | None = None,
        progress: bool | None = None,
        on_bytes: OnBytes | None = None,
    ) -> Path:
        """Write a ZIP with a folder for each of these products, or for all that fit the filters."""
        if products is not None:
            body = {"product_ids": [id_of(product) for product in products]}
            call = Call("POST", "/products/download", json=body, is_repeatable=True)
        else:
            call = Call("GET", "/products/download/all", params=_filters(search, status, category))
        self._transport.save(call, to, progress=progress, on_bytes=on_bytes)
        return Path(to)

    def download_one(self, product: Ref, *, to: FilePath, progress: bool | None = None) -> Path:
        """Write one product's images and metadata.json as a ZIP."""
        self._transport.save(Call("GET", f"{_path(product)}/download"), to, progress=progress)
        return Path(to)

    def export_csv(
        self,
        products: Iterable[Ref] | None = None,
        *,
        to: FilePath,
        search: str | None = None,
        status: str | None = None,
        category: str | None = None,
        progress: bool | None = None,
        on_bytes: OnBytes | None = None,
    ) -> Path:
        """Write these products, or all that fit the filters, as CSV."""
        body = choice_of(products, _filters(search, status, category), may_be_all=True)
        call = Call("POST", "/products/export/csv", json=body, is_repeatable=True)
        self._transport.save(call, to, progress=progress, on_bytes=on_bytes)
        return Path(to)

    def export_json(
        self,
        products: Iterable[Ref] | None = None,
        *,
        to: FilePath,
        lines: bool = False,
        search: str | None = None,
        status: str | None = None,
        category: str | None = None,
        progress: bool | None = None,
        on_bytes: OnBytes | None = None,
    ) -> Path:
        """Write these products, or all that fit the filters, as a JSON array or, with `lines`, one object a line."""
        params = {"format": "ndjson" if lines else "json"}
        body = choice_of(products, _filters(search, status, category), may_be_all=True)
        call = Call("POST", "/products/export/json", params=params, json=body, is_repeatable=True)
        self._transport.save(call, to, progress=progress, on_bytes=on_bytes)
        return Path(to)

    def import_file(self, file: FilePath, *, mode: str = "create_and_update") -> Import:
        """Send a CSV or XLSX file and return what it would do; nothing changes before its `apply()`."""
        form = Form((("file", Path(file)),), {"mode": mode})
        call = Call("POST", "/products/imports", form=form, silence_s=IMPORT_SILENCE_S)
        return self._transport.read_as(lambda answer: Import.of(self._transport, self._jobs, answer), call)

    def bulk_edit(
        self,
        products: Iterable[Ref] | None = None,
        *,
        changes: dict[str, Any],
        search: str | None = None,
        status: str | None = None,
        category: str | None = None,
        confirm_count: int | None = None,
    ) -> Bulk:
        """Change many products in the same way; beyond 200, or by filters, the outcome's `job` does it.

        Args:
            confirm_count: how many there are; Conflict when there are more or fewer.
        """
        body = {**choice_of(products, _filters(search, status, category)), "changes": changes}
        return self._bulk("/products/bulk-edit", body, confirm_count)

    def bulk_delete(
        self,
        products: Iterable[Ref] | None = None,
        *,
        search: str | None = None,
        status: str | None = None,
        category: str | None = None,
        confirm_count: int | None = None,
    ) -> Bulk:
        """Remove many products; beyond 200, or by filters, the outcome's `job` does it; see bulk_edit."""
        body = choice_of(products, _filters(search, status, category))
        return self._bulk("/products/bulk-delete", body, confirm_count)

    def undo_bulk_edit(self, bulk: BulkAnswer) -> Bulk:
        """Give the products of an edit back what they had; those that were changed since stay."""
        return self._bulk(f"/products/bulk-edit/{bulk.bulk_id}/undo", None)

    def bulk_failures(self, bulk: BulkAnswer) -> Pager[FailedProduct]:
        """Iterate over the products that were left as they are, with the reasons."""
        return Pager(self._transport, f"/products/bulk/{bulk.bulk_id}/failures", FailedProduct.model_validate, {})

    def _bulk(self, path: str, body: dict[str, Any] | None, confirm_count: int | None = None) -> Bulk:
        if body is not None and confirm_count is not None:
            body = {**body, "confirm_count": confirm_count}
        call = Call("POST", path, json=body, headers={"Idempotency-Key": new_key()}, is_repeatable=True)
        return self._transport.read_as(lambda answer: Bulk.of(self._jobs, answer), call)


def _path(product: Ref) -> str:
    return f"/products/{in_path(id_of(product))}"


def _filters(search: str | None, status: str | None, category: str | None) -> dict[str, str | None]:
    return {"search": search, "status": status, "category": category}


def _guards(version: int | None, lock_token: int | None) -> dict[str, str]:
    """Return the headers of an edit that is made from a version, under a lock."""
    return under_lock(lock_token) | ({} if version is None else {"If-Match": f'"v{version}"'})
