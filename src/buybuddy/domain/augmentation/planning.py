"""Planning a run, in the worker: what each product has, what it lacks, and who makes that."""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence

from buybuddy.domain.augmentation import repository
from buybuddy.domain.augmentation.rules import ProductPlan, Source, Stock, cut_into_shards, plan_product, stem_of
from buybuddy.domain.augmentation.tables import AugmentationRun
from buybuddy.domain.datasets.versions.manifests import ManifestImage, OpenManifest
from buybuddy.domain.datasets.versions.open_manifests import OpenManifests
from buybuddy.domain.jobs.batches import BatchProgress, BatchStep, Checkpoint
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.products.service import product_label
from buybuddy.errors import StageFailed
from buybuddy.infra.db import Session
from buybuddy.infra.storage import ObjectStorage
from buybuddy.stages.specs import ImageDomain, PlanAugmentationSpec

IMAGES_AT_ONCE = 5_000  # of the manifest; a product's images are never divided
EVALUATED = frozenset({"val", "test"})


def build_planning(storage: ObjectStorage, *, images_at_once: int = IMAGES_AT_ONCE) -> BatchStep:
    """Build the step that plans the next products of the manifest, from the image on that the cursor numbers."""

    manifests = OpenManifests(storage)

    async def plan(session: Session, job: Job, checkpoint: Checkpoint) -> BatchProgress:
        spec = PlanAugmentationSpec.model_validate(job.config)
        run = await repository.lock_run(session, uuid.UUID(spec.run_id))
        version = await repository.version_of(session, run) if run is not None else None
        if run is None or version is None:
            raise StageFailed("The frozen version whose products were to be augmented was deleted.")
        start = int(checkpoint.cursor or 0)
        manifest = await manifests.open(job.id, version)
        images = await asyncio.to_thread(_read, manifest, start, images_at_once)
        n_products = await _plan_products(session, run, images, manifest)
        end = start + len(images)
        is_last = end >= version.n_images or not images
        if is_last:
            run.is_planned = True
            manifests.close(job.id)
        after = checkpoint.after(None if is_last else str(end), n_products, [])
        return BatchProgress(after, end / max(version.n_images, 1), f"planning: {after.n_done} products")

    return plan


def _read(manifest: OpenManifest, start: int, n: int) -> list[ManifestImage]:
    """Return whole products' images from the start-th on, n or more of them. Blocking."""
    images: list[ManifestImage] = []
    for some in manifest.read(n, start=start):
        for image in some:
            if len(images) >= n and image.product_id != images[-1].product_id:
                return images
            images.append(image)
    return images


async def _plan_products(
    session: Session, run: AugmentationRun, images: Sequence[ManifestImage], manifest: OpenManifest
) -> int:
    """Write down what is wanted of each product, and the shards that make it; return how many products there are."""
    chosen = [image for image in images if image.split in run.splits]
    split_of = {image.product_id: image.split for image in chosen}
    stocks = await _take_stock(session, chosen, manifest)
    targets: dict[ImageDomain, int] = {"synthetic": run.synthetic_target, "real": run.real_target}
    products = {str(one.id): one for one in await repository.labels_of(session, [uuid.UUID(one) for one in stocks])}
    plans = [plan_product(product_id, stocks[product_id], targets) for product_id in sorted(products)]
    shards = cut_into_shards(plans)
    first = await repository.next_shard_number(session, run.id)
    number_of = {plan.product_id: first + i for i, shard in enumerate(shards) for plan in shard}
    await repository.add_products(
        session,
        [
            _product_row(run, plan, stocks[plan.product_id], product_label(products[plan.product_id]), split_of)
            | {"shard_number": number_of.get(plan.product_id)}
            for plan in plans
        ],
    )
    await repository.add_shards(
        session,
        [
            {
                "run_id": run.id,
                "number": first + i,
                "sources": [source.model_dump(mode="json") for plan in shard for source in plan.sources],
                "n_wanted": sum(plan.n_wanted for plan in shard),
            }
            for i, shard in enumerate(shards)
        ],
    )
    return len(plans)


def _product_row(
    run: AugmentationRun, plan: ProductPlan, stocks: dict[ImageDomain, Stock], label: str, split_of: Mapping[str, str]
) -> dict[str, object]:
    return {
        "run_id": run.id,
        "product_id": uuid.UUID(plan.product_id),
        "label": label,
        "split": split_of[plan.product_id],
        "n_synthetic_before": stocks["synthetic"].n_there,
        "n_real_before": stocks["real"].n_there,
        "n_synthetic_wanted": plan.wanted["synthetic"],
        "n_real_wanted": plan.wanted["real"],
        "reasons": plan.reasons,
    }


async def _take_stock(
    session: Session, images: Sequence[ManifestImage], manifest: OpenManifest
) -> dict[str, dict[ImageDomain, Stock]]:
    """Return what there is of each product: frozen pictures that are still there are what others are made of."""
    rows = await repository.sources_of(session, [uuid.UUID(image.image_id) for image in images])
    mates = await repository.group_mates(session, [row.id for row in rows if row.image_type == "real"])
    beside = {str(product_id) for product_ids in mates.values() for product_id in product_ids}
    split_of: dict[str, str] = await asyncio.to_thread(manifest.splits_of, beside) if beside else {}
    split_of |= {image.product_id: image.split for image in images}
    sources: dict[str, dict[ImageDomain, list[Source]]] = defaultdict(lambda: {"synthetic": [], "real": []})
    leaking: dict[str, int] = defaultdict(int)
    for row in rows:
        product_id = str(row.product_id)
        if _leaks(split_of.get(product_id), [split_of.get(str(mate)) for mate in mates.get(row.id, ())]):
            leaking[product_id] += 1
            continue
        domain: ImageDomain = "real" if row.image_type == "real" else "synthetic"
        sources[product_id][domain].append(
            Source(
                image_id=str(row.id),
                key=row.storage_key,
                sha256=row.sha256,
                stem=stem_of(row.frame_index, row.id),
                matte_key=row.matte_key,
                next_number=row.next_number,
            )
        )
    there = await repository.count_there(session, sorted({uuid.UUID(image.product_id) for image in images}))
    return {
        product_id: {
            "synthetic": Stock(n_synthetic, sources[product_id]["synthetic"]),
            "real": Stock(n_real, sources[product_id]["real"], leaking[product_id]),
        }
        for product_id, (n_synthetic, n_real) in ((str(one), counts) for one, counts in there.items())
    }


def _leaks(split: str | None, splits_of_mates: Sequence[str | None]) -> bool:
    """Say whether pictures made of a photo would show in one split what another is measured with."""
    return any(other is not None and other != split and EVALUATED & {split, other} for other in splits_of_mates)
