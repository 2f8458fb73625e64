"""Forks: whatever a child process must not use of its parent's, it rebuilds on its own.

Sockets, threads and locks belong to the process that made them. Objects that hold any register here, and the child
resets them before anything else runs in it: there is nothing for the user to call. What can't be rebuilt, because it
lies inside a library, a fork waits for.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import Final, Protocol
from weakref import WeakSet

__all__ = ["Lock", "first_load", "reset_in_child", "resume_in_child", "wait_before_fork"]


class Resettable(Protocol):
    """Something that can let go of its threads, locks and connections, and begin anew."""

    def reset(self) -> None: ...


class Resumable(Protocol):
    """Something that ran in the parent and goes on in the child, on a thread of its own."""

    def resume(self) -> None: ...


class Lock(Protocol):
    """A lock that the thread which forks may take although it has it already."""

    def acquire(self) -> bool: ...
    def release(self) -> None: ...


first_load: Final = threading.RLock()
"""Held while something is loaded or made for the first time. A fork waits for it: a child forked in the midst of an
import would find the module locked by a thread that it doesn't have."""

_registered: Final[WeakSet[Resettable]] = WeakSet()
_running: Final[WeakSet[Resumable]] = WeakSet()
_waited_for: Final[WeakSet[Lock]] = WeakSet()
_held: Final[list[Lock]] = []  # by the thread that forks just now; touched by whoever has `first_load`


def reset_in_child(resettable: Resettable) -> None:
    """Have `resettable.reset()` called in every child forked from here on, for as long as it lives."""
    _registered.add(resettable)


def resume_in_child(resumable: Resumable) -> None:
    """Have `resumable.resume()` called in every child, after everything was reset: only then may a thread start."""
    _running.add(resumable)


def wait_before_fork(lock: Lock) -> None:
    """Have every fork wait until `lock` is free, for as long as it lives.

    A fork takes `first_load` first and then these, so whoever has one of these may ask neither for `first_load` nor for
    another of them: each would wait for the other for ever.
    """
    with first_load:
        _waited_for.add(lock)


def _before() -> None:
    first_load.acquire()
    _held.append(first_load)
    for lock in list(_waited_for):
        lock.acquire()
        _held.append(lock)


def _release_all() -> None:
    held = _held.copy()
    _held.clear()  # before `first_load` is free: the next fork notes its own locks here
    for lock in reversed(held):
        lock.release()


def _reset_all() -> None:
    for resettable in list(_registered):
        resettable.reset()
    for resumable in list(_running):
        resumable.resume()


def _after_in_child() -> None:
    _release_all()
    _reset_all()


# What was registered last is called first. `logging` takes a lock of its own before a fork, and has to be registered by
# now: its lock taken before ours, whoever loads what makes a logger would wait for it, and we for them.
_registered_before_us: Final = logging

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_release_all, after_in_child=_after_in_child)
