"""What every HTTP route shares: the platform, the transaction, pages, versions, problem documents, media."""

from buybuddy.infra.http.dependencies import PlatformDep, SessionDep
from buybuddy.infra.http.paging import Page, WindowQuery, page_of, page_of_all
from buybuddy.infra.http.platform import Platform
from buybuddy.infra.http.problems import refusals
from buybuddy.infra.http.versions import IfMatch, edited_version, set_etag

__all__ = [
    "IfMatch",
    "Page",
    "Platform",
    "PlatformDep",
    "SessionDep",
    "WindowQuery",
    "edited_version",
    "page_of",
    "page_of_all",
    "refusals",
    "set_etag",
]
