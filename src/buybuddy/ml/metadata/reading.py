"""The shapes that go into and come out of the metadata reader; `asdict(ProductReading)` fits the stage's model."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class LabelView:
    """One look at the product.

    image_rgb: (H, W, 3) uint8 RGB, a crop of the full-resolution frame around the product.
    matte: (H, W) uint8, 255 where the product is.
    sharpness: variance of the Laplacian inside the mask. video_time_s: where in the video it was seen.
    """

    image_rgb: npt.NDArray[np.uint8]
    matte: npt.NDArray[np.uint8]
    sharpness: float
    video_time_s: float


@dataclass(frozen=True)
class TextLine:
    """One line of text in one view.

    score: the reader's confidence in [0, 1]. height, x, y, width: of the line, in units of the product's visible
    height; x and y are the centre, measured from the product's top left corner. view: index of the view.
    is_upright: False where the line runs up or down the pack. slope: how much y grows per x along the line.
    is_cut: the line ends where the product stops being visible, so letters may be missing.
    """

    text: str
    score: float
    height: float
    x: float
    y: float
    width: float
    view: int
    is_upright: bool = True
    slope: float = 0.0
    is_cut: bool = False


@dataclass(frozen=True)
class NutritionReading:
    """Figures as printed, for one serving or for the reference amount in `serving_size`."""

    serving_size: str | None = None
    calories: str | None = None
    total_fat: str | None = None
    protein: str | None = None
    carbohydrates: str | None = None
    sugar: str | None = None


@dataclass(frozen=True)
class BrandReading:
    """Who makes it."""

    brand_name: str | None = None
    sub_brand: str | None = None
    manufacturer_country: str | None = None


@dataclass(frozen=True)
class IdentityReading:
    """What it is."""

    product_name: str | None = None
    variant_flavor: str | None = None
    product_category: str | None = None
    container_type: str | None = None


@dataclass(frozen=True)
class PackReading:
    """How many things are in the pack, where that is printed."""

    type: str | None = None
    item_count: int | None = None


@dataclass(frozen=True)
class IdentifierReading:
    """Codes on the pack: a barcode is only here when it was decoded."""

    barcode: str | None = None
    sku_model_code: str | None = None


@dataclass(frozen=True)
class SpecificationReading:
    """Amount and codes."""

    net_quantity_text: str | None = None
    pack_configuration: PackReading = PackReading()
    identifiers: IdentifierReading = IdentifierReading()


@dataclass(frozen=True)
class MarketingReading:
    """What the pack says of itself."""

    claims_list: tuple[str, ...] = ()
    marketing_description: str | None = None


@dataclass(frozen=True)
class GroundingReading:
    """Words by which a segmenter can find the product; alternatives go from specific to general."""

    grounding_prompt: str = "product"
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExtractionReading:
    """How well the pack could be read, and what stood in the way."""

    visibility_score: int = 0
    issues_detected: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProductReading:
    """Everything that was read; a field that was not read is None."""

    brand_info: BrandReading = BrandReading()
    product_identity: IdentityReading = IdentityReading()
    specifications: SpecificationReading = SpecificationReading()
    marketing_and_claims: MarketingReading = MarketingReading()
    nutrition_facts: NutritionReading = NutritionReading()
    visual_grounding: GroundingReading = GroundingReading()
    extraction_metadata: ExtractionReading = ExtractionReading()
    reader: str = "offline"
    barcodes_seen: tuple[str, ...] = field(default=())
