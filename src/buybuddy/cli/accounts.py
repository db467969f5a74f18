"""`buybuddy accounts`."""

from typing import Annotated, Any

import typer

from buybuddy.cli.connect import connect
from buybuddy.cli.output import JsonOption, ServerOption, out, print_json
from buybuddy.cli.tables import Listing
from buybuddy.domain.accounts.rules import AREAS, Role
from buybuddy.domain.accounts.service import ADMIN_USERNAME
from buybuddy.errors import NotFound
from buybuddy_sdk import Client, Pager
from buybuddy_sdk.models import ApiKeyOut, UserOut

app = typer.Typer(no_args_is_help=True)
keys = typer.Typer(no_args_is_help=True)
app.add_typer(keys, name="keys", help="API keys for programs.")

Username = Annotated[str, typer.Argument(help="User name or email.")]
UserOption = Annotated[str | None, typer.Option("--user", help="Whose; your own when it is left out.")]


@app.callback()
def accounts() -> None:
    """Group of commands about accounts."""


@app.command("list")
def list_users(
    search: Annotated[str | None, typer.Argument(help="Part of a name or email.")] = None,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """List who may sign in."""
    with connect(server) as client:
        users = client.users.list(search=search).to_list()
    columns = ("username", "email", "role", "upstream", "state", "created_at")
    rows = [{**user.model_dump(), "state": "disabled" if user.disabled_at else "enabled"} for user in users]
    _show(users, rows, columns, as_json)


@app.command("add")
def add(
    username: Annotated[str, typer.Argument()],
    role: Annotated[Role, typer.Option("--role")] = "viewer",
    email: Annotated[str | None, typer.Option("--email")] = None,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a user with a generated password, printed this once."""
    with connect(server) as client:
        user = client.users.create(username, role=role, email=email)
    _say(user, f"{user.username} ({user.role}) signs in with [bold]{user.password}[/].", as_json)


@app.command("set-role")
def set_role(
    username: Username,
    role: Annotated[Role, typer.Argument()],
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a user another role."""
    _edit(username, {"role": role}, f"is {role} now", server, as_json)


@app.command("disable")
def disable(username: Username, server: ServerOption = None, as_json: JsonOption = False) -> None:
    """Keep a user out; their sessions and keys end at once."""
    _edit(username, {"is_disabled": True}, "is disabled; sessions and keys have ended", server, as_json)


@app.command("enable")
def enable(username: Username, server: ServerOption = None, as_json: JsonOption = False) -> None:
    """Let a disabled user sign in again."""
    _edit(username, {"is_disabled": False}, "may sign in again", server, as_json)


@app.command("reset-password")
def reset_password(
    username: Username = ADMIN_USERNAME, server: ServerOption = None, as_json: JsonOption = False
) -> None:
    """Give a user a new generated password and end their sessions."""
    with connect(server) as client:
        answer = client.users.reset_password(username)
    _say(answer, f"{answer.username} signs in with [bold]{answer.password}[/] now.", as_json)


@keys.command("list")
def list_keys(user: UserOption = None, server: ServerOption = None, as_json: JsonOption = False) -> None:
    """List API keys; the keys themselves are not stored."""
    with connect(server) as client:
        found = _keys_of(client, user).to_list()
    rows = [{**key.model_dump(), "areas": ", ".join(key.scopes) if key.scopes else "all"} for key in found]
    _show(found, rows, ("id", "name", "prefix", "role", "areas", "last_used_at", "expires_at"), as_json)


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    role: Annotated[Role | None, typer.Option("--role", help="At most your own.")] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", help=f"An area that it may touch; repeat it for more: {', '.join(AREAS)}."),
    ] = None,
    days: Annotated[int, typer.Option("--days", min=1, max=3650, help="How long it works.")] = 90,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create an API key, printed this once."""
    with connect(server) as client:
        key = client.api_keys.create(name, expires_in_days=days, role=role, scopes=scope or None)
    _say(key, f"[bold]{key.key}[/]\nIt is shown this once; it works until {key.expires_at:%Y-%m-%d}.", as_json)


@keys.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(help="Its id, as `keys list` shows it.")],
    user: UserOption = None,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Revoke an API key; it stops working at once."""
    with connect(server) as client:
        if user is None:
            client.api_keys.delete(key_id)
        else:
            client.users.delete_api_key(_find(client, user), key_id)
    _say({"id": key_id, "revoked": True}, f"{key_id} works no longer.", as_json)


def _edit(username: str, changes: dict[str, Any], done: str, server: str | None, as_json: bool) -> None:
    with connect(server) as client:
        user = client.users.update(_find(client, username), **changes)
    _say(user, f"{user.username} {done}.", as_json)


def _find(client: Client, username: str) -> UserOut:
    """Return the user of a name or email. Raises: NotFound."""
    wanted = username.lower()
    for user in client.users.list(search=username):
        if wanted in (user.username.lower(), (user.email or "").lower()):
            return user
    raise NotFound(f"There is no user {username}.")


def _keys_of(client: Client, username: str | None) -> Pager[ApiKeyOut]:
    return client.api_keys.list() if username is None else client.users.api_keys(_find(client, username))


def _say(document: Any, sentence: str, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        out.print(sentence, highlight=False)


def _show(documents: Any, rows: list[dict[str, Any]], columns: tuple[str, ...], as_json: bool) -> None:
    if as_json:
        print_json(documents)
        return
    listing = Listing(
        *(column.replace("_", " ") for column in columns),
        whole=("id", "username", "email"),
        gives_way=("upstream", "last used at", "areas", "created at"),
    )
    listing.print([[row[column] for column in columns] for row in rows])
