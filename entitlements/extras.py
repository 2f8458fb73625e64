"""Extras: what an integration says when the framework it integrates isn't installed."""

from __future__ import annotations

__all__ = ["missing"]


def missing(extra: str, error: ImportError) -> ImportError:
    """Name the extra to install, and keep what could not be imported.

    An integration imports its framework in a `try`, and does `raise missing("flask", error) from error`. A module
    that isn't there stays a `ModuleNotFoundError`, which is what those who can do without it catch.

    >>> missing("flask", ModuleNotFoundError("No module named 'flask'", name="flask"))
    ModuleNotFoundError("No module named 'flask'; install it with: pip install 'entitlements[flask]'")
    """
    kind = ModuleNotFoundError if isinstance(error, ModuleNotFoundError) else ImportError
    return kind(
        f"{error}; install it with: pip install 'entitlements[{extra}]'",
        name=error.name,
        path=error.path,
    )
