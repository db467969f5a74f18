"""What a failure of the database means to whoever waits for an answer."""

from sqlalchemy.exc import DBAPIError

from buybuddy.errors import StorageFull, Unavailable

DISK_FULL = "53100"
SENTENCES = {
    "57014": "This took the database too long, so it was given up; ask for less, or try again when it is less busy.",
    "40P01": "This and another change waited for each other, so it was given up; try again.",
    "55P03": "Somebody else is changing this for a long time; try again when they have ended.",
    "53300": "The database takes no more connections at the moment; try again.",
}


def as_unavailable(error: DBAPIError) -> Unavailable:
    """Return the error to raise: in the words of what happened where that is known, else that the server is away."""
    sqlstate = getattr(error.orig, "sqlstate", None)
    if sqlstate == DISK_FULL:
        return StorageFull("The database has no room left; free some, then try again.")
    return Unavailable(SENTENCES.get(sqlstate or "", "The database cannot be reached at the moment."))
