"""What the API says of users and keys."""

import datetime as dt
import uuid

from pydantic import BaseModel, Field

from buybuddy.domain.accounts.rules import Role
from buybuddy.domain.accounts.tables import ApiKey, User


class LoginIn(BaseModel):
    username: str = Field(min_length=1, max_length=320)
    password: str = Field(min_length=1, max_length=1024)


class UserOut(BaseModel):
    id: uuid.UUID
    username: str
    email: str | None
    role: Role
    upstream: str
    created_at: dt.datetime

    @classmethod
    def from_row(cls, user: User) -> "UserOut":
        return cls.model_validate({name: getattr(user, name) for name in cls.model_fields})


class LoginOut(BaseModel):
    """`access_token` is for programs; a browser uses the cookie that comes with this answer."""

    access_token: str
    token_type: str = "bearer"
    expires_in: int
    user: UserOut


class ApiKeyIn(BaseModel):
    name: str = Field(min_length=1, max_length=100)
    expires_in_days: int | None = Field(90, ge=1, le=3650)


class ApiKeyOut(BaseModel):
    id: uuid.UUID
    name: str
    prefix: str
    role: Role
    created_at: dt.datetime
    last_used_at: dt.datetime | None
    expires_at: dt.datetime | None

    @classmethod
    def from_row(cls, key: ApiKey) -> "ApiKeyOut":
        return cls.model_validate({name: getattr(key, name) for name in cls.model_fields})


class ApiKeyCreated(ApiKeyOut):
    """The key itself, shown this once."""

    key: str


class PasswordReset(BaseModel):
    """The new password, shown this once."""

    username: str
    password: str
