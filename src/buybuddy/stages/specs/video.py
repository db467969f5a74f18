"""Cutting a product out of its video and reading what is printed on it."""

from typing import Literal

from pydantic import Field

from buybuddy.stages.specs.payload import Payload


class SegmentationSettings(Payload):
    """How frames are cut out. Defaults are what the platform uses when nobody chooses."""

    segmenter: Literal["auto", "u2netp"] = "auto"
    frame_size_px: int = Field(518, ge=64, le=2048)
    margin_fraction: float = Field(0.06, ge=0.0, lt=0.4, description="Empty border on each side, of the frame's side.")
    max_frames: int = Field(60, ge=1, le=1000)
    min_mask_fraction: float = Field(0.01, gt=0.0, lt=1.0, description="A smaller mask is no product.")


class SegmentVideoSpec(Payload):
    """Cut a product out of its video and read what is printed on it."""

    stage: Literal["segment_video"] = "segment_video"
    video_key: str
    output_prefix: str
    expected_barcode: str | None = None
    settings: SegmentationSettings = SegmentationSettings()


class VideoFacts(Payload):
    """What the container and the decoder say; sizes are upright, after the rotation was applied."""

    duration_s: float
    width_px: int
    height_px: int
    codec: str
    n_frames: int
    rotation_deg: int = 0


class FrameQuality(Payload):
    """Measures of one cut-out; all in [0, 1] but `sharpness`, a variance of the Laplacian inside the mask."""

    sharpness: float
    mask_fraction: float = Field(description="Mask area over the area of the source frame.")
    completeness: float = Field(description="1 when nothing of the outline touches the picture's border.")
    occlusion: float = Field(description="Share of the outline hidden by a hand or another thing; 0 is free.")
    confidence: float = Field(description="How sure the segmenter is of this mask.")
    score: float = Field(description="What the primary image is chosen by.")


class FrameRecord(Payload):
    """One accepted frame: an RGB picture on black and its 8-bit alpha matte, both square and aligned."""

    key: str
    matte_key: str
    thumbnail_key: str
    frame_index: int = Field(description="0, 1, 2 ... among the accepted frames.")
    video_time_s: float = Field(description="From the frame's own timestamp, relative to the first picture.")
    source_frame: int = Field(description="0-based position in decoding order.")
    source_box_xyxy: tuple[float, float, float, float] = Field(
        description="Where the square was taken from, in source pixels."
    )
    width_px: int
    height_px: int
    size_bytes: int
    sha256: str
    quality: FrameQuality


class NutritionFacts(Payload):
    serving_size: str | None = None
    calories: str | None = None
    total_fat: str | None = None
    protein: str | None = None
    carbohydrates: str | None = None
    sugar: str | None = None


class BrandInfo(Payload):
    brand_name: str | None = None
    sub_brand: str | None = None
    manufacturer_country: str | None = None


class ProductIdentity(Payload):
    product_name: str | None = None
    variant_flavor: str | None = None
    product_category: str | None = None
    container_type: str | None = None


class PackConfiguration(Payload):
    type: str | None = None
    item_count: int | None = None


class Identifiers(Payload):
    barcode: str | None = None
    sku_model_code: str | None = None


class Specifications(Payload):
    net_quantity_text: str | None = None
    pack_configuration: PackConfiguration = PackConfiguration()
    identifiers: Identifiers = Identifiers()


class MarketingAndClaims(Payload):
    claims_list: tuple[str, ...] = ()
    marketing_description: str | None = None


class VisualGrounding(Payload):
    grounding_prompt: str = "product"
    alternatives: tuple[str, ...] = Field((), description="Up to three, from specific to general.")


class ExtractionMetadata(Payload):
    visibility_score: int = Field(0, ge=0, le=100)
    issues_detected: tuple[str, ...] = ()


class ProductMetadata(Payload):
    """What could be read from the pack. Unread fields stay None: nothing is invented."""

    brand_info: BrandInfo = BrandInfo()
    product_identity: ProductIdentity = ProductIdentity()
    specifications: Specifications = Specifications()
    marketing_and_claims: MarketingAndClaims = MarketingAndClaims()
    nutrition_facts: NutritionFacts = NutritionFacts()
    visual_grounding: VisualGrounding = VisualGrounding()
    extraction_metadata: ExtractionMetadata = ExtractionMetadata()
    reader: str = Field("offline", description="Which reader, with its version.")
    barcodes_seen: tuple[str, ...] = Field((), description="Every valid code decoded, most often seen first.")


class SegmentVideoResult(Payload):
    stage: Literal["segment_video"] = "segment_video"
    video: VideoFacts
    frames: tuple[FrameRecord, ...] = Field(min_length=1)
    primary_frame_index: int
    metadata: ProductMetadata
    rejected: dict[str, int] = Field(description="Frames looked at and left out, counted by reason.")
    segmenter: str = Field(description="Name and version, e.g. 'u2netp+flow/1'.")

    def summary(self) -> dict[str, object]:
        """Return what a job shows of it."""
        return {
            "frame_count": len(self.frames),
            "rejected": self.rejected,
            "segmenter": self.segmenter,
            "frames_prefix": self.frames[0].key.rsplit("/", 1)[0],
            "metadata": self.metadata.model_dump(mode="json"),
        }
