"""Render samples, send them through a running platform, search with photos of the same products."""

import math
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from buybuddy.demo.report import DemoReport, DemoRow
from buybuddy.samples.catalogue import SampleProduct, list_sample_products
from buybuddy.samples.clip import write_sample_clip
from buybuddy.samples.photo import write_sample_photo
from buybuddy_sdk import BuybuddyError, Client
from buybuddy_sdk.models import JobOut, VideoOut

CLIP_SEED, PHOTO_SEED = 1, 7
CLIP_S = 4.0


def run_demo(
    client: Client, folder: Path, *, n_products: int = 6, say: Callable[[str], None] = lambda _: None
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
        video = client.videos.upload(clip, barcode=sample.barcode).videos[0]
        uploaded.append(video)
        rows.append(DemoRow(name=_name(sample), barcode=sample.barcode, photo=photo))
    new = [video for video in uploaded if video.status in ("pending", "failed")]
    if new:
        say(f"processing {len(new)} videos: cutting products out, reading their packs ...")
        _process(client, new, say)
    say("searching with a photo of each ...")
    for row, video in zip(rows, uploaded, strict=True):
        _search(client, row, video.id)
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


def _process(client: Client, videos: Sequence[VideoOut], say: Callable[[str], None]) -> None:
    said: set[uuid.UUID] = set()

    def follow(job: JobOut) -> None:
        if job.status in ("completed", "failed", "cancelled") and job.id not in said:
            said.add(job.id)
            if job.type == "video_processing":
                say(f"{job.subject.label}: {job.status} {job.error_message or ''}".rstrip())

    jobs = client.videos.process(videos, wait_for_slot=math.inf, on_wait=say).jobs
    client.jobs.wait(jobs, on_progress=follow)
    client.jobs.wait([following for job in jobs for following in job.children()], on_progress=follow)


def _search(client: Client, row: DemoRow, video_id: uuid.UUID) -> None:
    video = client.videos.get(video_id)
    if video.status != "completed" or video.product_id is None:
        row.error = video.error or f"The video is {video.status}."
        return
    product = client.products.get(video.product_id)
    row.read_name = " ".join(part for part in (product.brand_name, product.product_name) if part)
    row.net_quantity, row.frame_count = product.net_quantity, product.frame_count
    row.seconds = float((video.job.metrics if video.job is not None else {}).get("seconds") or 0.0)
    images = client.products.frames(product, video=video).synthetic
    row.frame_links = [image.thumbnail_url or image.url for image in images]
    try:
        results = client.search(row.photo, k=3).results
    except BuybuddyError as error:
        row.error = error.detail
        return
    if results:
        row.found_barcode, row.similarity = results[0].barcode, results[0].similarity
        row.found_link = results[0].thumbnail_url or results[0].image_url


def _name(sample: SampleProduct) -> str:
    return " ".join(part for part in (sample.brand_name, sample.product_name, sample.variant_flavor) if part)
