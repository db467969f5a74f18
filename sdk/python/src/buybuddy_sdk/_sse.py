"""Server-Sent Events, as the HTML standard has them read."""

import json
from dataclasses import dataclass
from typing import Any

RESYNC = "resync"


@dataclass(frozen=True)
class Event:
    """A change that was committed.

    Args:
        topic: e.g. `job`, `product`, `dataset`, `lock`; `resync` means that too much was missed: load again.
        data: for `job` the whole job, else {id, change: created|updated|deleted}.
    """

    id: int | None
    topic: str
    data: dict[str, Any]

    @property
    def is_resync(self) -> bool:
        """Whether everything is to be loaded again."""
        return self.topic == RESYNC


class EventReader:
    """Makes events of lines; remembers the last id, to go on from there."""

    def __init__(self, last_id: int | None = None) -> None:
        self.last_id = last_id
        self._id = last_id  # of the event that is being read; counts once it is whole
        self._topic = ""
        self._data: list[str] = []

    def take(self, line: str) -> Event | None:
        """Return the event that a line ends, if it ends one."""
        if line:
            self._remember(line)
            return None
        self.last_id = self._id
        topic, text = self._topic or "message", "\n".join(self._data)
        self._topic, self._data = "", []
        if not text:
            return None
        try:
            data = json.loads(text)
        except ValueError:
            return None
        return Event(self.last_id, topic, data if isinstance(data, dict) else {"value": data})

    def forget_half(self) -> None:
        """Drop what a connection that broke off had begun."""
        self._id, self._topic, self._data = self.last_id, "", []

    def _remember(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._topic = value
        elif name == "data":
            self._data.append(value)
        elif name == "id" and value.isdigit():
            self._id = int(value)
