"""Notes: where a sweep keeps how far it has come, and how the processes of a host agree on who sweeps."""

from __future__ import annotations

from typing import Protocol

__all__ = ["MemoryNotes", "Notes"]


class Notes(Protocol):
    """A few short texts by name, and leases that end by themselves; a host's processes share them."""

    def read_note(self, name: str) -> str | None: ...

    def write_note(self, name: str, text: str) -> bool:
        """Keep a text; false if it could not be kept."""
        ...

    def lease(self, name: str, holder: str, seconds: float) -> bool:
        """Take or renew a lease; false while somebody else holds it."""
        ...


class MemoryNotes:
    """The notes of a process that shares none: it sweeps for itself, and a restart begins anew.

    >>> notes = MemoryNotes()
    >>> notes.write_note("sweep", "here"), notes.read_note("sweep"), notes.read_note("other")
    (True, 'here', None)
    """

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def read_note(self, name: str) -> str | None:
        return self._texts.get(name)

    def write_note(self, name: str, text: str) -> bool:
        self._texts[name] = text
        return True

    def lease(self, name: str, holder: str, seconds: float) -> bool:  # noqa: ARG002 - there is nobody else
        return True
