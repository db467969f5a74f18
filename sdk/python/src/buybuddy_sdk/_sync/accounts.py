# Generated from _async/accounts.py by scripts/generate.py, not to be edited.
"""Who may sign in, and with what."""

from collections.abc import Sequence
from typing import Any

from buybuddy_sdk._page import Ref, id_of, in_path, version_of
from buybuddy_sdk._sync.pager import Pager
from buybuddy_sdk._sync.transport import Call, Transport
from buybuddy_sdk.models import (
    ApiKeyCreated,
    ApiKeyOut,
    ApiKeysRevoked,
    AuditOut,
    LoginOut,
    LoginSessionOut,
    PasswordReset,
    SessionsEnded,
    UserCreated,
    UserOut,
)


class Auth:
    """`client.auth`: signing in, one's own sessions and password."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def login(self, username: str, password: str) -> UserOut:
        """Sign in; the client's calls are this person's from now on. Raises: NotAuthenticated, RateLimited."""
        body = {"username": username, "password": password}
        answer = self._transport.read(LoginOut, Call("POST", "/auth/login", json=body))
        self._transport.use_token(answer.access_token)
        return answer.user

    def logout(self) -> None:
        """End the session that `login` has opened."""
        self._transport.send(Call("POST", "/auth/logout"))
        self._transport.use_token(None)

    def me(self) -> UserOut:
        """Return who is signed in."""
        return self._transport.get(UserOut, "/auth/me")

    def change_password(self, current: str, new: str) -> None:
        """Give oneself a new password; one's other sessions end."""
        body = {"current_password": current, "new_password": new}
        self._transport.send(Call("POST", "/auth/password", json=body))

    def sessions(self) -> Pager[LoginSessionOut]:
        """Iterate over one's own sessions, newest first."""
        return Pager(self._transport, "/auth/sessions", LoginSessionOut.model_validate, {})

    def end_session(self, session: Ref) -> None:
        """End one of one's own sessions."""
        self._transport.remove(f"/auth/sessions/{in_path(id_of(session))}")

    def end_other_sessions(self) -> int:
        """End all of one's sessions but this one, and return how many that were."""
        call = Call("POST", "/auth/sessions/end-others", is_repeatable=True)
        return (self._transport.read(SessionsEnded, call)).n_ended


class ApiKeys:
    """`client.api_keys`: one's own keys for programs."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> Pager[ApiKeyOut]:
        """Iterate over one's keys; the keys themselves are not stored."""
        return Pager(self._transport, "/auth/api-keys", ApiKeyOut.model_validate, {})

    def create(
        self,
        name: str,
        *,
        expires_in_days: int | None = 90,
        role: str | None = None,
        scopes: Sequence[str] | None = None,
    ) -> ApiKeyCreated:
        """Create a key; its `key` is shown this once. A key cannot create another: sign in with `client.auth`."""
        body = {"name": name, "expires_in_days": expires_in_days, "role": role, "scopes": scopes}
        return self._transport.read(ApiKeyCreated, Call("POST", "/auth/api-keys", json=body))

    def delete(self, key: Ref) -> None:
        """Revoke a key; it stops working at once."""
        self._transport.remove(f"/auth/api-keys/{in_path(id_of(key))}")


class Users:
    """`client.users`, for admins."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self, *, search: str | None = None, role: str | None = None, is_disabled: bool | None = None
    ) -> Pager[UserOut]:
        """Iterate over users by name; `search` is a part of the name or email."""
        params = {"search": search, "role": role, "is_disabled": is_disabled}
        return Pager(self._transport, "/auth/users", UserOut.model_validate, params)

    def create(
        self, username: str, *, role: str = "viewer", email: str | None = None, password: str | None = None
    ) -> UserCreated:
        """Add a user; without a password one is generated and shown this once. Raises: Conflict (NAME_TAKEN)."""
        body = {"username": username, "role": role, "email": email, "password": password}
        return self._transport.read(UserCreated, Call("POST", "/auth/users", json=body))

    def get(self, user: Ref) -> UserOut:
        """Return one user."""
        return self._transport.get(UserOut, _path(user))

    def update(self, user: Ref, *, version: int | None = None, **fields: Any) -> UserOut:
        """Change role, email or is_disabled; a user that was read brings its version."""
        if version is None:
            known = version_of(user)
            version = known if known is not None else (self.get(user)).version
        return self._transport.read(UserOut, Call("PATCH", _path(user), json={**fields, "version": version}))

    def reset_password(self, username: str) -> PasswordReset:
        """Give a user a new generated password, shown this once, and end their sessions."""
        call = Call("POST", f"/auth/users/{in_path(username)}/reset-password")
        return self._transport.read(PasswordReset, call)

    def sessions(self, user: Ref) -> Pager[LoginSessionOut]:
        """Iterate over a user's sessions, newest first."""
        return Pager(self._transport, f"{_path(user)}/sessions", LoginSessionOut.model_validate, {})

    def end_sessions(self, user: Ref) -> int:
        """End all sessions of a user and return how many that were."""
        return (self._transport.read(SessionsEnded, Call("DELETE", f"{_path(user)}/sessions"))).n_ended

    def end_session(self, user: Ref, session: Ref) -> None:
        """End one session of a user."""
        self._transport.remove(f"{_path(user)}/sessions/{in_path(id_of(session))}")

    def api_keys(self, user: Ref) -> Pager[ApiKeyOut]:
        """Iterate over a user's keys."""
        return Pager(self._transport, f"{_path(user)}/api-keys", ApiKeyOut.model_validate, {})

    def delete_api_key(self, user: Ref, key: Ref) -> None:
        """Revoke a key of a user."""
        self._transport.remove(f"{_path(user)}/api-keys/{in_path(id_of(key))}")

    def delete_api_keys(self, user: Ref) -> int:
        """Revoke every key of a user and return how many that were; what they opened ends at once."""
        return (self._transport.read(ApiKeysRevoked, Call("DELETE", f"{_path(user)}/api-keys"))).n_revoked


class Audit:
    """`client.audit`, for admins: who did what to which row."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        subject_kind: str | None = None,
        subject_id: str | None = None,
        actor: str | None = None,
        action: str | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> Pager[AuditOut]:
        """Iterate over the trail, newest first; moments are ISO 8601 with a time zone."""
        params = {"subject_kind": subject_kind, "subject_id": subject_id, "actor": actor, "action": action}
        return Pager(self._transport, "/audit", AuditOut.model_validate, {**params, "from": since, "to": until})


def _path(user: Ref) -> str:
    return f"/auth/users/{in_path(id_of(user))}"
