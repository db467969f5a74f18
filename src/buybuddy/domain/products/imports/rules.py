"""How the cells of a file become a product's fields; no database, no file format.

An empty cell leaves the field as it is, `<clear>` empties it. The columns of our own export are known by their names,
everybody else's by aliases in English and Turkish; case, accents, blanks and punctuation of a name do not matter.
"""

import re
import unicodedata
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from buybuddy.domain.products.bulk.rules import TEXT_FIELDS
from buybuddy.domain.products.lists.filters import ProductStatus
from buybuddy.errors import InvalidInput

ImportMode = Literal["create_and_update", "update_only", "create_only"]
RowKind = Literal["create", "update", "unchanged", "error"]

CLEAR = "<clear>"
LONGEST_BARCODE = 32
MOST_BARCODES = 20
TOO_MANY_BARCODES = f"A product has at most {MOST_BARCODES} barcodes in a file."
MOST_COLUMNS = 200
TEMPLATE_COLUMNS = ("barcode", "brand_name", "product_name", "variant_flavor", "category", "status")

STATUSES: dict[str, str] = {status: status for status in get_args(ProductStatus)} | {
    "bekliyor": "pending",
    "isleniyor": "processing",
    "eslestirilecek": "needs_matching",
    "hazir": "ready",
    "reddedildi": "rejected",
}
ALIASES: dict[str, tuple[str, ...]] = {
    "id": ("id", "productid", "urunid"),
    "barcode": ("barcode", "barcodes", "ean", "ean13", "gtin", "upc", "barkod", "barkodlar", "barkodno"),
    "brand_name": ("brandname", "brand", "marka", "markaadi"),
    "sub_brand": ("subbrand", "altmarka"),
    "product_name": ("productname", "product", "name", "urunadi", "urun", "ad"),
    "variant_flavor": ("variantflavor", "variant", "flavor", "flavour", "varyant", "cesit", "aroma"),
    "category": ("category", "productcategory", "kategori"),
    "container_type": ("containertype", "container", "packaging", "ambalaj", "ambalajtipi", "kap"),
    "net_quantity": ("netquantity", "quantity", "netmiktar", "miktar", "gramaj"),
    "manufacturer_country": ("manufacturercountry", "country", "ulke", "uretimulkesi", "mense"),
    "marketing_description": ("marketingdescription", "description", "aciklama", "tanim"),
    "grounding_prompt": ("groundingprompt",),
    "status": ("status", "durum"),
}
_FIELD_OF = {alias: name for name, aliases in ALIASES.items() for alias in aliases}

_DEFUSED = re.compile(r"(^|[;\t\r\n])'(?=[=+\-@\t\r\n])")  # what our export does to what begins a formula
_SCIENTIFIC = re.compile(r"[+-]?\d+(?:[.,]\d+)?[eE][+-]?\d+")
_BARCODE = re.compile(r"[0-9A-Za-z]{1,32}")


@dataclass(frozen=True)
class Cell:
    """What a file has in one place.

    Args:
        damage: why its text cannot be trusted for a code.
        is_lost: what somebody wrote is not in the file any more, so that no field can be read from it.
    """

    text: str
    damage: str | None = None
    is_lost: bool = False


@dataclass(frozen=True)
class CellError:
    """What is wrong in one place of a file; `column` is its name in the file."""

    column: str
    value: str
    reason: str


@dataclass(frozen=True)
class Columns:
    """Which column of a file is which field.

    Args:
        names: as the file has them.
        fields: the field of each column, None for one that is ignored.
    """

    names: tuple[str, ...]
    fields: tuple[str | None, ...]

    @property
    def recognised(self) -> list[str]:
        return [name for name, field_ in zip(self.names, self.fields, strict=True) if field_ is not None]

    @property
    def ignored(self) -> list[str]:
        return [name for name, field_ in zip(self.names, self.fields, strict=True) if field_ is None and name]

    def name_of(self, field_: str) -> str:
        return self.names[self.fields.index(field_)] if field_ in self.fields else field_


@dataclass(frozen=True)
class ParsedRow:
    """A row of a file, its values cleaned; `values` holds what is to be written, None for what is to be emptied."""

    row_no: int
    product_id: uuid.UUID | None
    barcodes: tuple[str, ...]
    values: Mapping[str, str | None]
    errors: tuple[CellError, ...] = field(default=())

    @property
    def label(self) -> str:
        parts = (self.values.get("brand_name"), self.values.get("product_name"))
        named = " ".join(part for part in parts if part)
        return named or ", ".join(self.barcodes) or str(self.product_id or f"row {self.row_no}")


