"""The walk as a table that grows while one watches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich import box
from rich.console import Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from entitlements.demo.site import WEBHOOK
from entitlements.demo.walk import live, walk

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from entitlements.demo.steps import Line
    from entitlements.demo.walk import Scene

__all__ = ["show"]

_COLOURS: Final = {"2": "green", "4": "yellow", "5": "magenta"}


def show(console: Console) -> None:
    """Take the walk and show it.

    Raises:
        StepFailed: a step didn't do what it says; the lines before it have been shown.
    """
    with live() as scene:
        _introduce(scene, console)
        table = _table()
        try:
            _grow(table, scene, console)
        finally:
            if table.row_count:
                console.print(table)
    console.print("\n[bold green]Every step did what it says.[/] Nothing was scripted: each cell comes from an answer.")


def _grow(table: Table, scene: Scene, console: Console) -> None:
    """Fill the table line by line, in sight on a terminal, and leave the screen as it was."""
    before = 0
    with Live(_growing(table), console=console, transient=True) as screen:
        for number, line in walk(scene.stage):
            _add(table, number if number != before else None, line)
            before = number
            screen.update(_growing(table))


def _introduce(scene: Scene, console: Console) -> None:
    console.print("[bold]May this customer use this feature, now?[/]\n")
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    facts.add_row("Stripe", scene.stripe, "the emulator: Free, Pro, Business")
    facts.add_row("application", scene.application, f"process {scene.process}; /exports needs Pro")
    facts.add_row("webhook", WEBHOOK, "signed by Stripe, verified by the application")
    console.print(facts, "", highlight=False)


def _growing(table: Table) -> RenderableType:
    return Group(table, Spinner("dots", style="dim"))


def _table() -> Table:
    table = Table(box=box.ROUNDED, header_style="bold", border_style="dim", show_lines=True)
    table.add_column("", justify="right", style="dim")
    table.add_column("what happens")
    table.add_column("what is answered")
    table.add_column("time", justify="right")
    return table


def _add(table: Table, number: int | None, line: Line) -> None:
    answer = Text(line.answer, style=_COLOURS.get(line.answer[0], "cyan"))
    answer.append(f"\n{line.detail}", style="dim")
    time = Text(line.time, style="bold")
    time.append(f"\n{line.since}", style="dim")
    table.add_row(str(number or ""), line.event, answer, time)
