"""`buybuddy matching`."""

import typer

from buybuddy.cli import matching_evaluate

app = typer.Typer(no_args_is_help=True)


@app.callback()
def matching() -> None:
    """Group of commands about matching."""


app.command("evaluate")(matching_evaluate.evaluate)
