"""`buybuddy videos`."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from buybuddy.cli.connect import connect, local_folder
from buybuddy.cli.output import JsonOption, ServerOption, err, out, print_json
from buybuddy.errors import BuybuddyError
from buybuddy.infra.clients.platform_client import PlatformClient

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


def _process_all(client: PlatformClient, files: list[Path], barcode: str | None) -> list[Outcome]:
    outcomes = [_upload(client, path, barcode) for path in files]
    waiting = {outcome["video_id"]: outcome for outcome in outcomes if outcome["status"] == "uploaded"}
    if waiting:
        answer = client.process_when_free(list(waiting), lambda why: err.print(why, style="dim"))
        job_ids = [job["id"] for job in answer["jobs"]]
        for skipped in answer["skipped"]:  # somebody has it processed already: wait for that
            job = client.get(f"/videos/{skipped['video_id']}")["job"]
            if job is None:
                waiting[skipped["video_id"]].update(status="failed", error=skipped["reason"])
            else:
                job_ids.append(job["id"])
        _follow(client, job_ids)
        for outcome in waiting.values():
            if outcome["error"] is None:
                _collect(client, outcome)
    for outcome in outcomes:
        started_s = outcome.pop("started_s")
        outcome["seconds"] = outcome["seconds"] or round(time.monotonic() - started_s, 2)
    return outcomes


def _upload(client: PlatformClient, path: Path, barcode: str | None) -> Outcome:
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
        answer = client.upload_video(path, barcode)
    except BuybuddyError as error:
        return {**outcome, "error": error.detail}
    if answer["rejected"]:
        return {**outcome, "error": answer["rejected"][0]["reason"]}
    return {**outcome, "status": "uploaded", "video_id": answer["videos"][0]["id"]}


def _follow(client: PlatformClient, job_ids: list[str]) -> None:
    """Show the jobs' progress until they, and the embedding that follows each, have ended."""
    columns = (TextColumn("{task.fields[label]}"), BarColumn(), TextColumn("{task.fields[step]}"), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bars:
        tasks: dict[str, Any] = {}

        def show(job: Outcome) -> None:
            label, step = job["subject"]["label"], job["current_step"] or job["status"]
            if job["id"] not in tasks:
                tasks[job["id"]] = bars.add_task("", total=100, label=label, step=step)
            bars.update(tasks[job["id"]], completed=job["progress"], label=label, step=step)

        client.wait_for_jobs(job_ids, show)
        following = [job["id"] for parent in job_ids for job in client.pages("/jobs", parent_job_id=parent)]
        client.wait_for_jobs(following, show)


def _collect(client: PlatformClient, outcome: Outcome) -> None:
    video = client.get(f"/videos/{outcome['video_id']}")
    job = video["job"]
    outcome["seconds"] = job["metrics"].get("seconds")
    if video["status"] != "completed":
        outcome.update(status="failed", error=video["error"] or f"The job was {job['status']}.")
        return
    product = client.get(f"/products/{video['product_id']}")
    frames = client.get(f"/products/{video['product_id']}/frames", video_id=video["id"])["synthetic"]
    outcome.update(
        status="completed",
        product_id=product["id"],
        frame_count=len(frames),
        frames_dir=local_folder(job["metrics"]["frames_prefix"]) if client.is_local else None,
        metadata=job["metrics"]["metadata"],
    )


def _write_frames(client: PlatformClient, outcome: Outcome, folder: Path) -> None:
    """Write `frame_0000.png` ... and, beside them in `mattes/`, each frame's matte."""
    (folder / "mattes").mkdir(parents=True, exist_ok=True)
    images = client.get(f"/products/{outcome['product_id']}/frames", video_id=outcome["video_id"])["synthetic"]
    for image in images:
        name = f"frame_{image['frame_index']:04d}.png"
        (folder / name).write_bytes(client.download(image["url"]))
        if image["matte_url"]:
            (folder / "mattes" / name).write_bytes(client.download(image["matte_url"]))
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
