"""Render samples, send them through a running platform, search with photos of the same products."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from buybuddy.demo.report import DemoReport, DemoRow
from buybuddy.errors import BuybuddyError
from buybuddy.infra.clients.platform_client import Json, PlatformClient
from buybuddy.samples.catalogue import SampleProduct, list_sample_products
from buybuddy.samples.clip import write_sample_clip
from buybuddy.samples.photo import write_sample_photo

CLIP_SEED, PHOTO_SEED = 1, 7
CLIP_S = 4.0


def run_demo(
    client: PlatformClient, folder: Path, *, n_products: int = 6, say: Callable[[str], None] = lambda _: None
) -> DemoReport:
    """Run the line once; videos that the platform knows already are not processed again.

    Args:
        folder: where samples are rendered, and found again next time.
        say: hears a line for each step.
    """
    folder.mkdir(parents=True, exist_ok=True)
    samples = list_sample_products(n_products)
    say(f"rendering {len(samples)} sample videos and photos ...")
    with ProcessPoolExecutor(max_workers=2) as pool:
        paths = list(pool.map(_render, samples, [folder] * len(samples)))
    rows = []
    uploaded = []
    for sample, (clip, photo) in zip(samples, paths, strict=True):
        video = client.upload_video(clip, sample.barcode)["videos"][0]
        uploaded.append(video)
        rows.append(DemoRow(name=_name(sample), barcode=sample.barcode, photo=photo))
    new = [video["id"] for video in uploaded if video["status"] in ("pending", "failed")]
    if new:
        say(f"processing {len(new)} videos: cutting products out, reading their packs ...")
        _process(client, new, say)
    say("searching with a photo of each ...")
    for row, video in zip(rows, uploaded, strict=True):
        _search(client, row, video["id"])
    return DemoReport(rows)


def _render(sample: SampleProduct, folder: Path) -> tuple[Path, Path]:
    clip, photo = folder / f"{sample.slug}.mp4", folder / f"{sample.slug}.jpg"
    if not clip.exists():
        partial = folder / f"{sample.slug}.part.mp4"
        written = write_sample_clip(sample, partial, seed=CLIP_SEED, duration_s=CLIP_S)
        written.truth_path.unlink()
        partial.replace(clip)
    if not photo.exists():
        write_sample_photo(sample, photo, seed=PHOTO_SEED)
    return clip, photo


def _process(client: PlatformClient, video_ids: list[str], say: Callable[[str], None]) -> None:
    said: set[str] = set()

    def follow(job: Json) -> None:
        if job["status"] in ("completed", "failed", "cancelled") and job["id"] not in said:
            said.add(job["id"])
            if job["type"] == "video_processing":
                say(f"{job['subject']['label']}: {job['status']} {job['error_message'] or ''}".rstrip())

    jobs = client.process_when_free(video_ids, say)["jobs"]
    client.wait_for_jobs([job["id"] for job in jobs], follow)
    following = [job["id"] for parent in jobs for job in client.pages("/jobs", parent_job_id=parent["id"])]
    client.wait_for_jobs(following, follow)


def _search(client: PlatformClient, row: DemoRow, video_id: str) -> None:
    video = client.get(f"/videos/{video_id}")
    if video["status"] != "completed":
        row.error = video["error"] or f"The video is {video['status']}."
        return
    product = client.get(f"/products/{video['product_id']}")
    row.read_name = " ".join(part for part in (product["brand_name"], product["product_name"]) if part)
    row.net_quantity, row.frame_count = product["net_quantity"], product["frame_count"]
    row.seconds = float((video["job"] or {"metrics": {}})["metrics"].get("seconds") or 0.0)
    images = client.get(f"/products/{product['id']}/frames", video_id=video_id)["synthetic"]
    row.frame_links = [image["thumbnail_url"] or image["url"] for image in images]
    try:
        results = client.search(row.photo, k=3)["results"]
    except BuybuddyError as error:
        row.error = error.detail
        return
    if results:
        row.found_barcode, row.similarity = results[0]["barcode"], results[0]["similarity"]
        row.found_link = results[0]["thumbnail_url"] or results[0]["image_url"]


def _name(sample: SampleProduct) -> str:
    return " ".join(part for part in (sample.brand_name, sample.product_name, sample.variant_flavor) if part)
