"""Every Spec and Result: the JSON that crosses the seam between the platform and a stage.

A Spec holds storage keys and parameters, never a secret, a path or a database id that the stage would have to look up.
Old payloads stay readable: fields are added with a default and never change their meaning.
"""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from buybuddy.infra.vectors import IndexFacts
from buybuddy.recipes import Recipe


class Payload(BaseModel):
    """Base of everything that crosses the seam: immutable, and unknown fields are an error.

    Attributes:
        is_resumable: of a Spec, whether its stage finds by itself what an earlier attempt has made, and goes on; its
            outputs then have the same keys and the same bytes in every attempt.
        has_successor: of a Spec, whether a job of the same type is made when it completes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    is_resumable: ClassVar[bool] = False

    @property
    def has_successor(self) -> bool:
        return False


# --- segment_video ---------------------------------------------------------------------------------------------------


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


# --- embed_images ----------------------------------------------------------------------------------------------------


class EncoderIdentity(Payload):
    """Vectors may be compared only when all of this is equal."""

    name: str
    weights_sha256: str
    preprocessing: str = Field(description="Versioned name of everything done to a picture before the network.")
    dim: int


class ImageInput(Payload):
    """A picture to embed; with a matte, the matte is used instead of segmenting again."""

    image_id: str
    key: str
    matte_key: str | None = None


EncoderName = Literal["auto", "efficientnet-lite0", "efficientnet-lite0-whole"]


class FillPart(Payload):
    """A part of all ids, whose pictures an encoder is filled in with: images first, then photos, from `begin` again."""

    kind: Literal["images", "photos"]
    begin: str
    after: str = Field(description="Where the next job of the chain goes on.")
    until: str


class DatasetPart(Payload):
    """The images of a dataset's products that have no vector yet: the job after this one goes on after an image."""

    dataset_id: str
    after: str


class EmbedImagesSpec(Payload):
    """Embed many stored pictures with one encoder."""

    stage: Literal["embed_images"] = "embed_images"
    images: tuple[ImageInput, ...]
    output_prefix: str
    encoder: EncoderName = "auto"
    fill: FillPart | None = None
    dataset: DatasetPart | None = None

    @property
    def has_successor(self) -> bool:
        return self.fill is not None or self.dataset is not None


class ImageFailure(Payload):
    image_id: str
    reason: str


class EmbedImagesResult(Payload):
    """`vectors_key` holds a float32 .npy of shape (len(image_ids), dim), unit rows in image_ids order."""

    stage: Literal["embed_images"] = "embed_images"
    encoder: EncoderIdentity
    vectors_key: str
    image_ids: tuple[str, ...]
    failures: tuple[ImageFailure, ...] = ()

    def summary(self) -> dict[str, object]:
        """Return what a job shows of it."""
        failures = [failure.model_dump() for failure in self.failures[:100]]
        return {"n_vectors": len(self.image_ids), "encoder": self.encoder.name, "failures": failures}


# --- embed_query -----------------------------------------------------------------------------------------------------


class EmbedQuerySpec(Payload):
    """Embed one photo, of which nothing is known, to search with it. Runs while a person waits."""

    stage: Literal["embed_query"] = "embed_query"
    photo_key: str
    output_prefix: str
    encoder: EncoderName = "auto"


class EmbedQueryResult(Payload):
    """One or more unit vectors of the photo; a product's similarity is the best over them."""

    stage: Literal["embed_query"] = "embed_query"
    encoder: EncoderIdentity
    vectors: tuple[tuple[float, ...], ...]
    product_box_xyxy: tuple[float, float, float, float] | None = None
    barcodes_seen: tuple[str, ...] = ()

    def summary(self) -> dict[str, object]:
        """Return what a job shows of it."""
        return {"n_vectors": len(self.vectors), "encoder": self.encoder.name}


# --- take_in_image ---------------------------------------------------------------------------------------------------


