"""HTTP of the settings of matching and of automatic approval."""

from collections.abc import Sequence

from fastapi import APIRouter

from buybuddy.domain.accounts.access import Admin, Operator, Viewer
from buybuddy.domain.jobs.dependencies import BoardDep
from buybuddy.domain.matching.automation import audits, repository, service
from buybuddy.domain.matching.automation.schemas import (
    AutomationOut,
    AutomationPreview,
    AutomationPreviewIn,
    MatchAuditAnswer,
    MatchAuditOut,
)
from buybuddy.domain.matching.decisions import repository as decisions_repository
from buybuddy.domain.matching.schemas import MatchingSettingsEdit, MatchingSettingsOut, primary_barcode
from buybuddy.domain.matching.tables import MatchAudit
from buybuddy.domain.products import repository as products_repository
from buybuddy.errors import Conflict, NotFound, ResourceLocked
from buybuddy.infra.db import Session
from buybuddy.infra.http import Page, Platform, PlatformDep, SessionDep, WindowQuery, page_of, refusals

router = APIRouter(tags=["matching"])


@router.get("/settings", operation_id="getMatchingSettings")
async def get_matching_settings(_: Viewer, session: SessionDep) -> MatchingSettingsOut:
    """Return how matching works here."""
    return MatchingSettingsOut.from_row(await decisions_repository.read_settings(session))


@router.patch("/settings", operation_id="editMatchingSettings")
async def edit_matching_settings(
    body: MatchingSettingsEdit, principal: Admin, session: SessionDep, board: BoardDep
) -> MatchingSettingsOut:
    """Change how matching works; automatic approval that is switched on begins within seconds."""
    changes = body.model_dump(exclude_none=True)
    return MatchingSettingsOut.from_row(await service.edit_settings(session, board, changes, principal.actor))


@router.get("/automation", operation_id="getAutomation")
async def get_automation(_: Viewer, session: SessionDep) -> AutomationOut:
    """Say how good automatic approvals are, by those that people were asked about."""
    settings = await decisions_repository.read_settings(session)
    return AutomationOut.of(await repository.measure_quality(session), is_automatic=settings.is_automatic)


@router.post("/automation/preview", operation_id="previewAutomation")
async def preview_automation(body: AutomationPreviewIn, _: Operator, session: SessionDep) -> AutomationPreview:
    """Say how many suggestions would be approved, and how often such were right before; nothing is changed."""
    return AutomationPreview.of(await service.preview(session, body.precision_target))


@router.get("/audits", operation_id="listMatchAudits")
async def list_match_audits(
    _: Viewer, session: SessionDep, platform: PlatformDep, window: WindowQuery
) -> Page[MatchAuditOut]:
    """List automatic approvals that people are asked about, the oldest first."""
    found = await repository.list_open(session, window)
    return page_of(await _show(session, found.rows, platform), found, window)


@router.post("/audits", operation_id="answerMatchAudit", responses=refusals(NotFound, Conflict, ResourceLocked))
async def answer_match_audit(body: MatchAuditAnswer, principal: Operator, session: SessionDep) -> AutomationOut:
    """Say whether an automatic approval was right; a wrong one is taken back and the pair rejected.

    When too many are wrong, automatic approval switches itself off and admins are told.
    """
    quality = await audits.answer(
        session, body.product_id, body.photo_id, principal.actor, is_right=body.is_right
    )  # fmt: skip
    settings = await decisions_repository.read_settings(session)
    return AutomationOut.of(quality, is_automatic=settings.is_automatic)


async def _show(session: Session, rows: Sequence[MatchAudit], platform: Platform) -> list[MatchAuditOut]:
    """Return questions with both pictures; those whose product or photo has just gone are left out."""
    about = await repository.decided_photos(session, rows)
    products = await products_repository.products_by_id(session, [row.product_id for row in rows])
    primary_ids = [product.primary_image_id for product in products.values() if product.primary_image_id is not None]
    images = await products_repository.images_by_id(session, primary_ids)
    shown = []
    for row in rows:
        product, pair = products.get(row.product_id), about.get((row.product_id, row.photo_id))
        if product is None or pair is None:
            continue
        photo, decision = pair
        image = images.get(product.primary_image_id) if product.primary_image_id is not None else None
        shown.append(
            MatchAuditOut(
                product_id=product.id,
                photo_id=photo.id,
                barcode=primary_barcode(product),
                brand_name=product.brand_name,
                product_name=product.product_name,
                variant_flavor=product.variant_flavor,
                product_image_url=platform.links.sign(image.storage_key) if image is not None else None,
                photo_url=platform.links.sign(photo.storage_key),
                photo_thumbnail_url=platform.link(photo.thumbnail_key),
                photo_name=photo.name,
                similarity=None if decision.similarity is None else round(decision.similarity, 4),
                drawn_at=row.drawn_at,
            )
        )
    return shown
