"""`buybuddy matching`."""

import typer

from buybuddy.cli import matching_evaluate, matching_queue

app = typer.Typer(no_args_is_help=True)


@app.callback()
def matching() -> None:
    """Group of commands about matching."""


app.command("queue")(matching_queue.queue)
app.command("progress")(matching_queue.progress)
app.command("settings")(matching_queue.settings)
app.command("evaluate")(matching_evaluate.evaluate)
