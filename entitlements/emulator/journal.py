"""The journal: every request that reached the emulator, so that a test can count them."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from fnmatch import fnmatchcase

from entitlements.emulator.clock import steady

__all__ = ["Journal", "Served"]

_KEPT = 100_000


@dataclass(frozen=True, slots=True)
class Served:
    """A request as it arrived, whatever became of it; `at` is in seconds that nobody freezes, for differences."""

    method: str
    path: str
    query: str
    at: float
    request: str


class Journal:
    """Note requests as they arrive; safe to read from any thread."""

    def __init__(self) -> None:
        self._entries: deque[Served] = deque(maxlen=_KEPT)
        self._guard = threading.Lock()

    def note(self, method: str, path: str, query: str, request: str) -> None:
        """Write down a request."""
        with self._guard:
            self._entries.append(Served(method, path, query, steady(), request))

    def entries(self) -> tuple[Served, ...]:
        """List the requests, oldest first."""
        with self._guard:
            return tuple(self._entries)

    def count(self, method: str = "*", path: str = "*") -> int:
        """Count the requests with a method to a path; `*` stands for anything.

        >>> journal = Journal()
        >>> journal.note("GET", "/v1/events", "limit=1", "req_1")
        >>> journal.count("GET", "/v1/*"), journal.count("POST")
        (1, 0)
        """
        return sum(method in {"*", entry.method} and fnmatchcase(entry.path, path) for entry in self.entries())

    def clear(self) -> None:
        """Forget them."""
        with self._guard:
            self._entries.clear()
