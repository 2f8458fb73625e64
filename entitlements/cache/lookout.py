"""The lookout: looks every second whether the fence table is still the one that others find under its name.

Somebody may remove or replace it under a running process, and a fresh process then begins a table of its own: what is
acknowledged there is unknown here, where nothing but warm questions may be asked, which run no code of ours.
"""

from __future__ import annotations

import logging
import threading
import weakref
from functools import partial
from typing import TYPE_CHECKING, Final

from entitlements.errors import InvalidSettings
from entitlements.forks import reset_in_child, resume_in_child
from entitlements.seldom import Seldom

if TYPE_CHECKING:
    from entitlements.cache.fences import Fences
    from entitlements.cache.seams import Cancellable, Seams

__all__ = ["Lookout"]

_EVERY: Final = 1.0  # seconds: so long may something be served that a process unknown to this one has revoked
_seldom = Seldom(logging.getLogger("entitlements"))


class Lookout:
    """Look after a table, from the first `start` until `close`, or until nobody holds this any more.

    A look costs some microseconds. A forked child goes on where its parent did.
    """

    def __init__(self, fences: Fences, seams: Seams) -> None:
        self._fences = fences
        self._seams = seams
        self._wanted = False
        self._closed = False
        self.reset()
        reset_in_child(self)
        resume_in_child(self)

    def reset(self) -> None:
        """Begin anew, as a forked child must: the parent's alarms don't ring in it."""
        self._lock = threading.Lock()
        self._alarm: Cancellable | None = None

    def resume(self) -> None:
        """Go on in a forked child, if the parent looked."""
        if self._wanted:
            self.start()

    def start(self) -> None:
        """Begin to look, unless that was done or this is closed; safe to call often."""
        if self._alarm is not None:
            return
        with self._lock:
            if self._alarm is None and not self._closed:
                self._wanted = True
                self._again()

    def close(self) -> None:
        """Look no more, nor in a child."""
        with self._lock:
            self._closed = True
            self._wanted = False
            alarm = self._alarm
        if alarm is not None:
            alarm.cancel()

    def turn(self) -> None:
        """Look, and set the next alarm."""
        try:
            self._look()
        finally:
            with self._lock:
                if not self._closed:
                    self._again()

    def _look(self) -> None:
        """Let everything fall that rests on a table which is gone, and have this process move to the new one."""
        if not self._fences.replaced():
            return
        self._fences.fall()
        try:
            self._seams.spawn(self._move)
        except RuntimeError as error:  # no thread can be started; the next question moves, and so may the next look
            _seldom.warning("no thread to move to another fence table: %s", error)

    def _move(self) -> None:
        try:
            self._fences.reattach()
        except InvalidSettings as trouble:
            _seldom.warning("the fence table was removed, and nothing can be told until there is one: %s", trouble)

    def _again(self) -> None:
        """Set the next alarm; it holds nobody alive."""
        try:
            self._alarm = self._seams.alarm(self._seams.now() + _EVERY, partial(_ring, weakref.ref(self)))
        except RuntimeError as error:  # no thread can be started; the next question tries again
            self._alarm = None
            _seldom.warning("no thread to look after the fence table: %s", error)


def _ring(whose: weakref.ref[Lookout]) -> None:
    lookout = whose()
    if lookout is not None:
        lookout.turn()
