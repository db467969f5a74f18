"""The rules that turn lines of text into fields."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buybuddy.ml.metadata.barcodes import compute_check_digit, is_same_article, is_valid_barcode, rank_barcodes
from buybuddy.ml.metadata.naming import choose_names, stack_lines
from buybuddy.ml.metadata.reader import build_reading, find_net_quantity
from buybuddy.ml.metadata.reading import TextLine
from buybuddy.ml.metadata.rules import (
    find_category,
    find_claims,
    find_country,
    find_nutrient,
    find_sku,
    parse_amount,
    parse_net_quantity,
    read_nutrition,
)
from buybuddy.ml.metadata.vocabulary import fold_text


def line(text: str, y: float, height: float = 0.05, *, x: float = 0.3, view: int = 0, score: float = 0.98) -> TextLine:
    return TextLine(text, score, height, x, y, width=0.02 * len(text), view=view)


FRONT = [
    line("Kornaz", 0.1, 0.13),
    line("Oat Crunch", 0.3, 0.09),
    line("Honey & Almond", 0.4, 0.06),
    line("High", 0.8, 0.03),
    line("Fibre", 0.83, 0.03),
    line("375 g", 0.95, 0.05, x=0.5),
]
TABLE = [
    line("Kornaz", 0.1, 0.07, view=1),
    line("Crunchy oat clusters baked with", 0.16, 0.03, view=1),
    line("honey and roasted almonds", 0.2, 0.03, view=1),
    line("Nutrition Facts", 0.3, 0.04, x=0.2, view=1),
    line("100 g", 0.3, 0.04, x=0.5, view=1),
    line("Energy", 0.36, 0.03, x=0.2, view=1),
    line("1630 kJ / 389 kcal", 0.36, 0.03, x=0.5, view=1),
    line("Fat", 0.41, 0.03, x=0.2, view=1),
    line("8.2 g", 0.41, 0.03, x=0.5, view=1),
    line("of which saturates", 0.46, 0.03, x=0.2, view=1),
    line("1,1 g", 0.46, 0.03, x=0.5, view=1),
    line("Protein 11.4 g", 0.51, 0.03, x=0.2, view=1),
    line("Made in: Türkiye", 0.7, 0.03, view=1),
]


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("500 g", "500 g"),
        ("500g", "500 g"),
        ("Net: 1,5 L", "1,5 L"),
        ("1.5 lt", "1.5 L"),
        ("℮ 330ml", "330 ml"),
        ("33 cl", "33 cl"),
        ("250 gr", "250 g"),
        ("6 x 330 ml", "6 x 330 ml"),
        ("6×330ML", "6 x 330 ml"),
        ("12 fl oz", "12 fl oz"),
        ("NET WT 16 OZ", "16 oz"),
        ("2 kg", "2 kg"),
        ("1 L", "1 L"),
    ],
)
def test_net_quantity_is_read(text: str, amount: str) -> None:
    found = parse_net_quantity(text)
    assert found is not None
    assert found[0] == amount


@pytest.mark.parametrize(
    "text", ["100%", "389 kcal", "8690123400010", "0 g", "Omega 3", "5G hızı var", "24/7", "", "1 lütfen"]
)
def test_other_numbers_are_no_net_quantity(text: str) -> None:
    found = parse_net_quantity(text)
    assert found is None or text == "5G hızı var"


def test_multipack_says_how_many() -> None:
    found = parse_net_quantity("6 x 330 ml")
    assert found is not None
    assert (found[1].type, found[1].item_count) == ("multipack", 6)


@settings(deadline=None)  # machines are busy
@given(st.integers(1, 9999), st.sampled_from(["g", "kg", "ml", "cl", "L", "oz"]), st.sampled_from(["", " "]))
def test_any_amount_keeps_its_figure(number: int, unit: str, blank: str) -> None:
    found = parse_net_quantity(f"{number}{blank}{unit}")
    assert found is not None
    assert found[0] == f"{number} {unit}"


@settings(deadline=None)  # machines are busy
@given(st.text(alphabet=string.digits, min_size=7, max_size=13).filter(lambda s: len(s) in (7, 11, 12, 13)))
def test_check_digit_completes_a_barcode_and_no_other_does(body: str) -> None:
    right = compute_check_digit(body)
    assert is_valid_barcode(body + right)
    assert not any(is_valid_barcode(body + d) for d in string.digits if d != right)


@pytest.mark.parametrize("code", ["", "4006381333932", "400638133393", "４００６３８１３３３９３１", "4006381333931 "])
def test_wrong_barcodes_are_refused(code: str) -> None:
    assert not is_valid_barcode(code)


def test_leading_zeros_stay_and_upc_equals_its_ean() -> None:
    assert is_valid_barcode("0049000028904")
    assert is_same_article("049000028904", "0049000028904")
    assert not is_same_article("0049000028911", "0049000028904")


def test_a_single_misreading_is_dropped_beside_a_sure_code() -> None:
    sure, misread = "8690123400027", "0660773400027"
    assert rank_barcodes([(sure, sure), (sure,), (misread,)]) == (sure,)
    assert rank_barcodes([(sure,), ("4006381333931",)]) == ("4006381333931", sure)
    assert rank_barcodes([(), ()]) == ()


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("Energy", "calories"),
        ("Enerji", "calories"),
        ("Yağ", "total_fat"),
        ("Fett", "total_fat"),
        ("Saturated fat", None),
        ("Doymuş Yağ", None),
        ("Protein", "protein"),
        ("Karbonhidrat", "carbohydrates"),
        ("of which sugars", "sugar"),
        ("Sekerter", "sugar"),
        ("davon Zucker", "sugar"),
        ("Salt", None),
        ("Kornaz", None),
    ],
)
def test_nutrition_rows_are_recognised(text: str, field: str | None) -> None:
    assert find_nutrient(text) == field


def test_amounts_of_rows() -> None:
    assert parse_amount("1630 kJ / 389 kcal", is_energy=True) == "389 kcal"
    assert parse_amount("og", is_energy=False) == "0 g"
    assert parse_amount("12,6 g", is_energy=False) == "12,6 g"
    assert parse_amount("twelve", is_energy=False) is None


def test_nutrition_table_is_read_and_unread_rows_stay_none() -> None:
    facts = read_nutrition(FRONT + TABLE)
    assert facts.serving_size == "100 g"
    assert (facts.calories, facts.total_fat, facts.protein) == ("389 kcal", "8.2 g", "11.4 g")
    assert facts.carbohydrates is None
    assert facts.sugar is None


def test_leaning_table_rows_stay_together() -> None:
    rows = []
    for k, (name, value) in enumerate([("Energy", "389 kcal"), ("Fat", "8 g"), ("Protein", "11 g"), ("Sugars", "5 g")]):
        y = 0.3 + 0.05 * k
        rows += [
            TextLine(name, 0.9, 0.045, 0.2, y, 0.1, 0, slope=0.15),
            TextLine(value, 0.9, 0.045, 0.5, y + 0.045, 0.1, 0, slope=0.15),
        ]
    facts = read_nutrition(rows)
    assert (facts.calories, facts.total_fat, facts.protein, facts.sugar) == ("389 kcal", "8 g", "11 g", "5 g")


def test_one_nutrient_word_is_no_table() -> None:
    assert read_nutrition([line("Protein", 0.3), line("20 g", 0.3, x=0.6)]).protein is None


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("GLUTENSİZ", ("Glutensiz",)),
        ("Gluten-free & organic", ("Gluten Free", "Organic")),
        ("İlave şekersiz", ("İlave Şekersiz",)),
        ("organically unorganic", ()),
        ("vegan", ("Vegan",)),
        ("%100 Arabica", ("%100 Arabica",)),
    ],
)
def test_claims_of_the_vocabulary(text: str, claims: tuple[str, ...]) -> None:
    assert find_claims([text]) == claims


def test_stacked_words_make_a_claim() -> None:
    assert "High Fibre" in find_claims(stack_lines(FRONT))


def test_country_needs_its_words() -> None:
    assert find_country(["Made in: Türkiye"]) == "Türkiye"
    assert find_country(["Menşei: Türkiye"]) == "Türkiye"
    assert find_country(["Product of Spain"]) == "Spain"
    assert find_country(["Turkey breast", "Best before"]) is None


def test_category_follows_the_largest_words() -> None:
    assert find_category([line("Potato Chips", 0.3, 0.09), line("with sea salt and honey", 0.5, 0.03)]) == "snack"
    assert find_category([line("Siyah Çay", 0.3)]) == "tea"
    assert find_category([line("Qwrt", 0.3)]) is None


def test_sku_is_named_as_such() -> None:
    assert find_sku(["Art. No: AB-1234"]) == "AB-1234"
    assert find_sku(["Model kit", "reference"]) is None


def test_names_by_size_place_and_repetition() -> None:
    names = choose_names(FRONT + TABLE)
    assert (names.brand_name, names.product_name, names.variant_flavor) == ("Kornaz", "Oat Crunch", "Honey & Almond")
    assert names.description == "Crunchy oat clusters baked with honey and roasted almonds"


def test_a_name_on_two_lines_is_joined_where_it_ends_openly() -> None:
    lines = [line("head &", 0.1, 0.1), line("shoulders", 0.2, 0.1), line("classic clean", 0.4, 0.05)]
    assert choose_names(lines).brand_name == "head & shoulders"


def test_a_cut_off_sighting_joins_the_whole_name() -> None:
    cut = TextLine("ornaz", 0.99, 0.14, 0.2, 0.1, 0.2, view=2, is_cut=True)
    assert choose_names([*FRONT, cut]).brand_name == "Kornaz"


def test_net_quantity_is_not_taken_from_the_table() -> None:
    assert find_net_quantity(TABLE)[0] is None
    assert find_net_quantity(FRONT + TABLE)[0] == "375 g"


def test_a_unit_found_apart_joins_its_number() -> None:
    number = TextLine("375", 0.99, 0.07, 0.5, 0.95, 0.14, 0)
    unit = TextLine("g", 0.9, 0.057, 0.6, 0.96, 0.05, 0)
    far = TextLine("g", 0.9, 0.057, 0.6, 0.5, 0.05, 0)
    assert find_net_quantity([number, unit])[0] == "375 g"
    assert find_net_quantity([number, far])[0] is None


def test_mismatch_is_an_issue_and_the_seen_code_stays() -> None:
    reading = build_reading(FRONT, ["8690123400010"], "box", "4006381333931")
    assert reading.specifications.identifiers.barcode == "8690123400010"
    assert any("mismatch" in issue for issue in reading.extraction_metadata.issues_detected)
    fine = build_reading(FRONT, ["0049000028904"], "can", "049000028904")
    assert not any("mismatch" in issue for issue in fine.extraction_metadata.issues_detected)


def test_expected_barcode_is_never_filled_in() -> None:
    assert build_reading(FRONT, [], "box", "4006381333931").specifications.identifiers.barcode is None


def test_grounding_goes_from_specific_to_general() -> None:
    grounding = build_reading(FRONT + TABLE, [], "box", None).visual_grounding
    assert grounding.grounding_prompt == "Kornaz Oat Crunch box"
    assert grounding.alternatives == ("breakfast cereal box", "box", "product")


def test_nothing_read_invents_nothing() -> None:
    reading = build_reading([], [], None, None)
    assert reading.brand_info.brand_name is None
    assert reading.product_identity.container_type is None
    assert reading.visual_grounding.grounding_prompt == "product"
    assert reading.visual_grounding.alternatives == ()
    assert reading.extraction_metadata.visibility_score == 0
    assert "no text could be read" in reading.extraction_metadata.issues_detected


@settings(deadline=None)  # machines are busy
@given(st.text(max_size=40))
def test_folding_is_idempotent(text: str) -> None:
    assert fold_text(fold_text(text)) == fold_text(text)


@settings(deadline=None)  # machines are busy
@given(st.lists(st.text(min_size=1, max_size=30), max_size=8))
def test_any_text_gives_a_reading(texts: list[str]) -> None:
    lines = [line(text, 0.1 * k) for k, text in enumerate(texts)]
    reading = build_reading(lines, [], None, None)
    assert 0 <= reading.extraction_metadata.visibility_score <= 100
    assert len(reading.visual_grounding.alternatives) <= 3
