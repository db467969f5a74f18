"""Finding what a person names."""

import unicodedata
import uuid

from buybuddy.errors import NotFound
from buybuddy_sdk import Client


def find_dataset(client: Client, dataset: str) -> str:
    """Return a dataset's id by its id or whole name, whatever the case and the accents. Raises: NotFound."""
    try:
        return str(uuid.UUID(dataset))
    except ValueError:
        name = unicodedata.normalize("NFC", dataset.strip())
        # The server folds letters one by one: a name that contains this one and is as long is this one.
        named = [row for row in client.datasets.list(search=name) if len(row.name) == len(name)]
    if not named:
        raise NotFound(f"There is no dataset {dataset!r}.")
    return str(named[0].id)
