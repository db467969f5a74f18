"""The offline metadata reader: barcodes from all views, text from the few best, fields by rule."""

from collections.abc import Sequence

import numpy as np

from buybuddy.ml.metadata.barcodes import is_same_article, is_valid_barcode, rank_barcodes, read_barcodes
from buybuddy.ml.metadata.container import guess_container
from buybuddy.ml.metadata.naming import Names, choose_names, stack_lines
from buybuddy.ml.metadata.reading import (
    BrandReading,
    ExtractionReading,
    GroundingReading,
    IdentifierReading,
    IdentityReading,
    LabelView,
    MarketingReading,
    NutritionReading,
    PackReading,
    ProductReading,
    SpecificationReading,
    TextLine,
)
from buybuddy.ml.metadata.rules import (
    find_category,
    find_claims,
    find_country,
    find_sku,
    is_nutrition_text,
    join_split_amounts,
    parse_net_quantity,
    read_nutrition,
)
from buybuddy.ml.metadata.text_reader import measure_text_share, read_text_lines
from buybuddy.ml.metadata.view_choice import choose_views, is_turned

READER_NAME = "offline:zxing-cpp+pp-ocrv6/1"

_N_BARCODE_VIEWS = 24
_N_GLANCES = 16
_N_FIRST_VIEWS = 4
_N_TEXT_VIEWS = 7
_BLURRED_BELOW = 25.0
# "per 100 g" in small print is what a table refers to, not what is in the pack.
_REFERENCE_AMOUNTS = ("100 g", "100 ml")
_SMALL_PRINT = 0.045
_NO_NUTRITION = NutritionReading()


