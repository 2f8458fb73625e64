"""Things a test holds in its hand: a source that waits for a word, a clock that is moved, jobs that are run by hand."""

from __future__ import annotations

import os
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from entitlements.sources.contract import Holding

if TYPE_CHECKING:
    from collections.abc import Callable

    from entitlements.clocks import Deadline

# Seconds after which a test gives up waiting for a real thread; a planted bug may well leave one waiting for ever.
PATIENCE = 1.0 if "PLANTED_BUG" in os.environ else 10.0


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, at: float = 1_000.0) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at

    def tick(self, seconds: float) -> None:
        self.at += seconds


@dataclass
class Truth:
    """A source that answers at once, from a dictionary; it can be told to fail, and counts its calls."""

    held: dict[str, set[str]] = field(default_factory=dict)
    failing: BaseException | None = None
    calls: list[str] = field(default_factory=list)

    def fetch(self, customer: str, deadline: Deadline) -> Holding:
        self.calls.append(customer)
        if self.failing is not None:
            raise self.failing
        return self.answer(customer)

    def answer(self, customer: str) -> Holding:
        return Holding(frozenset(self.held.get(customer, ())), known=customer in self.held, request_id="req_1")


class HeldTruth(Truth):
    """A source that reads the truth when it is asked, and answers when the test releases it.

    That is how a slow reply behaves: what it says was true when the request was made.
    """

    def __init__(self, held: dict[str, set[str]], patience: float = PATIENCE) -> None:
        super().__init__(held)
        self._patience = patience
        self._entered = threading.Semaphore(0)
        self._release = threading.Semaphore(0)

    def fetch(self, customer: str, deadline: Deadline) -> Holding:
        self.calls.append(customer)
        holding = self.answer(customer)
        self._entered.release()
        if not self._release.acquire(timeout=self._patience):
            raise TimeoutError("nobody released the source")
        if self.failing is not None:
            raise self.failing
        return holding

    def wait_until_asked(self) -> None:
        assert self._entered.acquire(timeout=PATIENCE), "the source was never asked"

    def release(self, fetches: int = 1) -> None:
        self._release.release(fetches)


class Jobs:
    """Where a cache spawns its fetches, to be run by hand, one at a time, on the test's own thread."""

    def __init__(self) -> None:
        self.waiting: deque[Callable[[], object]] = deque()

    def __call__(self, job: Callable[[], object]) -> bool:
        self.waiting.append(job)
        return True

    def run(self) -> None:
        self.waiting.popleft()()

    def run_all(self) -> None:
        while self.waiting:
            self.run()


class Ask(threading.Thread):
    """A question asked on a thread of its own, whose answer is read later."""

    def __init__(self, question: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._question = question
        self._answer: object = None
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._answer = self._question()
        except BaseException as error:  # noqa: BLE001 - told to the test's thread
            self._error = error

    @property
    def waiting(self) -> bool:
        return self.is_alive()

    def answer(self, *, seconds: float = PATIENCE) -> object:
        self.join(seconds)
        assert not self.is_alive(), "no answer"
        if self._error is not None:
            raise self._error
        return self._answer


def wait_for(condition: Callable[[], object], *, seconds: float = PATIENCE) -> None:
    """Wait until something is so, or fail."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.002)):
        if condition():
            return
        pause.wait(0.002)
    raise AssertionError(f"not so within {seconds:g} s")
