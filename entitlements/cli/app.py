"""The commands, gathered."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from entitlements.cli import audit, demo, emulator

__all__ = ["app"]

app = typer.Typer(
    name="entitlements",
    help="May this customer use this feature, now? Feature gating on Stripe Entitlements.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a fault of ours is shown as Python shows it
)
app.command("audit")(audit.audit)
app.command("demo")(demo.demo)
app.command("emulator")(emulator.emulator)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - how typer calls it
    if wanted:
        typer.echo(f"entitlements {version('entitlements')}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", metavar="", help="Print the version.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    pass
