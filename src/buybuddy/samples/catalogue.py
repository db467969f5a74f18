"""The invented products that the renderer knows: what is printed on each and what its package looks like."""

from dataclasses import dataclass
from typing import Literal

Rgb = tuple[int, int, int]
ContainerType = Literal["box", "can", "bottle", "pouch"]
Layout = Literal["band", "oval", "diagonal", "minimal"]
Motif = Literal[
    "flakes", "cocoa", "tea", "citrus", "cola", "fish", "chips", "paprika", "coffee", "olive", "peach", "waves"
]


@dataclass(frozen=True)
class SampleNutrition:
    """Figures of the nutrition table, per `serving_size`, as printed; None where the package has no table."""

    serving_size: str
    calories: str
    total_fat: str
    protein: str
    carbohydrates: str
    sugar: str


@dataclass(frozen=True)
class PackageLook:
    """How a package is drawn; `size_cm` is (width, height, depth), `colours` are background, accent, ink and light."""

    size_cm: tuple[float, float, float]
    colours: tuple[Rgb, Rgb, Rgb, Rgb]
    layout: Layout
    motif: Motif
    profile: str = ""
    gloss: float = 0.25


@dataclass(frozen=True)
class SampleProduct:
    """One invented product: the truth that a reader of its pictures is measured against."""

    slug: str
    barcode: str
    brand_name: str
    product_name: str
    variant_flavor: str | None
    category: str
    container_type: ContainerType
    net_quantity: str
    claims: tuple[str, ...]
    nutrition: SampleNutrition | None
    description: str
    manufacturer_country: str
    look: PackageLook