class TakeInImageSpec(Payload):
    """Look at one picture that was sent for a product. Runs while a person waits."""

    stage: Literal["take_in_image"] = "take_in_image"
    image_key: str
    output_prefix: str
    is_shop_picture: bool = Field(False, description="Cut a plain, light background away, where there is one.")


class TakeInImageResult(Payload):
    """Sizes are upright; the matte has the picture's size."""

    stage: Literal["take_in_image"] = "take_in_image"
    width_px: int
    height_px: int
    thumbnail_key: str
    matte_key: str | None = None

    def summary(self) -> dict[str, object]:
        """Return what a job shows of it."""
        return {"width_px": self.width_px, "height_px": self.height_px, "is_cut_out": self.matte_key is not None}


# --- evaluate_matching -----------------------------------------------------------------------------------------------


class EvaluateMatchingSpec(Payload):
    """Rank products for photos and photos for products; the vectors come in parts, each an .npz.

    A part of photos holds `vectors` float32 (n, dim) unit rows, `products` (n,) the id of the product that each shows,
    and `groups` (n,) equal for near-duplicates. A part of products holds `vectors` float32 (m, dim) and `products` (m,)
    ascending: all pictures of a product are in one part, and parts are ascending, too.
    """

    stage: Literal["evaluate_matching"] = "evaluate_matching"
    photo_keys: tuple[str, ...] = Field(min_length=1)
    product_keys: tuple[str, ...] = Field(min_length=1)
    output_prefix: str


class MatchingFigures(Payload):
    """Shares in [0, 1] by their names, such as `cmc@1` and `map@r`."""

    photo_to_product: dict[str, float]
    product_to_photo: dict[str, float]


class ConfusedPair(Payload):
    """How many photos of a product are most similar to another one."""

    product_id: str
    found_product_id: str
    n_photos: int


class EvaluateMatchingResult(Payload):
    """How often photos find their product first, and products their photos."""

    stage: Literal["evaluate_matching"] = "evaluate_matching"
    photo_to_product: dict[str, float] = Field(description="`cmc@1`, `cmc@5`, `cmc@10`, of all photos alike.")
    product_to_photo: dict[str, float] = Field(description="`cmc@1`, `map@r`, of the products that have photos.")
    macro: MatchingFigures = Field(description="The same averaged per product.")
    queries: int = Field(description="Photos that products were ranked for.")
    products: int = Field(description="Products that were ranked for each of them.")
    products_with_photos: int = Field(description="Products that photos were ranked for.")
    n_folded: int = Field(description="Photos for which a near-duplicate stands in the ranking of photos.")
    n_without_picture: int = Field(description="Photos whose product has no picture with a vector any more.")
    confused: tuple[ConfusedPair, ...] = ()

    def summary(self) -> dict[str, object]:
        """Return what a job shows of it."""
        return self.model_dump(mode="json", exclude={"stage", "confused"})


# --- read_photos -----------------------------------------------------------------------------------------------------


class PhotoInput(Payload):
    photo_id: str
    key: str


class ReadPhotosSpec(Payload):
    """Read photos of the pool: what candidates, lists and near-duplicates are found by."""

    stage: Literal["read_photos"] = "read_photos"
    photos: tuple[PhotoInput, ...] = Field(min_length=1, max_length=200)
    output_prefix: str
    encoder: EncoderName = "auto"


class PhotoFacts(Payload):
    """One readable photo; its size is the upright one in the file."""

    photo_id: str
    width_px: int
    height_px: int
    thumbnail_key: str
    phash: int = Field(ge=-(2**63), lt=2**63, description="64 bits; ml/near_duplicates.py says which.")
    barcodes_seen: tuple[str, ...] = ()


class ReadPhotosResult(Payload):
    """The rows of both .npy files are in the order of `photos`.

    `vectors_key`: float32 (n, dim), unit rows. `scenes_key`: uint8 (n, 16, 16, 3) RGB.
    """

    stage: Literal["read_photos"] = "read_photos"
    encoder: EncoderIdentity
    vectors_key: str
    scenes_key: str
    photos: tuple[PhotoFacts, ...] = ()
    failures: tuple[ImageFailure, ...] = ()

    def summary(self) -> dict[str, object]:
        """Return what a job shows of it."""
        failures = [failure.model_dump() for failure in self.failures[:100]]
        return {"n_photos": len(self.photos), "encoder": self.encoder.name, "failures": failures}


