"""A simulated world: one seed decides everything that happens, in which order, and how long it takes.

One thread runs it all. A step is either a turn, in which the world has something happen, or a point, at which some
process of the real library reaches for the world outside; at each point others may have their turns before it goes on,
or it may die. Nothing real is waited for.
"""

from __future__ import annotations

import zlib
from collections import Counter, deque
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, Final

from simulated_checks import Checks
from simulated_climate import Climate
from simulated_happenings import Happenings
from simulated_host import Host
from simulated_questions import Questions
from simulated_stripe import Stripe, Subject
from simulated_time import INSTANT, Time

from entitlements.cache.fences import Fences

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulated_process import Process

__all__ = ["World"]

_DEEPEST: Final = 3
_TOLD: Final = 40  # happenings remembered for whoever has to find out
_ACCOUNTS: Final = ((None, "self/test"), ("acct_two", "acct_two/test"))


class World:
    """Everything there is, and what happened so far.

    Attributes:
        turns: happenings so far.
        points: seams reached so far; steps are both together.
        seen: how often what was seen.
        running: whose code is running.
        broken: what went wrong, if anything did; the run ends with it, whoever caught it on the way.
    """

    def __init__(self, seed: int) -> None:
        self.seed: Final = seed
        self.random: Final = Random(seed)
        self.climate = Climate.drawn(self.random)
        self.disturbed = self.climate.disturbed
        self.time: Final = Time(counts_sleep=self.climate.counts_sleep)
        self.seen: Final[Counter[str]] = Counter()
        self.told: Final[deque[tuple[object, ...]]] = deque(maxlen=_TOLD)
        self.turns = 0
        self.points = 0
        self.running: Process | None = None
        self.broken: BaseException | None = None
        self._depth = 0
        self._digest = 0
        self.checks: Final = Checks(self)
        self.stripe: Final = Stripe(self.random, self.time, self.climate, self._subjects())
        self.host: Final = Host(self)
        self.questions: Final = Questions(self)
        self._happenings: Final = Happenings(self)

    @property
    def steps(self) -> int:
        """Count the steps so far."""
        return self.turns + self.points

    @property
    def digest(self) -> str:
        """Sum up all that happened."""
        return f"{self._digest:08x} {self.turns} {self.points} {self.time.at:.6f}"

    def run(self, steps: int) -> None:
        """Go on for some steps."""
        until = self.steps + steps
        while self.steps < until and self.broken is None:
            with suppress(Exception):  # it is noted
                self.turn()
        if self.broken is not None:
            raise self.broken
        for process in self.host.processes:
            process.count()

    def turn(self) -> None:
        """Let some time go by, and have something happen."""
        self.turns += 1
        self.time.at += self._pause()
        try:
            self._happenings.next()
        except Exception as error:
            self.broken = self.broken or error
            raise

    def note(self, *what: object) -> None:
        """Note a happening."""
        self.told.append((self.steps, round(self.time.at, 6), *what))
        self._digest = zlib.crc32(repr(self.told[-1]).encode(), self._digest)

    # --- between two steps of a process ------------------------------------------------------------------------------

    def disturb(self, process: Process) -> None:
        """Have others run before a process goes on, or the process die."""
        if self.random.random() < self.climate.deadly:
            process.die()
            self.note("died", process.number)
            self.seen["crashes between two steps"] += 1
        elif self._depth < _DEEPEST:
            for _ in range(1 + int(self.random.random() * 3)):
                self._turn_within()
            self._hold(process)

    def linger(self, process: Process) -> None:
        """Let a process take its time."""
        self.wait_until(process, lambda: False, self.time.monotonic() + self.random.random() * 3)

    def wait_until(self, process: Process, landed: Callable[[], bool], moment: float) -> None:
        """Have others run until something has landed, or a moment of the monotonic clock has come."""
        while not process.dead and not landed() and (left := moment - self.time.monotonic()) > 0:
            if self._depth >= _DEEPEST or self.random.random() < 0.05:
                self.time.at += left + INSTANT
            else:
                self._turn_within()
        self._hold(process)

    def _turn_within(self) -> None:
        self._depth += 1
        try:
            self.turn()
        finally:
            self._depth -= 1

    def _hold(self, process: Process) -> None:
        """Keep a process where it is for as long as it is stopped."""
        if not process.dead:
            self.time.at = max(self.time.at, process.stopped_until)

    # --- setting up --------------------------------------------------------------------------------------------------

    def _pause(self) -> float:
        """Draw how long it takes until something happens."""
        draw = self.random.random()
        if draw < 0.96:
            return INSTANT + draw * self.climate.pace
        if draw < 0.99:
            return (draw - 0.96) * 40
        if draw < 0.994:
            return (draw - 0.99) * 250 * self.climate.freshness.ttl
        return self._until_something_expires()

    def _until_something_expires(self) -> float:
        """Draw a moment just after some reply has reached one of the ages that matter."""
        freshness = self.climate.freshness
        ages = (
            freshness.settle_ttl,
            freshness.negative_ttl,
            freshness.ttl,
            freshness.ttl + freshness.stale_while_revalidate,
            freshness.ttl + freshness.stale_if_error,
            freshness.max_stale,
        )
        replies = self.random.choice(self.stripe.subjects).replies[-3:]
        if not replies:
            return INSTANT
        expires = self.random.choice(replies).asked + self.random.choice(ages)
        return max(INSTANT, expires + self.random.random() * 3 - self.time.at)

    def _subjects(self) -> list[Subject]:
        accounts = _ACCOUNTS if self.climate.accounts else _ACCOUNTS[:1]
        # The third and the fourth share a stripe.
        customers = ("cus_1", "cus_2", "cus_769", "cus_894")[: self.climate.customers]
        return [
            Subject(customer, account, scope, Fences.slot(scope, customer))
            for account, scope in accounts
            for customer in customers
        ]
