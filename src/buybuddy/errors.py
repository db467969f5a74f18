"""The error tree: every failure the platform names, with its code, HTTP status and whether trying again can help.

BuybuddyError
├── InvalidInput            400  what was sent cannot be used
│   └── UnreadableMedia     422  a video or picture that no decoder can read
├── NotAuthenticated        401
│   └── LoginThrottled      429  retryable
├── NotAllowed              403
├── NotFound                404
├── Conflict                409  another write came first
│   └── StaleAttempt        409  a job attempt that has been replaced tried to write
├── PreconditionRequired    428  an edit does not say which version it was made from
├── ResourceLocked          423  somebody else holds the lock
├── QueueFull               429  retryable
├── PayloadTooLarge         413
├── Misconfigured           500  a setting or an installed part is missing or wrong
├── Unavailable             503  retryable: database, storage or a stage process cannot be reached now
│   ├── StageCrashed        503  the stage process died (killed, out of memory)
│   └── StorageFull         507  no room is left where something was to be stored
├── StageFailed             500  a stage gave up for a reason that the next attempt would meet again
├── StageCancelled          409  the stage stopped because it was asked to
└── GaveWay                 409  batch work stopped for others that wait, and goes on after them
"""

from typing import ClassVar


class BuybuddyError(Exception):
    """Root of the tree; `detail` is a sentence a person can act on."""

    code: ClassVar[str] = "INTERNAL"
    http_status: ClassVar[int] = 500
    is_retryable: ClassVar[bool] = False

    def __init__(self, detail: str, **fields: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fields = fields


class InvalidInput(BuybuddyError):
    code = "INVALID_INPUT"
    http_status = 400


class UnreadableMedia(InvalidInput):
    code = "UNREADABLE_MEDIA"
    http_status = 422


class NotAuthenticated(BuybuddyError):
    code = "NOT_AUTHENTICATED"
    http_status = 401


class LoginThrottled(NotAuthenticated):
    code = "LOGIN_THROTTLED"
    http_status = 429
    is_retryable = True


class NotAllowed(BuybuddyError):
    code = "NOT_ALLOWED"
    http_status = 403


class NotFound(BuybuddyError):
    code = "NOT_FOUND"
    http_status = 404


class Conflict(BuybuddyError):
    code = "CONFLICT"
    http_status = 409


class StaleAttempt(Conflict):
    code = "STALE_ATTEMPT"


class PreconditionRequired(BuybuddyError):
    code = "PRECONDITION_REQUIRED"
    http_status = 428


class ResourceLocked(BuybuddyError):
    code = "RESOURCE_LOCKED"
    http_status = 423


class QueueFull(BuybuddyError):
    code = "QUEUE_FULL"
    http_status = 429
    is_retryable = True


class PayloadTooLarge(BuybuddyError):
    code = "PAYLOAD_TOO_LARGE"
    http_status = 413


class Misconfigured(BuybuddyError):
    code = "MISCONFIGURED"


class Unavailable(BuybuddyError):
    code = "UNAVAILABLE"
    http_status = 503
    is_retryable = True


class StageCrashed(Unavailable):
    code = "STAGE_CRASHED"


class StorageFull(Unavailable):
    code = "STORAGE_FULL"
    http_status = 507


class StageFailed(BuybuddyError):
    code = "STAGE_FAILED"


class StageCancelled(BuybuddyError):
    code = "CANCELLED"
    http_status = 409


class GaveWay(BuybuddyError):
    code = "GAVE_WAY"
    http_status = 409
