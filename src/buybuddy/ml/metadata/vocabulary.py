"""Words on packs, in the languages they are printed in: claims, categories, nutrients, containers, countries.

All keys are folded (see `fold_text`): lower case, no accents, Turkish dotless i as i.
"""

import re
import unicodedata
from typing import Final

_SPECIAL = str.maketrans({"ı": "i", "İ": "i", "ß": "s", "ø": "o", "æ": "a", "ł": "l", "’": "'"})


def fold_text(text: str) -> str:
    """Lower a text, drop its accents and squeeze its blanks, so that ŞEKER, Şeker and seker are equal."""
    plain = unicodedata.normalize("NFKD", text.translate(_SPECIAL)).casefold()
    bare = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    bare = bare.translate(_SPECIAL)
    return re.sub(r"\s+", " ", bare).strip()


CLAIMS: Final[dict[str, tuple[str, ...]]] = {
    "Gluten Free": ("gluten free", "gluten-free", "free from gluten"),
    "Glutensiz": ("glutensiz", "gluten icermez"),
    "Organic": ("organic",),
    "Organik": ("organik",),
    "Bio": ("bio",),
    "No Added Sugar": ("no added sugar", "no sugar added", "without added sugar"),
    "İlave Şekersiz": ("ilave sekersiz", "seker ilavesiz", "ilave seker icermez", "seker eklenmemistir"),
    "Sugar Free": ("sugar free", "sugar-free", "sugarfree"),
    "Zero Sugar": ("zero sugar", "0% sugar"),
    "Şekersiz": ("sekersiz",),
    "Vegan": ("vegan",),
    "Vegetarian": ("vegetarian", "vejetaryen"),
    "Lactose Free": ("lactose free", "lactose-free"),
    "Laktozsuz": ("laktozsuz",),
    "Whole Grain": ("whole grain", "wholegrain"),
    "Tam Tahıllı": ("tam tahilli", "tam bugday"),
    "High Fibre": ("high fibre", "high fiber", "high in fibre", "high in fiber", "source of fibre"),
    "High Protein": ("high protein", "rich in protein"),
    "Yüksek Protein": ("yuksek protein", "yuksek proteinli"),
    "Low Fat": ("low fat", "low-fat"),
    "Fat Free": ("fat free", "fat-free"),
    "Yağsız": ("yagsiz",),
    "No Palm Oil": ("no palm oil", "palm oil free"),
    "Palm Yağı İçermez": ("palm yagi icermez",),
    "No Preservatives": ("no preservatives", "preservative free"),
    "Koruyucu İçermez": ("koruyucu icermez", "koruyucusuz"),
    "Katkısız": ("katkisiz", "katki maddesi icermez"),
    "No Artificial Colours": ("no artificial colours", "no artificial colors"),
    "GMO Free": ("gmo free", "non gmo", "non-gmo", "gdo'suz", "gdosuz"),
    "Halal": ("halal", "helal"),
    "Kosher": ("kosher",),
    "Fair Trade": ("fair trade", "fairtrade"),
    "Cold Pressed": ("cold pressed", "cold-pressed"),
    "Soğuk Sıkım": ("soguk sikim",),
    "Decaffeinated": ("decaffeinated", "decaf", "kafeinsiz"),
    "100% Natural": ("100% natural", "%100 dogal"),
    "%100 Arabica": ("%100 arabica", "100% arabica"),
    "Paraben Free": ("paraben free", "no parabens", "parabensiz"),
    "Silicone Free": ("silicone free", "no silicones", "silikonsuz"),
    "Dermatologically Tested": ("dermatologically tested", "dermatolojik olarak test"),
    "Cruelty Free": ("cruelty free", "not tested on animals"),
}