# --- build_index -----------------------------------------------------------------------------------------------------


class BuildIndexSpec(Payload):
    """Build a published index of gathered vectors; they come in parts, each an .npz.

    A part holds `vectors` float32 (n, dim) unit rows, `ids` and `products` uint8 (n, 16), the UUIDs of each vector's
    image and product, and `domains` (n,) texts. All together hold `n_vectors`, where it is known how many.
    """

    stage: Literal["build_index"] = "build_index"
    part_keys: tuple[str, ...] = Field(min_length=1)
    n_vectors: int | None = Field(None, ge=1)
    kind: Literal["auto", "exact", "ivf", "hnsw"] = "auto"
    encoder: EncoderIdentity
    dataset_version_id: str
    output_prefix: str


class BuildIndexResult(Payload):
    """The folder below `index_prefix` holds the files that the facts name, and the facts."""

    stage: Literal["build_index"] = "build_index"
    index_prefix: str
    facts: IndexFacts

    def summary(self) -> dict[str, object]:
        """Return what a job shows of it."""
        shown = {"kind", "n_vectors", "n_products", "parameters", "recall_at_10", "recall_at_50", "size_bytes"}
        return self.facts.model_dump(mode="json", include=shown)


# --- augment_dataset -------------------------------------------------------------------------------------------------

ImageDomain = Literal["synthetic", "real"]


class AugmentSource(Payload):
    """A picture that others are made of, and which: `n_wanted` of them, numbered from `first_number` on.

    With a matte it is not segmented again; of a real picture the whole is varied, with or without.
    """

    image_id: str
    product_id: str
    key: str
    sha256: str
    stem: str = Field(pattern=r"^[a-z0-9_]{1,64}$", description="Begins the names of what is made.")
    domain: ImageDomain
    first_number: int = Field(ge=0)
    n_wanted: int = Field(ge=0)
    matte_key: str | None = None


class PictureInput(Payload):
    """A stored picture by its key, and its matte, where there is one."""

    key: str
    matte_key: str | None = None


class AugmentDatasetSpec(Payload):
    """Make pictures of products out of those that there are: a part of a run.

    What `seed`, `recipe`, `backgrounds` and `others` say is the same in every part, so that it does not matter which
    pictures are made by which.
    """

    is_resumable: ClassVar[bool] = True
    stage: Literal["augment_dataset"] = "augment_dataset"
    run_id: str
    shard: int
    sources: tuple[AugmentSource, ...] = Field(min_length=1)
    recipe: Recipe
    seed: int = Field(ge=0)
    backgrounds: tuple[PictureInput, ...] = ()
    others: tuple[PictureInput, ...] = ()
    output_prefix: str

    @property
    def has_successor(self) -> bool:
        return True


class AugmentedImage(Payload):
    """One picture that was made; its bytes follow from source, recipe, seed and number."""

    source_image_id: str
    key: str
    number: int
    step: str = Field(description="Of the recipe; `photo` for those made of real pictures.")
    width_px: int
    height_px: int
    size_bytes: int
    sha256: str


class MadeMatte(Payload):
    """A matte that was missing, made by a segmenter."""

    image_id: str
    key: str
    segmenter: str


class AugmentDatasetResult(Payload):
    """Every picture that there is now, those that an earlier attempt has made among them."""

    stage: Literal["augment_dataset"] = "augment_dataset"
    run_id: str
    images: tuple[AugmentedImage, ...]
    mattes: tuple[MadeMatte, ...] = ()
    sheets: dict[str, str] = Field(default={}, description="Contact sheets: keys by the ids of products.")
    failures: tuple[ImageFailure, ...] = ()

    def summary(self) -> dict[str, object]:
        """Return what a job shows of it."""
        failures = [failure.model_dump() for failure in self.failures[:100]]
        return {"n_images": len(self.images), "n_mattes": len(self.mattes), "failures": failures}


