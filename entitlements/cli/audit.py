"""`entitlements audit`: which routes are gated by what, and which gates do nothing."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from entitlements.bound import configured
from entitlements.cli.terminal import FAILED, fail, note, out
from entitlements.errors import EntitlementsError
from entitlements.resolver import Entitlements, core_of

if TYPE_CHECKING:
    from entitlements.audit import Audit
    from entitlements.catalog import Contents

__all__ = ["audit"]


def audit(
    app: Annotated[str, typer.Argument(help="Where the application is, as in myapp.main:app.", metavar="APP")],
    *,
    factory: Annotated[bool, typer.Option("--factory", help="APP is a function that makes the application.")] = False,
    catalog: Annotated[bool, typer.Option(help="Ask Stripe's catalogue which lookup keys there are.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print data rather than a table.")] = False,
) -> None:
    """List an application's routes with what gates each, and the gates that do nothing.

    Knows Flask, Django, Starlette and FastAPI. Lookup keys are held against the catalogue of the instance that the
    application configures, or of STRIPE_API_KEY. Exits with 1 if there is a mistake, so that a pipeline stops at it.
    """
    from entitlements.audit import audit as inspect  # noqa: PLC0415 - for this command only

    loaded = _load(app, factory=factory)
    try:
        found = inspect(loaded, _contents() if catalog else None)
    except EntitlementsError as error:
        fail(str(error))
    if as_json:
        out().print_json(json.dumps(_plain(found)))
    else:
        _show(found)
    if not found:
        raise typer.Exit(FAILED)


def _load(name: str, *, factory: bool) -> object:
    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        fail(f"{name!r} doesn't say where the application is: write module:name, as in myapp.main:app")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found: object = import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
        return found() if factory and callable(found) else found
    except (ImportError, AttributeError) as error:
        fail(f"{name} can't be loaded: {error}")
    except Exception as error:  # noqa: BLE001 - an application may raise anything while it is imported
        fail(f"{name} can't be loaded: {type(error).__name__}: {error}")


def _contents() -> Contents | None:
    """Read the catalogue that the application's gates are held against; say so where there is none."""
    instance = configured()
    if instance is None and not os.environ.get("STRIPE_API_KEY"):
        note("lookup keys are not checked: the application configures no instance, and STRIPE_API_KEY is not set")
        return None
    contents = core_of(instance if instance is not None else Entitlements()).catalog.read()
    if contents is None:
        note("lookup keys are not checked: the application's source has no catalogue")
    return contents


def _show(found: Audit) -> None:
    table = Table("methods", "path", "gated by", "answers")
    for route in found.routes:
        gates = "; ".join(map(str, route.gates))
        table.add_row(" ".join(route.methods) or "any", route.path, gates or "[dim]nothing[/]", route.endpoint)
    console = out()
    console.print(table)
    for place in found.unseen:
        console.print(f"[yellow]not seen[/]  {place}: its routes can't be listed")
    for mistake in found.mistakes:
        console.print(f"[red]mistake[/]  {mistake.route}: {mistake.message}", soft_wrap=True)
    gated = sum(bool(route.gates) for route in found.routes)
    console.print(f"{len(found.routes)} routes, {gated} gated, {len(found.mistakes)} mistakes")


def _plain(found: Audit) -> dict[str, object]:
    return {
        "routes": [{**asdict(route), "gates": list(map(str, route.gates))} for route in found.routes],
        "mistakes": [{"route": str(each.route), "message": each.message} for each in found.mistakes],
        "unseen": list(found.unseen),
    }
