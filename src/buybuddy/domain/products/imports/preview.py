"""What a file would do to the catalogue: each row compared with the product that it is about, nothing written there."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Row

from buybuddy.domain.products.imports import repository
from buybuddy.domain.products.imports.rules import (
    CellError,
    Columns,
    ImportMode,
    ParsedRow,
    RowKind,
    differs,
)
from buybuddy.infra.db import Session


@dataclass
class Preview:
    """The rows that were compared so far, as far as later ones must know of them.

    Args:
        barcodes: the number of the row that each barcode was in.
        products: the number of the row that each product was changed by.
    """

    import_id: uuid.UUID
    mode: ImportMode
    columns: Columns
    barcodes: dict[str, int] = field(default_factory=dict)
    products: dict[uuid.UUID, int] = field(default_factory=dict)
    counts: dict[RowKind, int] = field(default_factory=lambda: {"create": 0, "update": 0, "unchanged": 0, "error": 0})

    async def add(self, session: Session, rows: Sequence[ParsedRow]) -> None:
        """Compare more rows with the catalogue and keep what they would do."""
        owners = await repository.owners_of(session, [code for row in rows for code in row.barcodes])
        ids = {row.product_id for row in rows if row.product_id is not None} | set(owners.values())
        products = await repository.products_by_id(session, list(ids))
        await repository.add_rows(session, self.import_id, [self._compare(row, owners, products) for row in rows])

    def _compare(
        self, row: ParsedRow, owners: Mapping[str, uuid.UUID], products: Mapping[uuid.UUID, Row[Any]]
    ) -> dict[str, object]:
        product, errors = self._find_product(row, owners, products)
        errors = [*row.errors, *errors] or list(self._errors_among_rows(row, product))
        before: dict[str, object] = {}
        changes: dict[str, object] = {name: value for name, value in row.values.items() if value is not None}
        barcodes = list(row.barcodes)
        kind: RowKind = "create"
        if product is not None:
            changes = {name: value for name, value in row.values.items() if differs(getattr(product, name), value)}
            before = {name: getattr(product, name) for name in changes}
            barcodes = [code for code in row.barcodes if code not in product.barcodes]
            kind = "update" if changes or barcodes else "unchanged"
        if errors:
            kind, before, changes, barcodes = "error", {}, {}, []
        self.counts[kind] += 1
        return {
            "row_no": row.row_no,
            "kind": kind,
            "label": row.label[:300],
            "product_id": str(product.id) if product is not None else None,
            "version": product.version if product is not None else None,
            "before": before,
            "changes": changes,
            "barcodes": barcodes,
            "errors": [asdict(error) for error in errors],
        }

    def _find_product(
        self, row: ParsedRow, owners: Mapping[str, uuid.UUID], products: Mapping[uuid.UUID, Row[Any]]
    ) -> tuple[Row[Any] | None, list[CellError]]:
        """Find the product that a row is about: by its id, else by any of its barcodes; None for a new one."""
        owned = {code: owners[code] for code in row.barcodes if code in owners}
        product_id = row.product_id or next(iter(owned.values()), None)
        product = products.get(product_id) if product_id is not None else None
        if row.errors:
            return product, []
        if row.product_id is not None and product is None:
            return None, [self._error("id", str(row.product_id), "There is no product with this id.")]
        strangers = [code for code, owner in owned.items() if owner != product_id]
        errors = [self._error("barcode", code, "This barcode belongs to another product.") for code in strangers]
        if self.mode == "create_only" and product is not None:
            errors.append(self._error("barcode", ", ".join(row.barcodes), "There is such a product already."))
        if self.mode == "update_only" and product is None:
            errors.append(self._error("barcode", ", ".join(row.barcodes), "No product has this barcode."))
        return product, errors

    def _errors_among_rows(self, row: ParsedRow, product: Row[Any] | None) -> Iterable[CellError]:
        for code in row.barcodes:
            earlier = self.barcodes.setdefault(code, row.row_no)
            if earlier != row.row_no:
                yield self._error("barcode", code, f"Row {earlier} has the same barcode.")
        if product is not None:
            earlier = self.products.setdefault(product.id, row.row_no)
            if earlier != row.row_no:
                yield self._error("id", str(product.id), f"Row {earlier} is about the same product.")

    def _error(self, field_: str, value: str, reason: str) -> CellError:
        return CellError(self.columns.name_of(field_), value, reason)
