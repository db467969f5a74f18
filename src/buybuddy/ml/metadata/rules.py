"""Pure rules from text to fields: quantities, nutrition tables, claims, categories, countries. Nothing is invented."""

import re
from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher

import numpy as np

from buybuddy.ml.metadata.reading import NutritionReading, PackReading, TextLine
from buybuddy.ml.metadata.vocabulary import (
    CATEGORIES,
    CLAIMS,
    COUNTRIES,
    NUTRIENTS,
    OTHER_NUTRIENTS,
    TABLE_TITLES,
    fold_text,
)

_UNIT = r"(?:kg|mg|gr|g|ml|cl|dl|lt|litres?|liters?|litre|l|fl\.?\s?oz|oz|lbs?)"
_NUMBER = r"\d{1,4}(?:[.,]\d{1,3})?"
_END = r"(?![\w%/])"
_MULTIPACK = re.compile(rf"(?<![\w.,])(\d{{1,3}})\s*[x×*]\s*({_NUMBER})\s*({_UNIT}){_END}", re.IGNORECASE)
_SINGLE = re.compile(rf"(?<![\w.,])({_NUMBER})\s*({_UNIT}){_END}", re.IGNORECASE)
_PIECES = re.compile(
    r"(?<![\w.,])(\d{1,3})\s*(?:'?(?:li|lu|lü|lı)\s+paket|adet|pcs|pieces|tea ?bags|tabs|tablets|stück|rolls)\b",
    re.IGNORECASE,
)
_AMOUNT = re.compile(r"(?<![\w.,])(<?\s?\d{1,4}(?:[.,]\d{1,2})?|[oO])\s*(kcal|kj|mg|g)(?![a-z0-9])", re.IGNORECASE)
_SERVING = re.compile(r"(?:per|pro|serving size|porsiyon|je|pour)?\s*(\d{1,3})\s*(g|ml)(?![a-z])", re.IGNORECASE)
_MADE_IN = re.compile(
    r"(?:made in|product of|produced in|country of origin|origin|mensei(?: ulke)?|uretildigi ulke|hergestellt in|"
    r"fabrique en|hecho en|prodotto in)\s*:?\s*([a-z .]+)"
)
_SKU = re.compile(
    r"\b(?:sku|art\.?\s?(?:no|nr)\.?|model(?:\s?no)?\.?|ref\.?)\s*[:#]?\s*([A-Z0-9][A-Z0-9\-/]{3,})", re.IGNORECASE
)
_FULL_UNITS = {"gr": "g", "lt": "L", "l": "L", "litre": "L", "litres": "L", "liter": "L", "liters": "L", "lbs": "lb"}


def _similar(first: str, second: str) -> float:
    return SequenceMatcher(None, first, second).ratio()


def _tidy_unit(unit: str) -> str:
    bare = re.sub(r"[\s.]+", " ", unit.lower()).strip()
    return "fl oz" if bare.replace(" ", "") == "floz" else _FULL_UNITS.get(bare, bare)


def parse_net_quantity(text: str) -> tuple[str, PackReading] | None:
    """Read an amount as printed on packs: "500 g", "1,5 L", "6 x 330 ml", "12 fl oz".

    Args:
        text: one line.
    Returns: the amount with one blank between number and unit and the decimal mark as printed, and the pack's make-up;
        None when the line holds no amount.
    """
    cleaned = text.replace("℮", " ").replace("·", " ")
    found = _MULTIPACK.search(cleaned)
    if found:
        count = int(found[1])
        if count > 1:
            return f"{count} x {found[2]} {_tidy_unit(found[3])}", PackReading("multipack", count)
    found = _SINGLE.search(cleaned)
    if found and float(found[1].replace(",", ".")) > 0:
        return f"{found[1]} {_tidy_unit(found[2])}", PackReading()
    found = _PIECES.search(cleaned)
    if found and int(found[1]) > 0:
        return found[0].strip(), PackReading("pieces", int(found[1]))
    return None


