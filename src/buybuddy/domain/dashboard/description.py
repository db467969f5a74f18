"""The API's description, for whoever is signed in; the page needs nothing from another host."""

from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse

from buybuddy.domain.accounts.access import Viewer

ASSETS_ROUTE = "/docs-assets"

router = APIRouter(include_in_schema=False)


@router.get("/openapi.json")
async def get_description(request: Request, _: Viewer) -> JSONResponse:
    """Return the OpenAPI document."""
    return JSONResponse(request.app.openapi())


@router.get("/docs")
async def get_description_page(_: Viewer) -> HTMLResponse:
    """Show the OpenAPI document to a person."""
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Buybuddy API",
        swagger_js_url=f"{ASSETS_ROUTE}/swagger-ui-bundle.js",
        swagger_css_url=f"{ASSETS_ROUTE}/swagger-ui.css",
        swagger_favicon_url=f"{ASSETS_ROUTE}/favicon.png",
    )