_PRODUCTS: tuple[SampleProduct, ...] = (
    SampleProduct(
        slug="kornaz-honey-crunch",
        barcode="8690123400010",
        brand_name="Kornaz",
        product_name="Oat Crunch",
        variant_flavor="Honey & Almond",
        category="breakfast cereal",
        container_type="box",
        net_quantity="375 g",
        claims=("Whole Grain", "No Added Sugar", "High Fibre"),
        nutrition=SampleNutrition("100 g", "389 kcal", "8.2 g", "11.4 g", "62.0 g", "4.9 g"),
        description="Crunchy oat clusters baked with honey and roasted almonds",
        manufacturer_country="Türkiye",
        look=PackageLook(
            (17.0, 25.0, 6.0), ((246, 190, 44), (196, 52, 30), (92, 40, 16), (255, 249, 228)), "oval", "flakes"
        ),
    ),
    SampleProduct(
        slug="fizzo-orange",
        barcode="0049000028904",
        brand_name="Fizzo",
        product_name="Sparkling Drink",
        variant_flavor="Orange",
        category="soft drink",
        container_type="can",
        net_quantity="330 ml",
        claims=("No Added Sugar", "Vegan"),
        nutrition=SampleNutrition("100 ml", "19 kcal", "0 g", "0 g", "4.6 g", "4.4 g"),
        description="Carbonated soft drink with orange juice",
        manufacturer_country="Germany",
        look=PackageLook(
            (6.6, 12.2, 6.6),
            ((240, 118, 22), (20, 76, 150), (255, 255, 255), (255, 226, 150)),
            "diagonal",
            "citrus",
            "can",
            0.8,
        ),
    ),
    SampleProduct(
        slug="lavina-repair-shampoo",
        barcode="8691234500026",
        brand_name="Lavina",
        product_name="Shampoo",
        variant_flavor="Repair & Shine",
        category="shampoo",
        container_type="bottle",
        net_quantity="400 ml",
        claims=("Vegan", "Paraben Free", "Dermatologically Tested"),
        nutrition=None,
        description="Care for dry and damaged hair with argan oil and keratin",
        manufacturer_country="Türkiye",
        look=PackageLook(
            (7.4, 20.5, 7.4),
            ((236, 232, 240), (112, 58, 140), (74, 34, 96), (214, 184, 226)),
            "minimal",
            "waves",
            "shampoo",
            0.55,
        ),
    ),
    SampleProduct(
        slug="crispo-sea-salt",
        barcode="4006381333931",
        brand_name="Crispo",
        product_name="Potato Chips",
        variant_flavor="Sea Salt",
        category="snack",
        container_type="pouch",
        net_quantity="150 g",
        claims=("Gluten Free", "No Palm Oil"),
        nutrition=SampleNutrition("100 g", "536 kcal", "33.0 g", "6.5 g", "51.0 g", "0.6 g"),
        description="Crispy potato chips fried in sunflower oil",
        manufacturer_country="Netherlands",
        look=PackageLook(
            (18.0, 26.0, 6.5),
            ((28, 110, 186), (250, 208, 40), (255, 255, 255), (172, 220, 250)),
            "oval",
            "chips",
            "",
            0.7,
        ),
    ),
    SampleProduct(
        slug="kornaz-cocoa-crunch",
        barcode="8690123400027",
        brand_name="Kornaz",
        product_name="Oat Crunch",
        variant_flavor="Cocoa & Hazelnut",
        category="breakfast cereal",
        container_type="box",
        net_quantity="375 g",
        claims=("Whole Grain", "High Fibre"),
        nutrition=SampleNutrition("100 g", "412 kcal", "12.6 g", "9.8 g", "60.3 g", "14.2 g"),
        description="Crunchy oat clusters baked with cocoa and hazelnuts",
        manufacturer_country="Türkiye",
        look=PackageLook(
            (17.0, 25.0, 6.0), ((150, 92, 52), (196, 52, 30), (66, 30, 12), (255, 240, 214)), "oval", "cocoa"
        ),
    ),
    SampleProduct(
        slug="fizzo-cola",
        barcode="0049000028911",
        brand_name="Fizzo",
        product_name="Sparkling Drink",
        variant_flavor="Cola",
        category="soft drink",
        container_type="can",
        net_quantity="330 ml",
        claims=("Zero Sugar", "Vegan"),
        nutrition=SampleNutrition("100 ml", "1 kcal", "0 g", "0 g", "0.1 g", "0 g"),
        description="Carbonated soft drink with plant extracts",
        manufacturer_country="Germany",
        look=PackageLook(
            (6.6, 12.2, 6.6),
            ((138, 16, 28), (24, 20, 24), (255, 255, 255), (236, 150, 120)),
            "diagonal",
            "cola",
            "can",
            0.8,
        ),
    ),
    SampleProduct(
        slug="olivera-olive-oil",
        barcode="8410012345679",
        brand_name="Olivera",
        product_name="Olive Oil",
        variant_flavor="Extra Virgin",
        category="cooking oil",
        container_type="bottle",
        net_quantity="750 ml",
        claims=("Organic", "Cold Pressed"),
        nutrition=SampleNutrition("100 ml", "822 kcal", "91.4 g", "0 g", "0 g", "0 g"),
        description="Superior category olive oil obtained directly from olives",
        manufacturer_country="Spain",
        look=PackageLook(
            (7.2, 27.0, 7.2),
            ((244, 238, 214), (88, 108, 40), (52, 60, 24), (170, 180, 96)),
            "minimal",
            "olive",
            "oil",
            0.9,
        ),
    ),
    SampleProduct(
        slug="kavruk-filter-coffee",
        barcode="8692345600032",
        brand_name="Kavruk",
        product_name="Filtre Kahve",
        variant_flavor="Orta Kavrulmuş",
        category="coffee",
        container_type="pouch",
        net_quantity="250 g",
        claims=("%100 Arabica", "Organik"),
        nutrition=None,
        description="Taze kavrulmuş öğütülmüş kahve",
        manufacturer_country="Türkiye",
        look=PackageLook(
            (12.5, 21.0, 6.5),
            ((36, 32, 34), (200, 148, 84), (246, 236, 220), (120, 84, 52)),
            "minimal",
            "coffee",
            "",
            0.4,
        ),
    ),
    SampleProduct(
        slug="demlik-black-tea",
        barcode="8693456700048",
        brand_name="Demlik",
        product_name="Siyah Çay",
        variant_flavor="Bergamot Aromalı",
        category="tea",
        container_type="box",
        net_quantity="500 g",
        claims=("Katkısız", "Glutensiz"),
        nutrition=None,
        description="Karadeniz yaylalarından özenle toplanan çay",
        manufacturer_country="Türkiye",
        look=PackageLook(
            (11.0, 18.5, 7.0), ((20, 92, 62), (214, 168, 60), (255, 250, 236), (226, 214, 168)), "band", "tea"
        ),
    ),
    SampleProduct(
        slug="mavera-tuna",
        barcode="8694567800054",
        brand_name="Mavera",
        product_name="Ton Balığı",
        variant_flavor="Zeytinyağlı",
        category="canned fish",
        container_type="can",
        net_quantity="160 g",
        claims=("Yüksek Protein", "Katkısız"),
        nutrition=SampleNutrition("100 g", "198 kcal", "10.5 g", "25.8 g", "0 g", "0 g"),
        description="Zeytinyağında dinlendirilmiş bütün dilim ton balığı",
        manufacturer_country="Türkiye",
        look=PackageLook(
            (9.4, 7.0, 9.4),
            ((16, 84, 128), (232, 196, 84), (255, 255, 255), (150, 206, 226)),
            "band",
            "fish",
            "tin",
            0.75,
        ),
    ),
    SampleProduct(
        slug="bahce-peach-nectar",
        barcode="8695678900060",
        brand_name="Bahçe",
        product_name="Meyve Nektarı",
        variant_flavor="Şeftali",
        category="fruit juice",
        container_type="bottle",
        net_quantity="1 L",
        claims=("Koruyucu İçermez", "Vegan"),
        nutrition=SampleNutrition("100 ml", "48 kcal", "0 g", "0.3 g", "11.8 g", "11.2 g"),
        description="Olgun şeftalilerden hazırlanan meyve nektarı",
        manufacturer_country="Türkiye",
        look=PackageLook(
            (8.6, 24.0, 8.6),
            ((255, 236, 206), (226, 92, 48), (120, 40, 20), (250, 176, 96)),
            "band",
            "peach",
            "juice",
            0.7,
        ),
    ),
    SampleProduct(
        slug="crispo-paprika",
        barcode="4006381333948",
        brand_name="Crispo",
        product_name="Potato Chips",
        variant_flavor="Sweet Paprika",
        category="snack",
        container_type="pouch",
        net_quantity="150 g",
        claims=("Gluten Free", "No Palm Oil"),
        nutrition=SampleNutrition("100 g", "529 kcal", "32.0 g", "6.1 g", "52.0 g", "2.8 g"),
        description="Crispy potato chips with sweet paprika seasoning",
        manufacturer_country="Netherlands",
        look=PackageLook(
            (18.0, 26.0, 6.5),
            ((190, 30, 38), (250, 208, 40), (255, 255, 255), (252, 190, 150)),
            "oval",
            "paprika",
            "",
            0.7,
        ),
    ),
)


def list_sample_products(n: int | None = None) -> list[SampleProduct]:
    """List the sample products; the first four show one container type each, the fifth and sixth are siblings.

    Args:
        n: how many, from the front; None for all.
    Returns: the products, always in the same order.
    Raises: ValueError if `n` is negative or more than there are.
    """
    if n is None:
        return list(_PRODUCTS)
    if not 0 <= n <= len(_PRODUCTS):
        raise ValueError(f"n must be between 0 and {len(_PRODUCTS)}, not {n}")
    return list(_PRODUCTS[:n])
