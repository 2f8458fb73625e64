"""Refusals of a shared directory, and the proof that nothing in it was touched for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from entitlements.cache.fence_file import FileFences
from entitlements.errors import InvalidSettings

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["made", "opened", "refused"]


def opened(directory: Path, boot: int = 1) -> FileFences:
    """Open a table as another process would: `fences_at` gives one object a process."""
    return FileFences(str(directory), boot=boot)


def made(directory: Path) -> Path:
    """Make a table, and name its file."""
    opened(directory)
    return directory / "fences"


def refused(directory: Path) -> str:
    """Read the refusal, and see that nothing was changed or made for it."""
    before = _contents(directory)
    with pytest.raises(InvalidSettings) as told:
        opened(directory)
    assert _contents(directory) == before
    return str(told.value)


def _contents(directory: Path) -> object:
    try:
        found = sorted(directory.iterdir())
    except OSError as error:
        return error.errno
    return {path.name: path.read_bytes() if path.is_file() else None for path in found}
