"""What a failure of the database means to whoever waits for an answer."""

from sqlalchemy.exc import DBAPIError

from buybuddy.errors import BuybuddyError, InvalidInput, StorageFull, Unavailable

DISK_FULL = "53100"
BEYOND_LIMITS = "54"  # a class: a word, a key of an index or a row is too long
SENTENCES = {
    "57014": "This took the database too long, so it was given up; ask for less, or try again when it is less busy.",
    "40P01": "This and another change waited for each other, so it was given up; try again.",
    "55P03": "Somebody else is changing this for a long time; try again when they have ended.",
    "53300": "The database takes no more connections at the moment; try again.",
}


def as_error(error: DBAPIError) -> BuybuddyError:
    """Return what to raise: in the words of what happened where that is known, else that the server is away.

    Only what can never be stored is no Unavailable: trying again would not help.
    """
    sqlstate = getattr(error.orig, "sqlstate", None) or ""
    if sqlstate.startswith(BEYOND_LIMITS):
        return InvalidInput("Something in this is longer than the database can hold.")
    if sqlstate == DISK_FULL:
        return StorageFull("The database has no room left; free some, then try again.")
    return Unavailable(SENTENCES.get(sqlstate, "The database cannot be reached at the moment."))
