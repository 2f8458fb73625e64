"""Faults on request: routes that fail, hang, dawdle or drop the line, until told otherwise."""

from __future__ import annotations

import threading
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Fault", "Faults"]

_Kind: TypeAlias = Literal["status", "hang", "delay", "reset"]
_When: TypeAlias = Literal["before", "after"]


@dataclass(eq=False)
class Fault:
    """One fault that was set; a handle to take it back.

    Attributes:
        method: the HTTP method it strikes, or `*`.
        path: the path it strikes; `*` stands for anything.
        times: how many requests it strikes, None for all that come.
        when: `before` the request does anything, or `after` it was carried out and only the answer suffers.
        hits: how many requests it has struck.
    """

    kind: _Kind
    method: str = "*"
    path: str = "*"
    times: int | None = None
    when: _When = "before"
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: str | None = None
    seconds: float = 0.0
    hits: int = 0
    _holds: set[Future[None]] = field(default_factory=set["Future[None]"], repr=False)
    _timers: set[threading.Timer] = field(default_factory=set[threading.Timer], repr=False)
    _guard: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _open: bool = field(default=True, repr=False)

    def strikes(self, method: str, path: str) -> bool:
        """Say whether a request is hit, and count it if so."""
        with self._guard:
            worn_out = self.times is not None and self.hits >= self.times
            hit = self._open and not worn_out and self.method in {"*", method} and fnmatchcase(path, self.path)
            self.hits += hit
            return hit

    def hold(self) -> Future[None]:
        """Give what a struck request waits for: its delay, or the release."""
        future: Future[None] = Future()
        with self._guard:
            if not self._open:
                future.set_result(None)
                return future
            self._holds.add(future)
            if self.kind == "delay":
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
    def holding(self) -> int:
        """Count the requests it holds right now."""
        with self._guard:
            return len(self._holds)


class Faults:
    """Set faults on routes; the first that matches strikes.

    >>> faults = Faults()
    >>> fault = faults.status(429, "GET", "/v1/entitlements/*", times=1, headers={"Retry-After": "1"})
    >>> faults.striking("GET", "/v1/entitlements/features") is fault
    True
    >>> faults.striking("GET", "/v1/entitlements/features") is None, fault.hits
    (True, 1)
    """

    def __init__(self) -> None:
        self._set: list[Fault] = []
        self._guard = threading.Lock()

    def status(  # noqa: PLR0913 - which request, and what to answer
        self,
        status: int,
        method: str = "*",
        path: str = "*",
        *,
        times: int | None = None,
        headers: Mapping[str, str] | None = None,
        body: str | None = None,
        when: _When = "before",
    ) -> Fault:
        """Answer with a status: Stripe's error body for it, unless a body is given."""
        return self._add(Fault("status", method, path, times, when, status, headers or {}, body))

    def hang(self, method: str = "*", path: str = "*", *, times: int | None = None, when: _When = "before") -> Fault:
        """Hold requests without a word until the fault is released; then they go on."""
        return self._add(Fault("hang", method, path, times, when))

    def delay(self, seconds: float, method: str = "*", path: str = "*", *, times: int | None = None) -> Fault:
        """Answer, but some seconds later."""
        return self._add(Fault("delay", method, path, times, seconds=seconds))

    def reset(self, method: str = "*", path: str = "*", *, times: int | None = None, when: _When = "before") -> Fault:
        """Drop the connection instead of answering (`when="after"`: the change is made, its answer is lost)."""
        return self._add(Fault("reset", method, path, times, when))

    def clear(self) -> None:
        """End every fault and let go what they hold."""
        with self._guard:
            faults, self._set = self._set, []
        for fault in faults:
            fault.release()

    def striking(self, method: str, path: str) -> Fault | None:
        """Find the fault that strikes a request."""
        with self._guard:
            faults = list(self._set)
        return next((fault for fault in faults if fault.strikes(method, path)), None)

    def _add(self, fault: Fault) -> Fault:
        with self._guard:
            self._set.append(fault)
        return fault
