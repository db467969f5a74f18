"""The exported web pages, served from the API's own origin."""

from pathlib import Path, PurePosixPath

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, Response

from buybuddy.errors import NotFound

PLACEHOLDER = "_"  # what the export calls a dynamic segment
# Nothing that is exported lies deeper or is called longer. Candidates grow with the square of the depth: without a
# limit, one address of a few thousand segments would hold the whole process for half a minute.
DEEPEST_PAGE, LONGEST_NAME_BYTES = 12, 200
# Pages are our own and load nothing from elsewhere; the framework's start-up script and styles are inline.
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; style-src 'self' 'unsafe-inline'; "
        "script-src 'self' 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'; base-uri 'self'; "
        "form-action 'self'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
ASSET_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "public, max-age=31536000, immutable"}
NOT_BUILT = (
    "<!doctype html><title>Buybuddy</title><h1>The web pages are not built yet</h1>"
    "<p>Run <code>make web</code> and reload. The API is described at <a href='/docs'>/docs</a>.</p>"
)


def add_web_pages(app: FastAPI, web_dir: Path) -> None:
    """Answer everything that no other route takes with a page or a file of the export."""
    root = web_dir.resolve()

    @app.api_route("/{path:path}", methods=["GET", "HEAD"], include_in_schema=False)
    async def get_page(request: Request, path: str) -> Response:
        if path.startswith(("api/", "media/")):
            raise NotFound(f"There is nothing at {request.url.path}.")
        if not (root / "index.html").is_file():
            return HTMLResponse(NOT_BUILT, status_code=503)
        file = find_page(root, path)
        if file is None:
            return FileResponse(root / "404.html", status_code=404, headers=PAGE_HEADERS)
        is_asset = path.startswith("_next/static/")
        return FileResponse(file, headers=ASSET_HEADERS if is_asset else PAGE_HEADERS)


def find_page(root: Path, path: str) -> Path | None:
    """Return the exported file for a URL path: the exact file, else the page, else the page of a dynamic segment.

    `/products/3f…` is exported as `products/_.html`, its payloads as `products/_.txt` and `products/_/….txt`.
    """
    parts = [part for part in PurePosixPath(path).parts if part != "/"]
    if len(parts) > DEEPEST_PAGE:
        return None
    if any(part.startswith(".") or len(part.encode()) > LONGEST_NAME_BYTES for part in parts):
        return None
    for candidate in _candidates(root, parts):
        if candidate.is_file() and candidate.resolve().is_relative_to(root):
            return candidate
    return None


def _candidates(root: Path, parts: list[str]) -> list[Path]:
    if not parts:
        return [root / "index.html"]
    candidates = [root.joinpath(*parts), root.joinpath(*parts[:-1], parts[-1] + ".html")]
    for index in range(1, len(parts)):
        suffix = PurePosixPath(parts[index]).suffix if index == len(parts) - 1 else ""
        replaced = [*parts[:index], PLACEHOLDER + suffix, *parts[index + 1 :]]
        candidates += [root.joinpath(*replaced), root.joinpath(*replaced[:-1], replaced[-1] + ".html")]
    return candidates
