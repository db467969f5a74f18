"""Datasets: chosen products, frozen versions, exports."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from buybuddy_sdk._async.pager import AsyncPager
from buybuddy_sdk._async.transport import AsyncTransport, Call
from buybuddy_sdk._files import FilePath, OnBytes
from buybuddy_sdk._page import Ref, choice_of, id_of, in_path, under_lock, version_of
from buybuddy_sdk.models import (
    AddedOut,
    DatasetDetailOut,
    DatasetOut,
    DatasetProductRow,
    RemovedOut,
    VerificationOut,
    VersionOut,
)

FREEZE_SILENCE_S = 3600.0


class AsyncDatasets:
    """`client.datasets`; edits take the `lock_token` of the lock that they are made under."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def list(self, *, search: str | None = None, sort: str | None = None) -> AsyncPager[DatasetOut]:
        """Iterate over datasets, newest first unless `sort` says otherwise; `search` is a part of the name."""
        return AsyncPager(self._transport, "/datasets", DatasetOut.model_validate, {"search": search, "sort": sort})

    async def create(self, name: str, description: str = "") -> DatasetOut:
        """Make an empty dataset. Raises: Conflict (NAME_TAKEN)."""
        body = {"name": name, "description": description}
        return await self._transport.read(DatasetOut, Call("POST", "/datasets", json=body))

    async def get(self, dataset: Ref) -> DatasetDetailOut:
        """Return one dataset, with the newest of its products."""
        return await self._transport.get(DatasetDetailOut, _path(dataset))

    async def update(
        self, dataset: Ref, *, version: int | None = None, lock_token: int | None = None, **fields: Any
    ) -> DatasetOut:
        """Change name or description; as with products, a dataset that was read brings its version."""
        if version is None:
            known = version_of(dataset)
            version = known if known is not None else (await self.get(dataset)).version
        body = {**fields, "version": version}
        call = Call("PATCH", _path(dataset), json=body, headers=under_lock(lock_token))
        return await self._transport.read(DatasetOut, call)

    async def delete(self, dataset: Ref, *, lock_token: int | None = None) -> None:
        """Remove a dataset and its frozen versions; its products stay in the catalogue."""
        await self._transport.remove(_path(dataset), under_lock(lock_token))

    def products(self, dataset: Ref, *, sort: str | None = None) -> AsyncPager[DatasetProductRow]:
        """Iterate over the products of a dataset."""
        make = DatasetProductRow.model_validate
        return AsyncPager(self._transport, f"{_path(dataset)}/products", make, {"sort": sort})

    async def add_products(
        self,
        dataset: Ref,
        products: Iterable[Ref] | None = None,
        *,
        search: str | None = None,
        status: str | None = None,
        category: str | None = None,
        lock_token: int | None = None,
    ) -> AddedOut:
        """Put products into a dataset: these, or all that the filters find."""
        body = choice_of(products, {"search": search, "status": status, "category": category})
        return await self._transport.read(AddedOut, _edit(f"{_path(dataset)}/products", body, lock_token))

    async def remove_products(
        self,
        dataset: Ref,
        products: Iterable[Ref] | None = None,
        *,
        search: str | None = None,
        status: str | None = None,
        category: str | None = None,
        lock_token: int | None = None,
    ) -> RemovedOut:
        """Take products out of a dataset: these, or all that the filters find."""
        body = choice_of(products, {"search": search, "status": status, "category": category})
        return await self._transport.read(RemovedOut, _edit(f"{_path(dataset)}/products/remove", body, lock_token))

    async def remove_product(self, dataset: Ref, product: Ref, *, lock_token: int | None = None) -> None:
        """Take one product out of a dataset."""
        path = f"{_path(dataset)}/products/{in_path(id_of(product))}"
        await self._transport.remove(path, under_lock(lock_token))

    async def freeze(
        self,
        dataset: Ref,
        *,
        train: float = 0.8,
        val: float = 0.1,
        test: float = 0.1,
        seed: int = 42,
        note: str = "",
    ) -> VersionOut:
        """Freeze a dataset, split by product; the same seed always gives the same split."""
        body = {"ratios": {"train": train, "val": val, "test": test}, "seed": seed, "note": note}
        call = Call("POST", f"{_path(dataset)}/versions", json=body, silence_s=FREEZE_SILENCE_S)
        return await self._transport.read(VersionOut, call)

    def versions(self, dataset: Ref) -> AsyncPager[VersionOut]:
        """Iterate over a dataset's frozen versions, newest first."""
        return AsyncPager(self._transport, f"{_path(dataset)}/versions", VersionOut.model_validate, {})

    async def version(self, dataset: Ref, number: int) -> VersionOut:
        """Return one frozen version."""
        return await self._transport.get(VersionOut, f"{_path(dataset)}/versions/{number}")

    async def delete_version(self, dataset: Ref, number: int) -> None:
        """Remove a frozen version; its number is not given out again."""
        await self._transport.remove(f"{_path(dataset)}/versions/{number}")

    async def verify(self, dataset: Ref, number: int, *, start: int = 0) -> VerificationOut:
        """Compare images of a version with what is in storage; again with `next_start` until that is None."""
        path = f"{_path(dataset)}/versions/{number}/verify"
        call = Call("POST", path, params={"start": start}, is_repeatable=True, silence_s=FREEZE_SILENCE_S)
        return await self._transport.read(VerificationOut, call)

    async def export(
        self,
        dataset: Ref,
        *,
        format: str,
        to: FilePath,
        version: int | None = None,
        progress: bool | None = None,
        on_bytes: OnBytes | None = None,
    ) -> Path:
        """Write a dataset as a ZIP: imagefolder, coco, oml-csv, parquet or huggingface; without a version as it is."""
        call = Call("GET", f"{_path(dataset)}/export", params={"format": format, "version": version})
        await self._transport.save(call, to, progress=progress, on_bytes=on_bytes)
        return Path(to)


def _path(dataset: Ref) -> str:
    return f"/datasets/{in_path(id_of(dataset))}"


def _edit(path: str, body: dict[str, Any], lock_token: int | None) -> Call:
    return Call("POST", path, json=body, headers=under_lock(lock_token), is_repeatable=True)
