"""How commands speak: to stdout what was asked for, to stderr one line about what went wrong."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from io import TextIOWrapper
from typing import IO, TYPE_CHECKING, Final, NoReturn

import typer
from rich.console import Console

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["FAILED", "INTERRUPTED", "UNUSABLE", "fail", "needs_extra", "note", "out"]

FAILED: Final = 1  # it ran, and didn't do what it should
UNUSABLE: Final = 2  # it could not run like this
INTERRUPTED: Final = 130


def out() -> Console:
    """Give the console for what was asked for."""
    return _console(sys.stdout)


def note(message: str) -> None:
    """Say something beside what was asked for, on stderr."""
    # Nothing is wrapped or read as markup: a path or an address must come out as it is.
    _console(sys.stderr).print(f"entitlements: {message}", soft_wrap=True, markup=False, highlight=False)


def fail(message: str, *, status: int = UNUSABLE) -> NoReturn:
    """Say what is wrong, on stderr, and end."""
    note(message)
    raise typer.Exit(status)


@contextmanager
def needs_extra(extra: str) -> Generator[None]:
    """Import within this what only an extra brings along."""
    try:
        yield
    except ModuleNotFoundError as missing:
        package = str(missing.name).partition(".")[0]
        if package == "entitlements":
            raise
        fail(f"this command needs {package}: pip install 'entitlements[{extra}]'")


def _console(stream: IO[str]) -> Console:
    # A terminal that lacks a letter shows a question mark; it is no reason to stop.
    console = Console(file=stream)
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="replace")
    return console
