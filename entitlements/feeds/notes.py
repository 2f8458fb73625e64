"""Notes: where a sweep keeps how far it has come, and how the processes of a host agree on who sweeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from entitlements.cache.host import HostStore

__all__ = ["HostNotes", "MemoryNotes", "Notes"]


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


class HostNotes:
    """The notes that all processes of a host share, in its store."""

    def __init__(self, store: HostStore) -> None:
        self._store = store

    def read_note(self, name: str) -> str | None:
        """Read a text.

        Raises:
            OSError: it can't be told just now.
        """
        return self._store.read_note(name)

    def write_note(self, name: str, text: str) -> bool:
        try:
            self._store.write_note(name, text)
        except OSError:
            return False  # the store has said so already
        return True

    def lease(self, name: str, holder: str, seconds: float) -> bool:
        return self._store.lease(name, holder, seconds)
