"""Which fields of many products can be changed at once, and how large a piece of work may be."""

# The text fields of a product and the most characters each takes; as in schemas.ProductEdit.
TEXT_FIELDS = {
    "brand_name": 300,
    "sub_brand": 300,
    "product_name": 300,
    "variant_flavor": 300,
    "category": 300,
    "container_type": 100,
    "net_quantity": 100,
    "manufacturer_country": 100,
    "marketing_description": 5000,
    "grounding_prompt": 500,
}
WRITABLE = (*TEXT_FIELDS, "status")


DONE_AT_ONCE = 200  # more than these become a job
LONGEST_SELECTION = 10_000  # by ids; what is chosen by filters has no limit
EDIT_BATCH, DELETE_BATCH, IMPORT_BATCH = 500, 200, 500
KEPT_FOR_DAYS = 30

GONE = "There is no such product, or no longer."
CHANGED = "Somebody has changed it since it was chosen."
IN_WORK = "A video of this product is being processed; cancel its job first."


def text_or_none(text: str | None) -> str | None:
    """Return a text without blanks around it; None for nothing but blanks, which would sort before all others."""
    return (text or "").strip() or None
