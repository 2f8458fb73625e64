"""Forks: whatever a child process must not use of its parent's, it rebuilds on its own.

Sockets, threads and locks belong to the process that made them. Objects that hold any register here, and the child
resets them before anything else runs in it: there is nothing for the user to call.
"""

from __future__ import annotations

import os
import threading
from typing import Final, Protocol
from weakref import WeakSet

__all__ = ["first_load", "reset_in_child", "resume_in_child"]


class Resettable(Protocol):
    """Something that can let go of its threads, locks and connections, and begin anew."""

    def reset(self) -> None: ...


class Resumable(Protocol):
    """Something that ran in the parent and goes on in the child, on a thread of its own."""

    def resume(self) -> None: ...


first_load: Final = threading.RLock()
"""Held while something is loaded or made for the first time. A fork waits for it: a child forked in the midst of an
import would find the module locked by a thread that it doesn't have."""

_registered: Final[WeakSet[Resettable]] = WeakSet()
_running: Final[WeakSet[Resumable]] = WeakSet()


def reset_in_child(resettable: Resettable) -> None:
    """Have `resettable.reset()` called in every child forked from here on, for as long as it lives."""
    _registered.add(resettable)


def resume_in_child(resumable: Resumable) -> None:
    """Have `resumable.resume()` called in every child, after everything was reset: only then may a thread start."""
    _running.add(resumable)


def _reset_all() -> None:
    for resettable in list(_registered):
        resettable.reset()
    for resumable in list(_running):
        resumable.resume()


def _after_in_child() -> None:
    first_load.release()
    _reset_all()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=first_load.acquire, after_in_parent=first_load.release, after_in_child=_after_in_child)