def read_metadata(views: Sequence[LabelView], expected_barcode: str | None, *, n_threads: int) -> ProductReading:
    """Read what is printed on a product.

    Args:
        views: looks at the product, in any order; about ten to thirty over the whole clip are best.
        expected_barcode: what the platform believes; only compared, never filled in.
        n_threads: threads for the networks.
    Returns: the reading; an empty one with its reasons when there are no views.
    """
    order = sorted(range(len(views)), key=lambda k: -views[k].sharpness)[:_N_BARCODE_VIEWS]
    sightings = {k: read_barcodes(views[k].image_rgb) for k in order}
    seen = rank_barcodes(sightings.values())
    with_code = [k for k in order if any(code in seen for code in sightings[k])][:1]
    worth = np.zeros(len(views))
    in_time = sorted(range(len(views)), key=lambda k: views[k].video_time_s)
    for k in in_time[:: max(1, -(-len(views) // _N_GLANCES))]:
        worth[k] = measure_text_share(views[k], n_threads=n_threads)
    chosen = choose_views(views, _N_TEXT_VIEWS, worth, first=with_code)
    container = guess_container([view.matte for view in views], is_turned=is_turned(views))
    issues = _find_view_issues(views)
    lines: list[TextLine] = []
    for n_read, k in enumerate(chosen):
        if n_read >= _N_FIRST_VIEWS and _is_enough(build_reading(lines, seen, container, None)):
            break
        lines += read_text_lines(views[k], k, n_threads=n_threads)
    return build_reading(lines, seen, container, expected_barcode, issues)


def _is_enough(reading: ProductReading) -> bool:
    """Tell whether more views would hardly add: all names and the amount are there and no table is half read."""
    identity, facts = reading.product_identity, reading.nutrition_facts
    names = (reading.brand_info.brand_name, identity.product_name, identity.variant_flavor)
    figures = (facts.calories, facts.total_fat, facts.protein, facts.carbohydrates, facts.sugar)
    is_table_whole = all(figures) or not any(figures)
    return all(names) and reading.specifications.net_quantity_text is not None and is_table_whole


def _find_view_issues(views: Sequence[LabelView]) -> tuple[str, ...]:
    if not views:
        return ("no view of the product",)
    issues = []
    if max(view.sharpness for view in views) < _BLURRED_BELOW:
        issues.append("all views are blurred")
    if max(int(np.count_nonzero(view.matte > 127)) for view in views) < 150 * 150:
        issues.append("the product is small in every view")
    return tuple(issues)


def build_reading(
    lines: Sequence[TextLine],
    barcodes_seen: Sequence[str],
    container: str | None,
    expected_barcode: str | None,
    view_issues: Sequence[str] = (),
) -> ProductReading:
    """Make metadata of what was read; pure.

    Args:
        lines: text of all views.
        barcodes_seen: valid codes, most often seen first.
        container: guessed container or None.
        expected_barcode: what the platform believes.
        view_issues: what is already known to be wrong with the views.
    Returns: the reading; what was not read stays None.
    """
    names = choose_names(lines)
    stacked = stack_lines(lines)
    category = find_category(lines)
    nutrition = read_nutrition(lines)
    quantity, pack = find_net_quantity(lines, nutrition)
    issues = [*view_issues, *_compare_barcodes(barcodes_seen, expected_barcode)]
    if not lines and "no view of the product" not in issues:
        issues.append("no text could be read")
    elif lines and names.brand_name is None:
        issues.append("no brand or product name could be read")
    return ProductReading(
        brand_info=BrandReading(names.brand_name, None, find_country(stacked)),
        product_identity=IdentityReading(names.product_name, names.variant_flavor, category, container),
        specifications=SpecificationReading(
            quantity, pack, IdentifierReading(barcodes_seen[0] if barcodes_seen else None, find_sku(stacked))
        ),
        marketing_and_claims=MarketingReading(find_claims(stacked), names.description),
        nutrition_facts=nutrition,
        visual_grounding=_build_grounding(names, category, container),
        extraction_metadata=ExtractionReading(
            _score_visibility(lines, names, quantity, nutrition, bool(barcodes_seen)), tuple(issues)
        ),
        reader=READER_NAME,
        barcodes_seen=tuple(barcodes_seen),
    )


def find_net_quantity(
    lines: Sequence[TextLine], nutrition: NutritionReading = _NO_NUTRITION
) -> tuple[str | None, PackReading]:
    """Find the net quantity: the largest amount in print that is no row of the nutrition table.

    An amount seen in several views wins over one seen once; a multipack wins over the amount inside it.
    """
    weight: dict[str, float] = {}
    packs: dict[str, PackReading] = {}
    lines = join_split_amounts(lines)
    rows = [line for line in lines if is_nutrition_text(line.text)]
    figures = set(vars(nutrition).values())
    tables = {row.view for row in rows if sum(other.view == row.view for other in rows) >= 2}
    for line in lines:
        parsed = parse_net_quantity(line.text)
        if parsed is None or _stands_in_table(line, rows):
            continue
        text, pack = parsed
        if text in _REFERENCE_AMOUNTS and (line.height < _SMALL_PRINT or any(row.view == line.view for row in rows)):
            continue
        bonus = 1.5 if pack.item_count else 1.0
        has_fraction = "." in text or "," in text
        if has_fraction and text.endswith(" g") and any(row.view == line.view for row in rows):
            continue  # a figure of the table whose name was not read
        if line.view in tables or has_fraction:
            bonus *= 0.3
        if text in figures:
            continue
        weight[text] = max(weight.get(text, 0.0) * 1.15, line.height * line.score * bonus)
        packs[text] = pack
    if not weight:
        return None, PackReading()
    best = max(weight, key=lambda text: weight[text])
    return best, packs[best]


def _stands_in_table(line: TextLine, rows: Sequence[TextLine]) -> bool:
    same_view = [row for row in rows if row.view == line.view and row is not line]
    beside = any(abs(row.y - line.y) < 0.8 * max(row.height, line.height) for row in same_view)
    ys = [row.y for row in same_view]
    between = len(ys) >= 2 and min(ys) - line.height < line.y < max(ys) + line.height
    return line in rows or beside or between


def _compare_barcodes(seen: Sequence[str], expected: str | None) -> list[str]:
    issues = []
    if not seen:
        issues.append("no barcode could be decoded")
    if expected and seen and not any(is_same_article(code, expected) for code in seen):
        issues.append(f"barcode mismatch: expected {expected}, seen {', '.join(seen)}")
    if expected and not is_valid_barcode(expected.strip()):
        issues.append(f"the expected barcode {expected} has no valid check digit")
    if len(seen) > 1:
        issues.append(f"several barcodes seen: {', '.join(seen)}")
    return issues


def _build_grounding(names: Names, category: str | None, container: str | None) -> GroundingReading:
    words = [word for word in (names.brand_name, names.product_name) if word]
    prompts = []
    if words:
        prompts.append(" ".join([*words, container or ""]).strip())
    if category:
        prompts.append(f"{category} {container}" if container else category)
    if container:
        prompts.append(container)
    prompts.append("product")
    unique = list(dict.fromkeys(prompts))
    return GroundingReading(unique[0], tuple(unique[1:4]))


def _score_visibility(
    lines: Sequence[TextLine], names: Names, quantity: str | None, nutrition: NutritionReading, has_barcode: bool
) -> int:
    if not lines:
        return 15 if has_barcode else 0
    sure = sum(line.score for line in lines) / len(lines)
    parts = (
        (25, names.brand_name is not None),
        (20, names.product_name is not None),
        (15, quantity is not None),
        (20, has_barcode),
        (10, nutrition.calories is not None),
    )
    return round(sum(points for points, is_read in parts if is_read) * sure + 10 * sure)