CATEGORIES: Final[dict[str, tuple[str, ...]]] = {
    "breakfast cereal": (
        "cereal",
        "corn flakes",
        "cornflakes",
        "muesli",
        "granola",
        "oat crunch",
        "oats",
        "gevrek",
        "oat",
    ),
    "soft drink": ("soft drink", "sparkling drink", "carbonated", "cola", "lemonade", "gazoz", "soda", "gazli icecek"),
    "fruit juice": ("fruit juice", "juice", "nectar", "nektari", "meyve suyu", "nektar"),
    "water": ("mineral water", "spring water", "natural water", "dogal kaynak suyu", "maden suyu"),
    "tea": ("black tea", "green tea", "herbal tea", "siyah cay", "yesil cay", "tea", "cay", "cayi"),
    "coffee": ("coffee", "kahve", "kahvesi", "espresso", "cappuccino"),
    "milk": ("milk", "sut", "sutu", "mjolk", "milch", "lait", "leche", "latte"),
    "oat drink": ("oat drink", "oat milk", "havermelk", "yulaf sutu"),
    "soy drink": ("soy milk", "soya milk", "soy drink", "soya drink"),
    "yogurt": ("yogurt", "yoghurt", "yogurdu"),
    "cream": ("sour cream", "cream", "graddfil", "krema"),
    "cheese": ("cheese", "peynir", "peyniri"),
    "butter": ("butter", "tereyagi"),
    "snack": (
        "potato chips",
        "potato crisps",
        "chips",
        "crisps",
        "cips",
        "cipsi",
        "tortilla",
        "popcorn",
        "crackers",
        "kraker",
    ),
    "biscuit": ("biscuit", "biscuits", "cookies", "biskuvi"),
    "chocolate": ("chocolate", "cikolata", "cikolatasi"),
    "confectionery": ("candy", "chewing gum", "sakiz", "lolipop"),
    "pasta": ("pasta", "spaghetti", "penne", "macaroni", "makarna", "noodle", "noodles"),
    "rice": ("rice", "pirinc", "pilavlik"),
    "canned fish": ("tuna", "sardines", "ton baligi", "mackerel", "salmon"),
    "cooking oil": ("olive oil", "sunflower oil", "zeytinyagi", "aycicek yagi", "aycicegi yagi", "vegetable oil"),
    "sauce": ("ketchup", "mayonnaise", "mayonez", "sauce", "sosu", "salca", "salcasi"),
    "spread": ("jam", "recel", "receli", "honey", "hazelnut spread", "peanut butter"),
    "shampoo": ("shampoo", "sampuan", "sampuani"),
    "shower gel": ("shower gel", "body wash", "dus jeli"),
    "soap": ("soap", "sabun", "sabunu"),
    "toothpaste": ("toothpaste", "dis macunu"),
    "detergent": ("detergent", "deterjan", "deterjani", "laundry", "softener", "yumusatici"),
}

NUTRIENTS: Final[dict[str, tuple[str, ...]]] = {
    "calories": ("energy", "enerji", "energie", "energia", "calories", "kalori", "brennwert", "valeur energetique"),
    "total_fat": ("total fat", "fat", "yag", "toplam yag", "fett", "matieres grasses", "grassi", "grasas", "lipidos"),
    "protein": ("protein", "proteins", "proteines", "proteine", "proteinas", "eiweis", "eiweiss"),
    "carbohydrates": (
        "carbohydrate", "carbohydrates", "total carbohydrate", "karbonhidrat", "karbonhidratlar", "kohlenhydrate",
        "glucides", "carboidrati", "hidratos de carbono",
    ),
    "sugar": (
        "of which sugars", "sugars", "sugar", "seker", "sekerler", "total sugars", "davon zucker",
        "zucker", "dont sucres", "sucres", "di cui zuccheri", "zuccheri", "azucares",
    ),
}  # fmt: skip

OTHER_NUTRIENTS: Final[tuple[str, ...]] = (
    "saturated fat", "saturates", "of which saturates", "trans fat", "doymus yag", "trans yag", "salt", "tuz", "sodium",
    "sodyum", "fibre", "fiber", "lif", "salz", "sel", "cholesterol", "kolesterol", "gesattigte fettsauren",
)  # fmt: skip

TABLE_TITLES: Final[tuple[str, ...]] = (
    "nutrition facts", "nutrition information", "nutrition", "besin degerleri", "besin ogeleri", "nahrwerte",
    "valeurs nutritionnelles", "typical values", "enerji ve besin ogeleri",
)  # fmt: skip

SMALL_PRINT_WORDS: Final[tuple[str, ...]] = (
    "ingredients", "icindekiler", "zutaten", "made in", "mensei", "best before", "son tuketim", "store in", "saklay",
    "directions", "contact with", "www.", ".com", "tel:", "net wt", "packed in",
)  # fmt: skip

COUNTRIES: Final[dict[str, tuple[str, ...]]] = {
    "Türkiye": ("turkiye", "turkey"),
    "Germany": ("germany", "deutschland", "almanya"),
    "Netherlands": ("netherlands", "the netherlands", "hollanda", "nederland"),
    "Spain": ("spain", "espana", "ispanya"),
    "Italy": ("italy", "italia", "italya"),
    "France": ("france", "fransa"),
    "United Kingdom": ("united kingdom", "uk", "england", "ingiltere"),
    "United States": ("usa", "u.s.a.", "united states", "abd"),
    "Sweden": ("sweden", "sverige", "isvec"),
    "Poland": ("poland", "polska", "polonya"),
    "Austria": ("austria", "osterreich", "avusturya"),
    "Switzerland": ("switzerland", "schweiz", "isvicre"),
    "Belgium": ("belgium", "belgie", "belcika"),
    "Greece": ("greece", "yunanistan"),
    "China": ("china", "p.r.c.", "cin"),
    "India": ("india", "hindistan"),
    "Japan": ("japan", "japonya"),
    "Denmark": ("denmark", "danmark"),
    "Finland": ("finland", "suomi"),
    "Norway": ("norway", "norge"),
}
