# Generated from _async/transport.py by scripts/generate.py, not to be edited.
"""Sends calls, tries them again where that does no harm, and makes errors of refusals."""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from buybuddy_sdk._address import API_PREFIX, checked_token
from buybuddy_sdk._files import FilePath, Form, OnBytes, PartFile
from buybuddy_sdk._pauses import sleep
from buybuddy_sdk._progress import open_bars
from buybuddy_sdk._retry import Options, Tries
from buybuddy_sdk.errors import DownloadBroken, ServerError

TRANSFER_SILENCE_S = 300.0
REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})

MadeT = TypeVar("MadeT")
ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True)
class Call:
    """One request.

    Args:
        path: below the API's prefix; a link that the API gave begins with `/media/`.
        is_repeatable: None to go by the method.
        silence_s: the longest silence of a try, where it is not the client's own.
    """

    method: str
    path: str
    params: Mapping[str, object] = field(default_factory=dict)
    json: object = None
    form: Form | None = None
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    is_repeatable: bool | None = None
    silence_s: float | None = None

    @property
    def url(self) -> str:
        """Where it goes."""
        return self.path if self.path.startswith(("/media/", "/health", "/ready")) else API_PREFIX + self.path

    @property
    def may_be_repeated(self) -> bool:
        """Whether sending it twice does no harm."""
        return self.method in REPEATABLE if self.is_repeatable is None else self.is_repeatable


def new_key() -> str:
    """Return an Idempotency-Key: the same job is not started twice, however often the call is sent."""
    return str(uuid.uuid4())


class Transport:
    """What every part of a client sends its calls through."""

    def __init__(self, http: httpx.Client, options: Options) -> None:
        self.http = http
        self.options = options

    @property
    def origin(self) -> str:
        """The platform's address."""
        return str(self.http.base_url).rstrip("/")

    def use_token(self, token: str | None) -> None:
        """Sign calls with a token from now on, or with none. Raises: InvalidInput."""
        if token is None:
            self.http.headers.pop("Authorization", None)
        else:
            self.http.headers["Authorization"] = f"Bearer {checked_token(token)}"

    def get(self, model: type[ModelT], path: str, **params: object) -> ModelT:
        """Read one document."""
        return self.read(model, Call("GET", path, params=params))

    def read(self, model: type[ModelT], call: Call) -> ModelT:
        """Send a call and return its answer as a model."""
        response = self.send(call)
        try:
            return model.model_validate_json(response.content)
        except ValidationError as error:
            raise self._unreadable(call) from error

    def read_as(self, make: Callable[[Any], MadeT], call: Call) -> MadeT:
        """Send a call and return what is made of its answer."""
        document = self.read_json(call)
        try:
            return make(document)
        except (ValidationError, LookupError, TypeError) as error:
            raise self._unreadable(call) from error

    def read_list(self, model: type[ModelT], call: Call) -> list[ModelT]:
        """Send a call and return its answer, a list that is not paged, as models."""
        return self.read_as(
            lambda answer: [
                model.model_validate(item) for item in (answer["items"] if isinstance(answer, dict) else answer)
            ],
            call,
        )

    def read_json(self, call: Call) -> Any:
        """Send a call and return its answer; None for an empty one."""
        response = self.send(call)
        try:
            return response.json() if response.content else None
        except ValueError as error:
            raise self._unreadable(call) from error

    def _unreadable(self, call: Call) -> ServerError:
        return ServerError(f"{self.origin} answered {call.url} with something that this client cannot read.")

    def remove(self, path: str, headers: Mapping[str, str] | None = None) -> None:
        """Delete something; what an earlier try of the same call has removed already counts as removed."""
        self.send(Call("DELETE", path, headers=headers or {}))

    def send(self, call: Call) -> httpx.Response:
        """Send a call and return its answer, read whole. Raises: BuybuddyError."""
        tries = Tries(self.options, is_repeatable=call.may_be_repeated)
        while True:
            timeout = tries.timeout(call.silence_s)
            try:
                response = self._try(call, timeout)
            except httpx.TransportError as error:
                pause_s = tries.pause_after_failure(error, self.origin)
            else:
                if response.is_success or _was_done_before(call, tries, response):
                    return response
                pause_s = tries.pause_after_refusal(response)
            sleep(pause_s)

    def _try(self, call: Call, timeout: httpx.Timeout) -> httpx.Response:
        with ExitStack() as files:
            return self.http.send(self._build(call, timeout, files))

    def _build(self, call: Call, timeout: httpx.Timeout, files: ExitStack) -> httpx.Request:
        body: dict[str, Any] = {}
        if call.form is not None:
            body = call.form.open(files)
        elif call.content is not None:
            body = {"content": call.content}
        elif call.json is not None:
            body = {"json": call.json}
        return self.http.build_request(
            call.method,
            call.url,
            params=[(name, item) for name, value in call.params.items() for item in _as_params(value)],
            headers=dict(call.headers),
            timeout=timeout,
            **body,
        )

    @contextmanager
    def stream(self, call: Call) -> Iterator[httpx.Response]:
        """Open an answer that is read bit by bit; it is tried again until its first bit is there."""
        tries = Tries(self.options, is_repeatable=call.may_be_repeated)
        while True:
            timeout = tries.timeout(call.silence_s or TRANSFER_SILENCE_S)
            try:
                with ExitStack() as files:
                    response = self.http.send(self._build(call, timeout, files), stream=True)
                if not response.is_success:
                    response.read()
            except httpx.TransportError as error:
                pause_s = tries.pause_after_failure(error, self.origin)
            else:
                if response.is_success:
                    break
                response.close()
                pause_s = tries.pause_after_refusal(response)
            sleep(pause_s)
        try:
            yield response
        finally:
            response.close()

    def save(self, call: Call, to: FilePath, *, progress: bool | None = None, on_bytes: OnBytes | None = None) -> int:
        """Write an answer into a file, which is there only once it is whole, and return how many bytes that were.

        Raises: DownloadBroken.
        """
        with open_bars(progress) as bars, PartFile(to) as file:
            with self.stream(call) as response:
                size = response.headers.get("content-length")
                total = int(size) if size and "content-encoding" not in response.headers else None
                try:
                    for chunk in response.iter_bytes():
                        file.write(chunk)
                        bars.show("file", file.path.name, file.n_bytes, total, f"{file.n_bytes / 1e6:,.1f} MB")
                        if on_bytes is not None:
                            on_bytes(file.n_bytes, total)
                except httpx.TransportError as error:
                    raise DownloadBroken(f"{file.path.name} broke off: {error}") from error
        return file.n_bytes


def _was_done_before(call: Call, tries: Tries, response: httpx.Response) -> bool:
    """Whether a removal that finds nothing was carried out by a try whose answer was lost."""
    return call.method == "DELETE" and response.status_code == 404 and tries.may_have_been_done


def _as_params(value: object) -> Sequence[str]:
    """Return a query parameter's values as texts; none for None."""
    if value is None:
        return ()
    if isinstance(value, (list, tuple, set, frozenset)):
        return [text for item in value for text in _as_params(item)]
    if isinstance(value, bool):
        return ("true" if value else "false",)
    return (str(value),)
