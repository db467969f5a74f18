"""Every command by its name."""

import signal
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from buybuddy.cli import (
    accounts,
    augmentation,
    bench,
    datasets,
    demo,
    doctor,
    encoders,
    exports,
    imports,
    index,
    matching,
    photos,
    products,
    search,
    seed,
    up,
    videos,
)
from buybuddy.cli.output import explain_os_error, report_error
from buybuddy.errors import BuybuddyError
from buybuddy_sdk import BuybuddyError as RefusedCall

app = typer.Typer(
    name="buybuddy",
    help="From short product videos to a recognition model for real photos.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("up")(up.up)
app.command("demo")(demo.demo)
app.command("search")(search.search)
app.command("doctor")(doctor.doctor)
app.command("bench")(bench.bench)
app.command("seed")(seed.seed)
app.command("augment")(augmentation.augment)
app.add_typer(accounts.app, name="accounts", help="Manage who signs in.")
app.add_typer(videos.app, name="videos", help="Process product videos.")
app.add_typer(products.app, name="products", help="Look into the catalogue, export it, import into it.")
products.app.command("export")(exports.export_products)
products.app.command("import")(imports.import_products)
app.add_typer(photos.app, name="photos", help="Take photos from stores in, and look at the pool.")
app.add_typer(matching.app, name="matching", help="See what to match next, and how well photos find products.")
app.add_typer(encoders.app, name="encoders", help="Fill in another encoder's vectors, and have it serve.")
app.add_typer(index.app, name="index", help="Build indexes of frozen datasets, and have one answer searches.")
app.add_typer(datasets.app, name="datasets", help="Choose, freeze and export training sets.")
app.add_typer(augmentation.recipes, name="recipes", help="Look at how pictures are made, and save ways of one's own.")
app.add_typer(augmentation.backgrounds, name="backgrounds", help="Choose what products are laid on.")


def _print_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(version("buybuddy"))
        raise typer.Exit


@app.callback()
def root(
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options that come before a command."""


def main() -> None:
    """Run the command line; what went wrong is one sentence and exit code 1, SIGTERM ends as cleanly as Ctrl-C."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        app()
    except (BuybuddyError, RefusedCall) as error:
        report_error(error.detail)
        raise SystemExit(1) from None
    except OSError as error:  # a file or folder that cannot be read or written
        report_error(explain_os_error(error))
        raise SystemExit(1) from None