def join_split_amounts(lines: Sequence[TextLine]) -> list[TextLine]:
    """Join a bare number with the unit that was found as a line of its own just right of it ("375" and "g")."""
    units = [line for line in lines if re.fullmatch(_UNIT, line.text.strip(), re.IGNORECASE)]
    joined = []
    for line in lines:
        is_bare = re.fullmatch(_NUMBER, line.text.strip()) is not None
        mates = [
            unit
            for unit in units
            if is_bare
            and unit.view == line.view
            and abs(unit.y - line.y - line.slope * (unit.x - line.x)) < 0.6 * line.height
            and 0 < unit.x - line.x - (unit.width + line.width) / 2 + 0.5 * line.height < 1.5 * line.height
        ]
        joined.append(replace(line, text=f"{line.text} {mates[0].text}") if mates else line)
    return joined


def find_nutrient(text: str) -> str | None:
    """Tell which field of the nutrition table a row names; None for other rows (saturated fat, salt) and other text."""
    folded = re.sub(r"[^a-z ]+", " ", fold_text(text))
    name = re.sub(r"\b(kcal|kj|g|mg|o)\b", " ", folded)
    name = re.sub(r"\s+", " ", name).strip()
    if len(name) < 3:
        return None
    best, field = 0.0, None
    rows = [*((key, words) for key, words in NUTRIENTS.items()), (None, OTHER_NUTRIENTS)]
    for key, words in rows:
        for word in words:
            ratio = _similar(name, word)
            if len(word) <= 4 and ratio < 1.0:
                continue
            if ratio > best:
                best, field = ratio, key
    return field if best >= 0.8 else None


def parse_amount(text: str, *, is_energy: bool) -> str | None:
    """Read the figure of a nutrition row; energy in kcal before kJ. A lone letter o before a unit is a zero."""
    found = [(m[1].replace(" ", ""), m[2].lower()) for m in _AMOUNT.finditer(text)]
    found = [("0" if n.lower() == "o" else n, "kJ" if u == "kj" else u) for n, u in found]
    wanted = ("kcal", "kJ") if is_energy else ("g", "mg")
    for unit in wanted:
        for number, seen in found:
            if seen == unit:
                return f"{number} {unit}"
    return None


def is_nutrition_text(text: str) -> bool:
    """Tell whether a line belongs to a nutrition table (a title, a nutrient's name, an energy figure)."""
    folded = fold_text(text)
    if any(_similar(folded, title) > 0.82 for title in TABLE_TITLES):
        return True
    return find_nutrient(text) is not None or re.search(r"\d\s*(kcal|kj)\b", folded) is not None


def _table_views(lines: Sequence[TextLine]) -> set[int]:
    counts: dict[int, set[str]] = {}
    for line in lines:
        field = find_nutrient(line.text)
        if field and line.is_upright:
            counts.setdefault(line.view, set()).add(field)
    return {view for view, fields in counts.items() if len(fields) >= 2}


def _level_rows(own: Sequence[TextLine]) -> list[TextLine]:
    """Give all lines of a view slopes from one straight model of slope over height: short words measure badly alone."""
    weights = np.array([line.width for line in own])
    heights, slopes = np.array([line.y for line in own]), np.array([line.slope for line in own])
    if len(own) < 4 or float(np.ptp(heights)) < 0.05:
        return list(own)
    model = np.polynomial.Polynomial.fit(heights, slopes, 1, w=weights)
    return [replace(line, slope=float(model(line.y))) for line in own]


def _misfit(name: TextLine, value: TextLine) -> float:
    """Measure how far a value lies from the row that a name opens, in line heights; rows lean with the perspective."""
    slope = (name.slope + value.slope) / 2
    drop = value.y - name.y - slope * (value.x - name.x)
    return abs(drop) / max(name.height, value.height, 1e-6)


def _pair_rows(own: Sequence[TextLine]) -> list[tuple[str, str, float]]:
    """Pair the names and the figures of one view, nearest rows first; gives (field, amount, score)."""
    rows: list[tuple[str, str, float]] = []
    pairs: list[tuple[float, int, int, str, str, float]] = []
    for i, line in enumerate(own):
        field = find_nutrient(line.text)
        if field is None:
            continue
        is_energy = field == "calories"
        amount = parse_amount(line.text, is_energy=is_energy)
        if amount:
            rows.append((field, amount, line.score))
            continue
        for j, value in enumerate(own):
            figure = parse_amount(value.text, is_energy=is_energy)
            if figure and value.x > line.x and find_nutrient(value.text) is None and _misfit(line, value) < 0.55:
                pairs.append((_misfit(line, value), i, j, field, figure, min(line.score, value.score)))
    names_done: set[int] = set()
    values_done: set[int] = set()
    for _, i, j, field, figure, score in sorted(pairs):
        if i not in names_done and j not in values_done:
            names_done.add(i)
            values_done.add(j)
            rows.append((field, figure, score))
    return rows