# --- batch work: no stage, its work is in the database (domain/jobs/batches.py) --------------------------------------


class BulkDeleteSpec(Payload):
    """Remove the products that were noted for it (bulk_items)."""

    stage: Literal["bulk_delete"] = "bulk_delete"
    bulk_id: str
    output_prefix: str


class BulkEditSpec(Payload):
    """Change the products that were noted for it (bulk_items)."""

    stage: Literal["bulk_edit"] = "bulk_edit"
    bulk_id: str
    output_prefix: str


class ImportSpec(Payload):
    """Apply the rows of an import as they were previewed (product_import_rows)."""

    stage: Literal["import_products"] = "import_products"
    import_id: str
    output_prefix: str


class GatherVectorsSpec(Payload):
    """Write the vectors that an evaluation of matching needs into parts (match_evaluations)."""

    stage: Literal["gather_vectors"] = "gather_vectors"
    evaluation_id: str
    output_prefix: str

    @property
    def has_successor(self) -> bool:
        return True


class GatherIndexSpec(Payload):
    """Write the vectors of a frozen version's images into parts, for an index (embedding_indexes)."""

    stage: Literal["gather_index"] = "gather_index"
    index_id: str
    output_prefix: str

    @property
    def has_successor(self) -> bool:
        return True


class PlanAugmentationSpec(Payload):
    """Find out what a run of augmentation is to make, and share it out (augmentation_runs)."""

    stage: Literal["plan_augmentation"] = "plan_augmentation"
    run_id: str
    output_prefix: str

    @property
    def has_successor(self) -> bool:
        return True


class SuggestMatchesSpec(Payload):
    """Find products for photos and photos for products by the vectors of one encoder (match_suggestions)."""

    stage: Literal["suggest_matches"] = "suggest_matches"
    encoder_id: str
    photo_ids: tuple[str, ...] = ()
    product_ids: tuple[str, ...] = ()
    is_everything: bool = False
    output_prefix: str


class ApproveMatchesSpec(Payload):
    """Approve the suggestions that are sure enough, by the settings of matching."""

    stage: Literal["approve_matches"] = "approve_matches"
    output_prefix: str


class ItemFailure(Payload):
    """One row that was left as it is, and why."""

    item: str = Field(description="A product's id, or the number of a row in a file.")
    label: str
    reason: str


class BatchResult(Payload):
    """How many rows were done and how many were not, the first of those with their reasons; others were skipped."""

    stage: Literal["batch"] = "batch"
    n_done: int
    n_failed: int
    failures: tuple[ItemFailure, ...] = ()
    n_skipped: int = 0

    def summary(self) -> dict[str, object]:
        """Return what a job shows of it."""
        failures = [failure.model_dump() for failure in self.failures]
        skipped = {"n_skipped": self.n_skipped} if self.n_skipped else {}
        return {"n_done": self.n_done, "n_failed": self.n_failed, "failures": failures, **skipped}


StageSpec = (
    SegmentVideoSpec | EmbedImagesSpec | EmbedQuerySpec | TakeInImageSpec | ReadPhotosSpec | EvaluateMatchingSpec
    | BuildIndexSpec | AugmentDatasetSpec
)  # fmt: skip
BatchSpec = (
    SuggestMatchesSpec | ApproveMatchesSpec | BulkDeleteSpec | BulkEditSpec | ImportSpec | GatherVectorsSpec
    | GatherIndexSpec | PlanAugmentationSpec
)  # fmt: skip
Spec = StageSpec | BatchSpec
Result = (
    SegmentVideoResult | EmbedImagesResult | EmbedQueryResult | TakeInImageResult | ReadPhotosResult
    | EvaluateMatchingResult | BuildIndexResult | AugmentDatasetResult | BatchResult
)  # fmt: skip
