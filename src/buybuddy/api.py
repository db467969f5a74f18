"""The API process: `uvicorn buybuddy.api:create_app --factory`."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, Depends, FastAPI
from fastapi.staticfiles import StaticFiles

from buybuddy.connections import database_url, open_storage, stage_setup
from buybuddy.domain.accounts import routes as accounts
from buybuddy.domain.accounts import session_routes
from buybuddy.domain.accounts.access import Requires
from buybuddy.domain.accounts.body_guard import BodyGuard
from buybuddy.domain.accounts.passwords import Passwords
from buybuddy.domain.accounts.users import routes as user_routes
from buybuddy.domain.activity import audit_routes
from buybuddy.domain.activity import routes as activity
from buybuddy.domain.augmentation import routes as augmentation
from buybuddy.domain.augmentation.backgrounds import routes as background_routes
from buybuddy.domain.augmentation.recipes import routes as recipe_routes
from buybuddy.domain.collaboration.locks import routes as lock_routes
from buybuddy.domain.collaboration.notifications import routes as notification_routes
from buybuddy.domain.collaboration.presence import routes as presence_routes
from buybuddy.domain.dashboard import description, metrics
from buybuddy.domain.dashboard import routes as dashboard
from buybuddy.domain.datasets import routes as datasets
from buybuddy.domain.datasets.versions import routes as version_routes
from buybuddy.domain.embeddings import routes as embeddings
from buybuddy.domain.embeddings.shelf import IndexShelf
from buybuddy.domain.jobs import routes as jobs
from buybuddy.domain.matching import routes as matching
from buybuddy.domain.photos import routes as photo_routes
from buybuddy.domain.photos.imports import routes as photo_import_routes
from buybuddy.domain.products import routes as products
from buybuddy.domain.products.barcodes import routes as barcode_routes
from buybuddy.domain.products.bulk import routes as bulk_routes
from buybuddy.domain.products.exports import routes as export_routes
from buybuddy.domain.products.imports import routes as import_routes
from buybuddy.domain.search import routes as search
from buybuddy.domain.vectors import routes as vectors
from buybuddy.domain.videos import routes as videos
from buybuddy.domain.videos.uploads import routes as upload_routes
from buybuddy.flow import build_board, build_follow_images, build_have_read
from buybuddy.infra.db import Database
from buybuddy.infra.db.event_feed import EventFeed
from buybuddy.infra.db.reader import Reader
from buybuddy.infra.executors import LocalExecutor
from buybuddy.infra.http import Platform, health, media
from buybuddy.infra.http.answer_headers import AnswerHeaders
from buybuddy.infra.http.metrics import RequestMetrics
from buybuddy.infra.http.openapi import complete_description
from buybuddy.infra.http.problems import add_problem_handlers
from buybuddy.infra.http.text_guard import TextGuard
from buybuddy.infra.http.web import add_web_pages
from buybuddy.infra.logs import configure_logs
from buybuddy.infra.queue import JobQueue
from buybuddy.infra.storage import LinkSigner
from buybuddy.settings import Settings

API_PREFIX = "/api/v1"
# In this order: a path of its own, such as /products/facets, goes before /products/{product_id}; and what is asked for
# all day goes first, since each request tries one after another.
ROUTES = (
    export_routes, bulk_routes, import_routes, products, barcode_routes, jobs, upload_routes, videos, version_routes,
    datasets, matching, photo_import_routes, photo_routes, vectors, embeddings, activity, lock_routes,
    presence_routes, notification_routes, search, augmentation, recipe_routes, background_routes, dashboard,
    session_routes, user_routes, accounts, audit_routes,
)  # fmt: skip


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application; nothing is connected before it starts."""
    settings = settings or Settings()
    configure_logs(settings.log_level)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        settings.buybuddy_url()  # a wrong one is to stop the start, not the first sign-in
        dsn = database_url(settings)
        db, reader, queue = Database(dsn, pool_size=10), Reader(dsn), JobQueue(dsn)
        queries = LocalExecutor(stage_setup(settings))
        events = EventFeed(db)
        app.state.platform = Platform(
            settings, db, reader, open_storage(settings), LinkSigner(settings.signing_key()), queue, queries, events
        )
        app.state.board = build_board(queue)
        app.state.follow_images = build_follow_images(app.state.board)
        app.state.have_read = build_have_read(app.state.board)
        app.state.passwords = Passwords()
        shelf = IndexShelf(db, app.state.platform.storage, settings.home_dir / "indexes", settings.stage_threads)
        app.state.index_shelf = shelf
        await reader.open()
        await events.start()
        shelf.start(events)
        _leave_out_of_collection()
        try:
            yield
        finally:
            await shelf.stop()
            await events.stop()
            await queries.close()
            await reader.close()
            await db.close()

    app = FastAPI(
        title="Buybuddy AI Platform",
        version="0.1.0",
        summary="From product videos to recognition in real photos.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        responses={"default": {"description": "A problem document (RFC 9457)."}},
    )
    add_problem_handlers(app)
    app.add_middleware(BodyGuard)
    app.add_middleware(TextGuard)
    app.add_middleware(RequestMetrics)
    app.add_middleware(AnswerHeaders)
    add_routes(app)
    add_web_pages(app, settings.web_dir)
    complete_description(app, public=("login", "getHealth", "getReadiness"))
    return app


def _leave_out_of_collection() -> None:
    """Have the garbage collector pass over what lives as long as the process: a full round took 0.16 s."""
    gc.collect()
    gc.freeze()


def add_routes(app: FastAPI) -> None:
    """Register every route; everything under the prefix but sign-in needs at least a viewer."""
    public = APIRouter(prefix=API_PREFIX)
    public.include_router(accounts.public_router)
    closed = APIRouter(prefix=API_PREFIX, dependencies=[Depends(Requires("viewer"))])
    for step in ROUTES:
        closed.include_router(step.router)
    app.include_router(health.router)
    app.include_router(media.router)
    app.include_router(public)
    app.include_router(closed)

    app.include_router(description.router)
    app.include_router(metrics.router)
    app.mount(description.ASSETS_ROUTE, StaticFiles(packages=[("fastapi_offline", "static")]))
