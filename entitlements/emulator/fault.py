"""One fault: which requests it strikes, how often, and what it holds."""

from __future__ import annotations

import threading
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, TypeAlias

from entitlements.emulator.odds import Odds

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Fault", "Kind", "Part", "When"]

Kind: TypeAlias = Literal["status", "hang", "delay", "reset", "half", "drip", "empty_page", "revoked_cursor", "lag"]
When: TypeAlias = Literal["before", "after"]
Part: TypeAlias = Literal["head", "body"]

_CURSORS = ("starting_after=", "ending_before=")


@dataclass(eq=False)
class Fault:
    """One fault that was set; a handle to take it back.

    Attributes:
        method: the HTTP method it strikes, or `*`.
        path: the path it strikes; `*` stands for anything.
        times: how many requests it strikes, None for all that come.
        when: `before` the request does anything, or `after` it was carried out and only the answer suffers.
        seconds: how long it waits: once, for each byte of a drip, or behind a change for a lag.
        requests: how many requests a lag answers from the past, after each change.
        hits: how many requests it has struck.
    """

    kind: Kind
    method: str = "*"
    path: str = "*"
    times: int | None = None
    when: When = "before"
    status: int = 500
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: str | None = None
    seconds: float = 0.0
    part: Part = "body"
    requests: int = 0
    odds: Odds = field(default_factory=Odds, repr=False)
    hits: int = 0
    _holds: set[Future[None]] = field(default_factory=set["Future[None]"], repr=False)
    _timers: set[threading.Timer] = field(default_factory=set[threading.Timer], repr=False)
    _guard: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _open: bool = field(default=True, repr=False)

    def strikes(self, method: str, path: str, query: str = "", *, lists: bool = True) -> bool:
        """Say whether a request is hit, and count it if so; `lists` tells that it asks for a list."""
        with self._guard:
            hit = self.matches(method, path) and self._can_harm(query, lists=lists) and self.odds.happens()
            self.hits += hit
            return hit

    def matches(self, method: str, path: str) -> bool:
        """Say whether it may strike a request, by method, path and times."""
        worn_out = self.times is not None and self.hits >= self.times
        return self._open and not worn_out and self.method in {"*", method} and fnmatchcase(path, self.path)

    def _can_harm(self, query: str, *, lists: bool) -> bool:
        if self.kind == "revoked_cursor":
            return lists and any(cursor in query for cursor in _CURSORS)
        return lists or self.kind != "empty_page"

    def hold(self) -> Future[None]:
        """Give what a struck request waits for: its seconds, or the release."""
        future: Future[None] = Future()
        with self._guard:
            if not self._open:
                future.set_result(None)
                return future
            self._holds.add(future)
            if self.kind != "hang":
                # A timer of threads, because the event loop's own stands still where a test has frozen time.
                timer = threading.Timer(self.seconds, self._let_go, [future])
                timer.daemon = True
                self._timers.add(timer)
                timer.start()
        return future

    def _let_go(self, future: Future[None]) -> None:
        with self._guard:
            self._holds.discard(future)
            self._timers = {timer for timer in self._timers if timer is not threading.current_thread()}
        with suppress(InvalidStateError):  # its request was cancelled meanwhile, because the emulator stops
            future.set_result(None)

    def release(self) -> None:
        """End this fault and let the requests it holds go on."""
        with self._guard:
            self._open = False
            holds, timers = list(self._holds), list(self._timers)
        for timer in timers:
            timer.cancel()
        for future in holds:
            self._let_go(future)
        for timer in timers:
            timer.join()

    @property
    def standing(self) -> bool:
        """Say whether it has not been released."""
        return self._open

    @property
    def holding(self) -> int:
        """Count the requests it holds right now."""
        with self._guard:
            return len(self._holds)
