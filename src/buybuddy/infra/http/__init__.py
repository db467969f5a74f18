"""What every HTTP route shares: the platform, the transaction, pages, problem documents, media."""

from buybuddy.infra.http.dependencies import PlatformDep, SessionDep
from buybuddy.infra.http.paging import LimitQuery, Page, PageQuery, page_of
from buybuddy.infra.http.platform import Platform

__all__ = ["LimitQuery", "Page", "PageQuery", "Platform", "PlatformDep", "SessionDep", "page_of"]