def _find_serving(own: Sequence[TextLine]) -> list[tuple[str, float]]:
    """Find the reference amount in the heading over the first row of one view's table."""
    rows = [line for line in own if find_nutrient(line.text)]
    first = min(rows, key=lambda line: line.y)
    step = max(line.height for line in rows)
    found = []
    for line in own:
        match = _SERVING.search(line.text)
        if match is None or int(match[1]) == 0:
            continue
        above = first.y + first.slope * (line.x - first.x) - line.y
        is_title = is_nutrition_text(line.text) and find_nutrient(line.text) is None
        if is_title or 0.5 * step < above < 3.2 * step:
            found.append((f"{match[1]} {match[2].lower()}", line.score))
    return found


def read_nutrition(lines: Sequence[TextLine]) -> NutritionReading:
    """Read a nutrition table from the views that show at least two of its rows; views vote by their scores.

    Args:
        lines: all lines of all views.
    Returns: the figures; a row that was not read is None.
    """
    votes: dict[str, dict[str, float]] = {}
    for view in sorted(_table_views(lines)):
        own = _level_rows([line for line in lines if line.view == view and line.is_upright])
        readings = [(field, amount, score) for field, amount, score in _pair_rows(own)]
        readings += [("serving_size", amount, score) for amount, score in _find_serving(own)]
        for field, amount, score in readings:
            ballot = votes.setdefault(field, {})
            ballot[amount] = ballot.get(amount, 0.0) + score
    values = {field: max(ballot, key=lambda amount: ballot[amount]) for field, ballot in votes.items()}
    if not values.keys() - {"serving_size"}:
        return NutritionReading()
    return NutritionReading(**values)


def find_claims(texts: Sequence[str]) -> tuple[str, ...]:
    """Find the known claims in texts, each once, in the order of the vocabulary; a longer claim hides one inside it."""
    found: list[tuple[str, str]] = []
    folded = [f" {re.sub(r'[^a-z0-9%]+', ' ', fold_text(text))} " for text in texts]
    for claim, phrases in CLAIMS.items():
        for phrase in phrases:
            wanted = f" {re.sub(r'[^a-z0-9%]+', ' ', phrase)} "
            if any(wanted in text for text in folded):
                found.append((claim, wanted))
                break
    hidden = {
        claim
        for claim, phrase in found
        for other, longer in found
        if other != claim and phrase.strip() in longer.strip()
    }
    return tuple(claim for claim, _ in found if claim not in hidden)


def _says(padded_text: str, word: str) -> bool:
    if f" {word} " in padded_text:
        return True
    # A long word may have one letter misread.
    return len(word) >= 6 and any(_similar(piece, word) >= 0.87 for piece in padded_text.split())


def find_category(lines: Sequence[TextLine]) -> str | None:
    """Find the category whose words are printed largest; longer phrases weigh more, nutrition rows do not count."""
    weight: dict[str, float] = {}
    for line in lines:
        if is_nutrition_text(line.text):
            continue
        text = f" {re.sub(r'[^a-z0-9]+', ' ', fold_text(line.text))} "
        for category, words in CATEGORIES.items():
            hit = max((len(word.split()) for word in words if _says(text, word)), default=0)
            if hit:
                weight[category] = max(weight.get(category, 0.0), line.height * line.score * (1 + 0.6 * (hit - 1)))
    return max(weight, key=lambda category: weight[category]) if weight else None


def find_country(texts: Sequence[str]) -> str | None:
    """Find a country that is named as the place of making ("Made in ...", "Menşei: ..."); a bare name is not enough."""
    for text in texts:
        match = _MADE_IN.search(fold_text(text))
        if not match:
            continue
        named = match[1].strip(" .")
        scored = [
            (_similar(named[: len(word) + 2], word), country) for country, words in COUNTRIES.items() for word in words
        ]
        ratio, country = max(scored)
        if ratio >= 0.8:
            return country
    return None


def find_sku(texts: Sequence[str]) -> str | None:
    """Find an article or model number that is named as such."""
    for text in texts:
        match = _SKU.search(text)
        if match and any(c.isdigit() for c in match[1]):
            return match[1]
    return None
