"""Every Spec and Result: the JSON that crosses the seam between the platform and a stage.

A Spec holds storage keys and parameters, never a secret, a path or a database id that the stage would have to look up.
Old payloads stay readable: fields are added with a default and never change their meaning.
"""

from buybuddy.stages.specs.augmentation import (
    AugmentDatasetResult,
    AugmentDatasetSpec,
    AugmentedImage,
    AugmentSource,
    ImageDomain,
    MadeMatte,
    PictureInput,
)
from buybuddy.stages.specs.batches import (
    ApproveMatchesSpec,
    BatchResult,
    BulkDeleteSpec,
    BulkEditSpec,
    GatherIndexSpec,
    GatherVectorsSpec,
    ImportSpec,
    ItemFailure,
    PlanAugmentationSpec,
    SuggestMatchesSpec,
)
from buybuddy.stages.specs.embedding import (
    DatasetPart,
    EmbedImagesResult,
    EmbedImagesSpec,
    EmbedQueryResult,
    EmbedQuerySpec,
    EncoderIdentity,
    EncoderName,
    FillPart,
    ImageInput,
)
from buybuddy.stages.specs.evaluation import (
    ConfusedPair,
    EvaluateMatchingResult,
    EvaluateMatchingSpec,
    MatchingFigures,
)
from buybuddy.stages.specs.index import (
    BuildIndexResult,
    BuildIndexSpec,
)
from buybuddy.stages.specs.payload import (
    ImageFailure,
    Payload,
)
from buybuddy.stages.specs.pictures import (
    PhotoFacts,
    PhotoInput,
    ReadPhotosResult,
    ReadPhotosSpec,
    TakeInImageResult,
    TakeInImageSpec,
)
from buybuddy.stages.specs.video import (
    BrandInfo,
    ExtractionMetadata,
    FrameQuality,
    FrameRecord,
    Identifiers,
    MarketingAndClaims,
    NutritionFacts,
    PackConfiguration,
    ProductIdentity,
    ProductMetadata,
    SegmentationSettings,
    SegmentVideoResult,
    SegmentVideoSpec,
    Specifications,
    VideoFacts,
    VisualGrounding,
)

__all__ = [
    "ApproveMatchesSpec",
    "AugmentDatasetResult",
    "AugmentDatasetSpec",
    "AugmentSource",
    "AugmentedImage",
    "BatchResult",
    "BatchSpec",
    "BrandInfo",
    "BuildIndexResult",
    "BuildIndexSpec",
    "BulkDeleteSpec",
    "BulkEditSpec",
    "ConfusedPair",
    "DatasetPart",
    "EmbedImagesResult",
    "EmbedImagesSpec",
    "EmbedQueryResult",
    "EmbedQuerySpec",
    "EncoderIdentity",
    "EncoderName",
    "EvaluateMatchingResult",
    "EvaluateMatchingSpec",
    "ExtractionMetadata",
    "FillPart",
    "FrameQuality",
    "FrameRecord",
    "GatherIndexSpec",
    "GatherVectorsSpec",
    "Identifiers",
    "ImageDomain",
    "ImageFailure",
    "ImageInput",
    "ImportSpec",
    "ItemFailure",
    "MadeMatte",
    "MarketingAndClaims",
    "MatchingFigures",
    "NutritionFacts",
    "PackConfiguration",
    "Payload",
    "PhotoFacts",
    "PhotoInput",
    "PictureInput",
    "PlanAugmentationSpec",
    "ProductIdentity",
    "ProductMetadata",
    "ReadPhotosResult",
    "ReadPhotosSpec",
    "Result",
    "SegmentVideoResult",
    "SegmentVideoSpec",
    "SegmentationSettings",
    "Spec",
    "Specifications",
    "StageSpec",
    "SuggestMatchesSpec",
    "TakeInImageResult",
    "TakeInImageSpec",
    "VideoFacts",
    "VisualGrounding",
]

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
