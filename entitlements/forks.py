"""Forks: whatever a child process must not use of its parent's, it rebuilds on its own.

Sockets, threads and locks belong to the process that made them. Objects that hold any register here, and the child
resets them before anything else runs in it: there is nothing for the user to call.
"""

from __future__ import annotations

import os
from typing import Final, Protocol
from weakref import WeakSet

__all__ = ["reset_in_child"]


class Resettable(Protocol):
    """Something that can let go of its threads, locks and connections, and begin anew."""

    def reset(self) -> None: ...


_registered: Final[WeakSet[Resettable]] = WeakSet()


def reset_in_child(resettable: Resettable) -> None:
    """Have `resettable.reset()` called in every child forked from here on, for as long as it lives."""
    _registered.add(resettable)


def _reset_all() -> None:
    for resettable in list(_registered):
        resettable.reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_all)
