"""`buybuddy accounts`."""

from typing import Annotated

import typer

from buybuddy.cli.connect import connect
from buybuddy.cli.output import JsonOption, ServerOption, out, print_json
from buybuddy.domain.accounts.service import ADMIN_USERNAME

app = typer.Typer(no_args_is_help=True)


@app.callback()
def accounts() -> None:
    """Group of commands about accounts."""


@app.command("reset-password")
def reset_password(
    username: Annotated[str, typer.Argument()] = ADMIN_USERNAME,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a user a new generated password and end their sessions."""
    with connect(server) as client:
        answer = client.reset_password(username)
    if as_json:
        print_json(answer)
    else:
        out.print(f"{answer['username']} signs in with [bold]{answer['password']}[/] now.", highlight=False)
