"""Which of the lines is the brand, which the product's name, which its variant: by size, place and repetition."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from buybuddy.ml.metadata.reading import TextLine
from buybuddy.ml.metadata.rules import find_claims, find_country, is_nutrition_text, parse_net_quantity
from buybuddy.ml.metadata.vocabulary import CATEGORIES, SMALL_PRINT_WORDS, fold_text

_SAME = 0.82
_CATEGORY_WORDS = {word for words in CATEGORIES.values() for word in words}


@dataclass(frozen=True)
class Phrase:
    """The same printed words seen in one or more views; geometry is that of the largest upright sighting."""

    text: str
    height: float
    y: float
    views: frozenset[int]
    score: float
    is_cut: bool


@dataclass(frozen=True)
class Names:
    """What the pack calls itself."""

    brand_name: str | None = None
    product_name: str | None = None
    variant_flavor: str | None = None
    description: str | None = None


def _is_part(short: str, long: str) -> bool:
    return len(short) >= 3 and short in long


def _is_same(first: str, second: str) -> bool:
    a, b = fold_text(first).replace(" ", ""), fold_text(second).replace(" ", "")
    return a == b or _is_part(a, b) or _is_part(b, a) or SequenceMatcher(None, a, b).ratio() >= _SAME


def group_phrases(lines: Sequence[TextLine]) -> list[Phrase]:
    """Bring together the sightings of the same words; a cut-off sighting ("ornaz") joins the whole one ("Kornaz").

    Args:
        lines: all lines of all views.
    Returns: phrases, the largest first.
    """
    groups: list[list[TextLine]] = []
    # Long readings open groups, so that fragments find them.
    for line in sorted(lines, key=lambda item: (-len(item.text) * item.score, item.view, item.y)):
        letters = fold_text(line.text)
        if len(re.sub(r"[^a-z0-9]", "", letters)) < 2:
            continue
        home = next((g for g in groups if _is_same(g[0].text, line.text) and _may_join(g[0], line)), None)
        if home is None:
            groups.append([line])
        else:
            home.append(line)
    phrases = []
    for group in groups:
        whole = [item for item in group if len(item.text) >= 0.8 * len(group[0].text)]
        best = max(whole, key=lambda item: (not item.is_cut, _support(item, group)))
        largest = max((item for item in whole if item.is_upright), key=lambda item: item.height, default=best)
        phrases.append(
            Phrase(
                text=best.text,
                height=largest.height,
                y=largest.y,
                views=frozenset(item.view for item in group),
                score=best.score,
                is_cut=all(item.is_cut for item in whole),
            )
        )
    return sorted(phrases, key=lambda phrase: -phrase.height)


def _may_join(whole: TextLine, part: TextLine) -> bool:
    # A brand printed large in front and small on the back is one; a name inside a long line is a phrase of its own.
    if fold_text(whole.text) == fold_text(part.text):
        return True
    times = whole.height / max(part.height, 1e-6)
    if len(whole.text.split()) - len(part.text.split()) < 2:
        return 0.45 < times < 2.2
    return part.is_cut and 0.6 < times < 1.7


def _support(line: TextLine, group: Sequence[TextLine]) -> float:
    """Sum the scores of the sightings that say the same or a part of it; an upright line is read more surely."""
    own = fold_text(line.text).replace(" ", "")
    parts = sum(o.score for o in group if fold_text(o.text).replace(" ", "") in own)
    exact = sum(o.score for o in group if o.text == line.text)
    return (parts + exact) * (1.0 if line.is_upright else 0.6)


def _is_name_like(text: str) -> bool:
    letters = re.sub(r"[^a-z]", "", fold_text(text))
    if len(letters) < 3 or len(letters) < 0.6 * len(text.replace(" ", "")):
        return False
    if parse_net_quantity(text) or is_nutrition_text(text) or find_country([text]):
        return False
    if any(word in fold_text(text) for word in SMALL_PRINT_WORDS):
        return False
    claims = find_claims([text])
    return not any(len(fold_text(claim)) > 0.6 * len(text) for claim in claims)


def _is_generic(text: str) -> bool:
    return fold_text(text) in _CATEGORY_WORDS


def _brand_worth(phrase: Phrase, tallest: float) -> float:
    worth = phrase.height / tallest + 0.22 * (min(len(phrase.views), 4) - 1) + 0.3 * max(0.0, 0.6 - phrase.y)
    worth -= 0.25 * max(0, len(phrase.text.split()) - 2)
    worth += 0.15 * (phrase.score - 0.9) - (0.5 if phrase.is_cut else 0.0)
    return worth - (0.6 if _is_generic(phrase.text) else 0.0)


def choose_names(lines: Sequence[TextLine]) -> Names:
    """Choose brand, product name, variant and description.

    The brand is tall, high up and repeated on several sides; the name is the next largest near it; the variant stands
    under the name; the description is the longest sentence.

    Args:
        lines: all lines of all views.
    Returns: the names; None where nothing fits.
    """
    phrases = group_phrases(join_open_lines(lines))
    names = [phrase for phrase in phrases if _is_name_like(phrase.text) and phrase.score >= 0.75]
    if not names:
        return Names()
    tallest = max(phrase.height for phrase in names)
    brand = max(names, key=lambda phrase: _brand_worth(phrase, tallest))
    rest = [
        phrase
        for phrase in names
        if phrase is not brand
        and not _is_same(phrase.text, brand.text)
        and not _is_misread(phrase, brand)
        and len(phrase.text.split()) <= 5
        and phrase.height > 0.2 * brand.height
    ]
    product = max(rest, key=lambda phrase: _name_worth(phrase, brand), default=None)
    variant = None
    if product is not None:
        # Best is a whole phrase right under the name.
        below = [
            phrase
            for phrase in rest
            if phrase is not product
            and not _is_same(phrase.text, product.text)
            and 0.3 * product.height < phrase.height < 2.2 * product.height
            and not phrase.text[:1].islower()
            and phrase.views & product.views
            and phrase.score >= 0.85
            and -0.4 * product.height < phrase.y - product.y < 3.0 * max(product.height, phrase.height)
        ]
        variant = min(
            below,
            key=lambda phrase: abs(phrase.y - product.y) - 0.8 * phrase.height + (0.1 if phrase.is_cut else 0.0),
            default=None,
        )
    return Names(
        brand_name=brand.text,
        product_name=product.text if product else None,
        variant_flavor=variant.text if variant else None,
        description=_find_description(lines, {brand.text, product.text if product else ""}),
    )


def _is_misread(phrase: Phrase, brand: Phrase) -> bool:
    """Tell whether a phrase is the brand seen badly: no longer than it, it begins or ends like it."""
    a, b = fold_text(phrase.text), fold_text(brand.text)
    return len(a) <= len(b) + 1 and (a[:3] == b[:3] or a[-3:] == b[-3:]) and not _is_generic(phrase.text)


def _name_worth(phrase: Phrase, brand: Phrase) -> float:
    worth = phrase.height / brand.height + 0.1 * min(len(phrase.views) - 1, 2)
    worth -= 0.8 * max(0.0, brand.y - phrase.y)  # names stand under the brand
    worth -= 0.25 * max(0, len(phrase.text.split()) - 3) + (0.12 if phrase.is_cut else 0.0)
    worth -= 0.3 if phrase.text[:1].islower() else 0.0  # the rest of a sentence or of a word
    return worth + (0.35 if _has_category_word(phrase.text) else 0.0)


def _has_category_word(text: str) -> bool:
    folded = f" {fold_text(text)} "
    return any(f" {word} " in folded for word in _CATEGORY_WORDS)


def stack_lines(lines: Sequence[TextLine]) -> list[str]:
    """Join lines that stand right under each other in one view ("High" over "Fibre"), up to three at a time.

    Returns: the joined texts, beside each line's own text.
    """
    texts = [line.text for line in lines]
    for line in lines:
        joined, last = line.text, line
        for _ in range(2):
            under = [
                other
                for other in lines
                if other.view == last.view
                and 0.5 * last.height < other.y - last.y < 2.0 * max(last.height, other.height)
                and abs(other.x - last.x) < 0.5 * max(last.width, other.width)
                and 0.55 < other.height / max(last.height, 1e-6) < 1.8
            ]
            if not under:
                break
            current = last
            last = min(under, key=lambda other: (other.y - current.y) + abs(other.x - current.x))
            joined = f"{joined} {last.text}"
            texts.append(joined)
    return texts


def join_open_lines(lines: Sequence[TextLine]) -> list[TextLine]:
    """Join a line that ends openly ("head &") with the line of like size right under it."""
    joined: list[TextLine] = []
    used: set[int] = set()
    for line in lines:
        if not line.text.rstrip().endswith(("&", "+")):
            continue
        under = [
            k
            for k, other in enumerate(lines)
            if other.view == line.view
            and 0.4 * line.height < other.y - line.y < 1.9 * line.height
            and 0.6 < other.height / max(line.height, 1e-6) < 1.7
            and abs(other.x - line.x) < max(line.width, other.width)
        ]
        if under:
            used |= {lines.index(line), under[0]}
            mate = lines[under[0]]
            score = min(line.score, mate.score)
            width = max(line.width, mate.width)
            joined.append(replace(line, text=f"{line.text} {mate.text}", score=score, width=width))
    return [line for k, line in enumerate(lines) if k not in used] + joined


def _find_description(lines: Sequence[TextLine], names: set[str]) -> str | None:
    best: str | None = None
    for line in lines:
        if not _opens_sentence(line) or line.text in names:
            continue
        texts = stack_lines([line, *(o for o in lines if o.view == line.view and _continues(line, o))])
        longest = max((t for t in texts if t.startswith(line.text)), key=len)
        if len(longest.split()) >= 4 and (best is None or len(longest) > len(best)):
            best = longest
    return best


def _opens_sentence(line: TextLine) -> bool:
    return (
        len(line.text.split()) >= 3
        and line.text[:1].isupper()
        and line.score >= 0.9
        and not line.is_cut
        and _is_name_like(line.text)
    )


def _continues(line: TextLine, other: TextLine) -> bool:
    return (
        other is not line
        and 0 < other.y - line.y < 3.4 * line.height
        and 0.75 < other.height / max(line.height, 1e-6) < 1.3
        and not other.is_cut
        and other.text[:1].islower()
        and not is_nutrition_text(other.text)
        and parse_net_quantity(other.text) is None
    )
