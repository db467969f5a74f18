"""Work on rows: it has no stage, and is done in the database (domain/jobs/batches.py)."""

from typing import Literal

from pydantic import Field

from buybuddy.stages.specs.payload import Payload


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