def read_header(names: Sequence[str]) -> Columns:
    """Find out which column is which. Raises: InvalidInput when none says which product a row is about."""
    shown = tuple(_plain(name)[:200] for name in names)
    fields = tuple(_FIELD_OF.get(fold_name(name)) for name in shown)
    for field_ in set(fields) - {None, "barcode"}:
        same = [name for name, other in zip(shown, fields, strict=True) if other == field_]
        if len(same) > 1:
            raise InvalidInput(f"The columns {' and '.join(map(repr, same))} are both {field_}; keep one of them.")
    if not {"id", "barcode"} & set(fields):
        raise InvalidInput(
            f"The first row names no column 'id' or 'barcode'; it has {', '.join(map(repr, shown[:10])) or 'no names'}."
        )
    return Columns(shown, fields)


def fold_name(name: str) -> str:
    """Return a name without case, accents, blanks and punctuation; İ, I, ı and i are one letter."""
    decomposed = unicodedata.normalize("NFKD", name.replace("ı", "i").replace("İ", "i")).casefold()
    return "".join(letter for letter in decomposed if letter.isalnum())


def clean_text(text: str) -> str:
    """Return a cell's text as it is compared and kept: line ends as one, no blanks around, our export's mark undone."""
    armed = _DEFUSED.sub(r"\1", text)
    return armed.replace("\r\n", "\n").replace("\r", "\n").strip().strip("\ufeff")


def parse_row(row_no: int, columns: Columns, cells: Sequence[Cell]) -> ParsedRow:
    """Clean and check a row by itself; what other rows and the catalogue say comes later."""
    product_id: uuid.UUID | None = None
    barcodes: list[str] = []
    values: dict[str, str | None] = {}
    errors: list[CellError] = []
    for name, field_, cell in zip(columns.names, columns.fields, cells, strict=False):
        text = clean_text(cell.text)
        if field_ is None or not text:
            continue
        try:
            if cell.is_lost and cell.damage is not None:
                raise InvalidInput(cell.damage)
            if field_ == "id":
                product_id = _parse_id(text)
            elif field_ == "barcode":
                barcodes += _parse_barcodes(text, cell.damage)
            elif field_ == "status":
                values["status"] = _parse_status(text)
            else:
                values[field_] = _parse_text(text, TEXT_FIELDS[field_])
        except InvalidInput as error:
            errors.append(CellError(name, text[:200].replace("\x00", "\N{REPLACEMENT CHARACTER}"), error.detail))
    if product_id is None and not barcodes and not errors:
        wanted = next(name for name in ("barcode", "id") if name in columns.fields)
        errors.append(CellError(columns.name_of(wanted), "", "The row does not say which product it is about."))
    codes = tuple(dict.fromkeys(barcodes))
    if len(codes) > MOST_BARCODES:  # in many columns
        errors.append(CellError(columns.name_of("barcode"), "", TOO_MANY_BARCODES))
    return ParsedRow(row_no, product_id, codes[:MOST_BARCODES], values, tuple(errors))


def _parse_id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise InvalidInput("This is no product id.") from None


def _parse_barcodes(text: str, damage: str | None) -> list[str]:
    if damage is not None:
        raise InvalidInput(damage)
    codes = [part.replace(" ", "") for part in text.split("|")]
    for code in filter(None, codes):
        if _SCIENTIFIC.fullmatch(code):
            raise InvalidInput("A spreadsheet has shortened this code and lost digits; format the column as text.")
        if not _BARCODE.fullmatch(code):
            raise InvalidInput(f"This is no barcode: digits and letters only, at most {LONGEST_BARCODE}.")
    if len(codes) > MOST_BARCODES:
        raise InvalidInput(TOO_MANY_BARCODES)
    return [code for code in codes if code]


def _parse_status(text: str) -> str:
    status = STATUSES.get(fold_name(text)) or STATUSES.get(text.casefold().replace(" ", "_"))
    if status is None:
        raise InvalidInput(f"There is no such status; there are {', '.join(get_args(ProductStatus))}.")
    return status


def _parse_text(text: str, longest: int) -> str | None:
    if text.casefold() == CLEAR:
        return None
    if len(text) > longest:
        raise InvalidInput(f"The text has {len(text)} characters; at most {longest} are kept.")
    if "\x00" in text:
        raise InvalidInput("A text cannot hold the character NUL.")
    return text


def differs(current: str | None, wanted: str | None) -> bool:
    """Return whether a cell asks for something else than a product has, as far as a file can say."""
    return clean_text(current or "") != (wanted or "")


def _plain(name: str) -> str:
    return "".join(letter for letter in name if letter.isprintable()).strip()
