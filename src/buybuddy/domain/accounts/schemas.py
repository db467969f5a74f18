"""What the API says of users, sessions and keys."""

import datetime as dt
import uuid
from typing import Annotated

from pydantic import BaseModel, Field, SecretStr

from buybuddy.domain.accounts.identity_repository import Account
from buybuddy.domain.accounts.rules import LEAST_PASSWORD_LENGTH, NAME_PATTERN, SESSION_IDLE_HOURS, Area, Role
from buybuddy.domain.accounts.tables import ApiKey, LoginSession, User

Name = Annotated[str, Field(min_length=1, max_length=320, pattern=NAME_PATTERN)]
Email = Annotated[str, Field(max_length=320, pattern=r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+$")]
NewPassword = Annotated[SecretStr, Field(min_length=LEAST_PASSWORD_LENGTH, max_length=1024)]


class LoginIn(BaseModel):
    username: str = Field(min_length=1, max_length=320, pattern=r"^[^\x00-\x1f\x7f]+$", description="Or the email.")
    password: SecretStr = Field(min_length=1, max_length=1024)


class UserOut(BaseModel):
    """A user; `upstream` says who keeps the password: `local`, or `buybuddy`."""

    id: uuid.UUID
    username: str
    email: str | None
    role: Role
    upstream: str
    disabled_at: dt.datetime | None
    version: int
    created_at: dt.datetime

    @classmethod
    def from_row(cls, user: User | Account) -> "UserOut":
        return cls.model_validate({name: getattr(user, name) for name in cls.model_fields})


class UserIn(BaseModel):
    username: Name
    email: Email | None = None
    role: Role = "viewer"
    password: NewPassword | None = Field(None, description="Generated, and shown once, when it is left out.")


class UserCreated(UserOut):
    """The new user with the password that was generated, shown this once; null when it was given."""

    password: str | None


class UserEdit(BaseModel):
    """The fields to change and the version that was read; a field that is left out stays as it is."""

    version: int | None = Field(None, ge=1, description="What was read; or send If-Match.")
    role: Role = "viewer"
    email: Email | None = None
    is_disabled: bool = Field(False, description="Ends the user's sessions and keys at once.")


class LoginOut(BaseModel):
    """`access_token` is for programs; a browser uses the cookie that comes with this answer."""

    access_token: str
    token_type: str = "bearer"
    expires_in: int
    user: UserOut


class PasswordChange(BaseModel):
    current_password: SecretStr = Field(min_length=1, max_length=1024)
    new_password: NewPassword


class PasswordReset(BaseModel):
    """The new password, shown this once."""

    username: str
    password: str


class LoginSessionOut(BaseModel):
    """One sign-in; it ends at `expires_at` at the latest, and earlier when nobody uses it."""

    id: uuid.UUID
    created_at: dt.datetime
    last_seen_at: dt.datetime
    expires_at: dt.datetime
    address: str | None
    user_agent: str | None
    is_current: bool

    @classmethod
    def from_row(cls, row: LoginSession, current_id: uuid.UUID | None) -> "LoginSessionOut":
        idle_end = row.last_seen_at + dt.timedelta(hours=SESSION_IDLE_HOURS)
        return cls(
            id=row.id,
            created_at=row.created_at,
            last_seen_at=row.last_seen_at,
            expires_at=min(row.expires_at, idle_end),
            address=row.address,
            user_agent=row.user_agent,
            is_current=row.id == current_id,
        )


class SessionsEnded(BaseModel):
    n_ended: int


class ApiKeysRevoked(BaseModel):
    n_revoked: int


class ApiKeyIn(BaseModel):
    name: str = Field(min_length=1, max_length=100, pattern=NAME_PATTERN)
    expires_in_days: int | None = Field(90, ge=1, le=3650, description="null: it does not expire.")
    role: Role | None = Field(None, description="At most one's own, which it is when this is left out.")
    scopes: list[Area] | None = Field(
        None, min_length=1, max_length=50, description="The areas that the key may touch; null: all of them."
    )


class ApiKeyOut(BaseModel):
    id: uuid.UUID
    name: str
    prefix: str
    role: Role
    scopes: list[str] | None
    created_at: dt.datetime
    last_used_at: dt.datetime | None
    expires_at: dt.datetime | None

    @classmethod
    def from_row(cls, key: ApiKey) -> "ApiKeyOut":
        return cls.model_validate({name: getattr(key, name) for name in cls.model_fields})


class ApiKeyCreated(ApiKeyOut):
    """The key itself, shown this once."""

    key: str
