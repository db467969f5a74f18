"""The Python client of the Buybuddy AI platform: `Client` for plain programs, `AsyncClient` for asyncio."""

from buybuddy_sdk._async.augmentation import AsyncRun
from buybuddy_sdk._async.bulk import AsyncBulk
from buybuddy_sdk._async.client import AsyncClient
from buybuddy_sdk._async.collaboration import AsyncHeldLock
from buybuddy_sdk._async.desk import AsyncDesk
from buybuddy_sdk._async.embeddings import AsyncIndex
from buybuddy_sdk._async.evaluations import AsyncEvaluation
from buybuddy_sdk._async.imports import AsyncImport
from buybuddy_sdk._async.jobs import AsyncJob
from buybuddy_sdk._async.pager import AsyncPager
from buybuddy_sdk._async.videos import AsyncStarted
from buybuddy_sdk._files import NamedFile
from buybuddy_sdk._page import Page
from buybuddy_sdk._retry import Options
from buybuddy_sdk._sse import Event
from buybuddy_sdk._sync.augmentation import Run
from buybuddy_sdk._sync.bulk import Bulk
from buybuddy_sdk._sync.client import Client
from buybuddy_sdk._sync.collaboration import HeldLock
from buybuddy_sdk._sync.desk import Desk
from buybuddy_sdk._sync.embeddings import Index
from buybuddy_sdk._sync.evaluations import Evaluation
from buybuddy_sdk._sync.imports import Import
from buybuddy_sdk._sync.jobs import Job
from buybuddy_sdk._sync.pager import Pager
from buybuddy_sdk._sync.videos import Started
from buybuddy_sdk._version import VERSION
from buybuddy_sdk.errors import (
    BuybuddyError,
    Conflict,
    ConnectionFailed,
    DeadlineExceeded,
    DownloadBroken,
    InvalidInput,
    JobFailed,
    LockLost,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    PayloadTooLarge,
    PreconditionRequired,
    QueueFull,
    RateLimited,
    ResourceLocked,
    ServerError,
    StorageFull,
    Unavailable,
    ValidationFailed,
)

__version__ = VERSION

__all__ = [
    "AsyncBulk",
    "AsyncClient",
    "AsyncDesk",
    "AsyncEvaluation",
    "AsyncHeldLock",
    "AsyncImport",
    "AsyncIndex",
    "AsyncJob",
    "AsyncPager",
    "AsyncRun",
    "AsyncStarted",
    "Bulk",
    "BuybuddyError",
    "Client",
    "Conflict",
    "ConnectionFailed",
    "DeadlineExceeded",
    "Desk",
    "DownloadBroken",
    "Evaluation",
    "Event",
    "HeldLock",
    "Import",
    "Index",
    "InvalidInput",
    "Job",
    "JobFailed",
    "LockLost",
    "NamedFile",
    "NotAllowed",
    "NotAuthenticated",
    "NotFound",
    "Options",
    "Page",
    "Pager",
    "PayloadTooLarge",
    "PreconditionRequired",
    "QueueFull",
    "RateLimited",
    "ResourceLocked",
    "Run",
    "ServerError",
    "Started",
    "StorageFull",
    "Unavailable",
    "ValidationFailed",
    "__version__",
]
