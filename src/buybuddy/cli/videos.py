"""`buybuddy videos`."""

import math
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from buybuddy.cli.connect import LocalClient, connect, local_folder
from buybuddy.cli.output import JsonOption, ServerOption, err, out, print_json
from buybuddy_sdk import BuybuddyError, Client
from buybuddy_sdk.models import JobOut

app = typer.Typer(no_args_is_help=True)

Outcome = dict[str, Any]


@app.callback()
def videos() -> None:
    """Group of commands about videos."""


@app.command("process")
def process(
    files: Annotated[list[Path], typer.Argument(help="Video files.")],
    frames_dir: Annotated[
        Path | None, typer.Option(help="Also write the frames there; with several files, into a folder for each.")
    ] = None,
    barcode: Annotated[str | None, typer.Option(help="What the videos show, when it is known.")] = None,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Cut the products out of videos and read their packs; wait until they can be found by a photo."""
    with connect(server) as client:
        outcomes = _process_all(client, files, barcode)
        for index, outcome in enumerate(outcomes):
            if frames_dir is not None and outcome["product_id"] is not None:
                name = f"{index:02d}-{files[index].stem}"
                folder = frames_dir if len(files) == 1 else frames_dir / name
                _write_frames(client, outcome, folder)
    for outcome in outcomes:
        outcome.pop("video_id")
    if as_json:
        print_json(outcomes)
    else:
        for outcome in outcomes:
            _print_outcome(outcome)
    if any(outcome["status"] != "completed" for outcome in outcomes):
        raise typer.Exit(1)


def _process_all(client: Client, files: list[Path], barcode: str | None) -> list[Outcome]:
    outcomes = [_upload(client, path, barcode) for path in files]
    waiting = {outcome["video_id"]: outcome for outcome in outcomes if outcome["status"] == "uploaded"}
    if waiting:
        started = client.videos.process(
            waiting, wait_for_slot=math.inf, on_wait=lambda why: err.print(why, style="dim")
        )
        jobs: list[JobOut] = list(started.jobs)
        for skipped in started.skipped:  # somebody has it processed already: wait for that
            job = client.videos.get(skipped.video_id).job
            if job is None:
                waiting[str(skipped.video_id)].update(status="failed", error=skipped.reason)
            else:
                jobs.append(job)
        client.jobs.wait(jobs)
        client.jobs.wait([following for job in jobs for following in client.jobs.list(parent=job)])
        for outcome in waiting.values():
            if outcome["error"] is None:
                _collect(client, outcome)
    for outcome in outcomes:
        started_s = outcome.pop("started_s")
        outcome["seconds"] = outcome["seconds"] or round(time.monotonic() - started_s, 2)
    return outcomes


def _upload(client: Client, path: Path, barcode: str | None) -> Outcome:
    outcome: Outcome = {
        "file": str(path),
        "status": "failed",
        "product_id": None,
        "frame_count": 0,
        "frames_dir": None,
        "metadata": None,
        "seconds": None,
        "error": None,
        "video_id": None,
        "started_s": time.monotonic(),
    }
    if not path.is_file():
        return {**outcome, "error": f"There is no file {path}."}
    try:
        answer = client.videos.upload(path, barcode=barcode)
    except BuybuddyError as error:
        return {**outcome, "error": error.detail}
    if answer.rejected:
        return {**outcome, "error": answer.rejected[0].reason}
    return {**outcome, "status": "uploaded", "video_id": str(answer.videos[0].id)}


def _collect(client: Client, outcome: Outcome) -> None:
    video = client.videos.get(outcome["video_id"])
    metrics = video.job.metrics if video.job is not None else {}
    outcome["seconds"] = metrics.get("seconds")
    if video.status != "completed" or video.product_id is None:
        ended = video.job.status if video.job is not None else "removed"
        outcome.update(status="failed", error=video.error or f"The job was {ended}.")
        return
    frames = client.products.frames(video.product_id, video=video).synthetic
    outcome.update(
        status="completed",
        product_id=str(video.product_id),
        frame_count=len(frames),
        frames_dir=local_folder(metrics["frames_prefix"]) if isinstance(client, LocalClient) else None,
        metadata=metrics["metadata"],
    )


def _write_frames(client: Client, outcome: Outcome, folder: Path) -> None:
    """Write `frame_0000.png` ... and, beside them in `mattes/`, each frame's matte."""
    (folder / "mattes").mkdir(parents=True, exist_ok=True)
    for image in client.products.frames(outcome["product_id"], video=outcome["video_id"]).synthetic:
        name = f"frame_{image.frame_index:04d}.png"
        (folder / name).write_bytes(client.open_link(image.url))
        if image.matte_url:
            (folder / "mattes" / name).write_bytes(client.open_link(image.matte_url))
    outcome["frames_dir"] = str(folder.resolve())


def _print_outcome(outcome: Outcome) -> None:
    if outcome["status"] != "completed":
        out.print(f"[red]✗[/] {outcome['file']}: {outcome['error']}", highlight=False)
        return
    identity, brand = outcome["metadata"]["product_identity"], outcome["metadata"]["brand_info"]
    name = " ".join(part for part in (brand["brand_name"], identity["product_name"]) if part) or "unnamed product"
    out.print(
        f"[green]✓[/] {outcome['file']}: {name}, {outcome['frame_count']} frames in {outcome['seconds']} s, "
        f"product {outcome['product_id']}",
        highlight=False,
    )
