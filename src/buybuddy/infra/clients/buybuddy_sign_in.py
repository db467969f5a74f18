"""Sign-in at Buybuddy's own API: a password for a passphrase, the passphrase for a token."""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus

import httpx
from pydantic import BaseModel, Field, SecretStr, ValidationError

from buybuddy.errors import LoginThrottled, Unavailable

LONGEST_ANSWER_BYTES = 64 * 1024
# Any of these is a "no" and counts as a wrong guess; 404 means that the address of the API is wrong.
REFUSALS = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.UNPROCESSABLE_ENTITY}
)
DEFAULT_PAUSE_S, LONGEST_PAUSE_S = 30, 3600


class UpstreamUnavailable(Unavailable):
    """Buybuddy's API gave no answer that says yes or no."""

    code = "UPSTREAM_UNAVAILABLE"


class _Passphrase(BaseModel):
    passphrase: SecretStr = Field(min_length=1, max_length=8192)


class _Token(BaseModel):
    token: SecretStr = Field(min_length=1, max_length=8192)


@dataclass(frozen=True)
class BuybuddySignIn:
    """Asks Buybuddy whether a password is right.

    Args:
        url: of its API, without a slash at the end.
        timeout_s: for both calls together.
    """

    url: str
    timeout_s: float

    async def sign_in(self, username: str, password: str) -> SecretStr | None:
        """Return the token for a right password, None for a wrong one.

        Raises: LoginThrottled when it asks for a pause, UpstreamUnavailable for every other answer and for none.
        """
        try:
            async with asyncio.timeout(self.timeout_s), httpx.AsyncClient(follow_redirects=False) as http:
                credentials = {"user_name": username, "password": password}
                answer = await self._post(http, "/user/sign_in", credentials)
                if answer is None:
                    return None
                passphrase = _Passphrase.model_validate_json(answer).passphrase.get_secret_value()
                answer = await self._post(http, "/user/sign_in/token", {"passphrase": passphrase})
                return None if answer is None else _Token.model_validate_json(answer).token
        except (TimeoutError, httpx.HTTPError):
            raise UpstreamUnavailable("Buybuddy cannot be reached at the moment; try again.") from None
        except ValidationError:  # not chained: it would carry what was answered into the log
            raise UpstreamUnavailable("Buybuddy gave an answer that is not understood.") from None

    async def _post(self, http: httpx.AsyncClient, path: str, body: dict[str, str]) -> bytes | None:
        """Return the body of a good answer; None when the credentials are wrong."""
        async with http.stream("POST", self.url + path, json=body, timeout=self.timeout_s) as answer:
            match answer.status_code:
                case HTTPStatus.OK | HTTPStatus.CREATED:
                    content = bytearray()
                    async for part in answer.aiter_bytes():
                        content += part
                        if len(content) > LONGEST_ANSWER_BYTES:
                            raise UpstreamUnavailable("Buybuddy gave an answer that is not understood.")
                    return bytes(content)
                case status if status in REFUSALS:
                    return None
                case HTTPStatus.TOO_MANY_REQUESTS:
                    pause_s = _pause_s(answer.headers.get("retry-after"))
                    raise LoginThrottled(f"Buybuddy asks to wait {pause_s} s.", retry_after_s=pause_s)
                case status:
                    raise UpstreamUnavailable(f"Buybuddy answered {status} instead of signing in; try again.")


def _pause_s(retry_after: str | None) -> int:
    """Return a Retry-After in seconds; a date, or anything else, counts as the default."""
    if retry_after is None or not retry_after.isascii() or not retry_after.isdigit():
        return DEFAULT_PAUSE_S
    return min(max(1, int(retry_after[:9])), LONGEST_PAUSE_S)
