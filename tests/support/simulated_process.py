"""A simulated process: the real library, whose every seam is the world's.

At each seam others may run before this process goes on, or it may die there. From then on every seam of it raises, so
that whatever its functions still do while they unwind can change nothing that anybody shares.
"""

from __future__ import annotations

import heapq
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from simulated_list import EventList
from simulated_stripe import SECRET
from simulated_time import INSTANT

from entitlements import Entitlements, core, resolver
from entitlements.cache.flight import Flight
from entitlements.cache.seams import Seams
from entitlements.core import Core
from entitlements.settings import scope
from entitlements.stripe.errors import StripeConnectionError, StripeServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from simulated_questions import Parked
    from simulated_stripe import Subject
    from simulated_world import World

    from entitlements.cache.wait import Wait
    from entitlements.clocks import Deadline
    from entitlements.feeds.sweeper import Sweeper
    from entitlements.settings import Settings
    from entitlements.sources.contract import Holding

__all__ = ["Job", "Killed", "Process"]


class Killed(BaseException):
    """This process is no more."""


@dataclass(eq=False, slots=True)
class Job:
    """Something that a process has spawned, and when its request may have been sent at the earliest."""

    call: Callable[[], object]
    since: float


@dataclass(eq=False, slots=True)
class _Alarm:
    call: Callable[[], object] | None

    def cancel(self) -> bool:
        in_time, self.call = self.call is not None, None
        return in_time


@dataclass(eq=False)
class Process:
    """One process of the simulated host.

    Attributes:
        world: where it is.
        number: which one it is.
        account: whose customers it asks about.
        locks: how many locks it holds; others may run meanwhile, another thread of this process may not.
        dead: whether it was killed.
        stopped_until: when it goes on, after a SIGSTOP.
        jobs: what it has spawned.
        parked: its questions that wait for something.
        round_began: when its present round of the sweep began.
        raised: how many fences it has raised.
        trouble: the last moment at which a fetch failed, or was refused; no fetch has succeeded since `failing`.
    """

    world: World
    number: int
    account: str | None
    born: float
    subjects: list[Subject] = field(init=False)
    ents: Entitlements = field(init=False)
    core: Core = field(init=False)
    locks: int = 0
    dead: bool = False
    stopped_until: float = -1.0
    jobs: list[Job] = field(default_factory=list)
    parked: list[Parked] = field(default_factory=list)
    trouble: float = float("-inf")
    failing: bool = False
    round_began: float = -1.0
    raised: int = 0
    _sweeper: Sweeper | None = None
    _sweep_due: float = -1.0
    _alarms: list[tuple[float, int, _Alarm]] = field(default_factory=list)
    _alarms_set: int = 0
    _job: Job | None = None

    def __post_init__(self) -> None:
        self.subjects = [each for each in self.world.stripe.subjects if each.account == self.account]
        self._by_customer = {each.customer: each for each in self.subjects}
        self.scope = scope(self.account, livemode=False)

    def boot(self) -> None:
        """Make the library's object, as a process does when it starts."""
        climate, ground = self.world.climate, self.world.host.ground(self)
        seams = Seams(
            spawn=self._spawn,
            now=self.now,
            boot=self._boot_now,
            wall=self.wall,
            draw=self._draw,
            alarm=self._alarm,
            block=self._block,
        )

        def core_of_ours(settings: Settings, **given: Any) -> Core:
            return Core(settings, **{**given, "seams": seams, "ground": ground})

        with (
            patch.object(resolver, "Core", core_of_ours),
            patch.object(core, "Upstream", lambda *_: EventList(self)),
        ):
            self.ents = Entitlements(
                "sk_test_simulated",
                source=self,
                stripe_account=self.account,
                webhook_secrets=[SECRET],
                freshness=climate.freshness,
                feature_classes=climate.classes,
                sweep=climate.sweep,
                limits=climate.limits,
                strict=False,
            )
        self.core = resolver.core_of(self.ents)

    @contextmanager
    def acting(self) -> Iterator[None]:
        """Run some of this process's code; if it dies there, that is all."""
        world = self.world
        before, world.running = world.running, self
        try:
            yield
        except Killed:
            if not self.dead:
                raise
        finally:
            world.running = before

    def point(self) -> None:
        """Stand between two steps."""
        world = self.world
        world.points += 1
        world.time.at += INSTANT
        if self.dead:
            raise Killed
        if world.random.random() < world.disturbed:
            world.disturb(self)
            if self.dead:
                raise Killed

    def die(self) -> None:
        """End, with all that was under way."""
        self.dead = True
        self.count()
        self.jobs.clear()
        self._alarms.clear()
        self.parked.clear()
        self._sweeper = None

    def count(self) -> None:
        """Add up what this process has seen."""
        if hasattr(self, "core"):  # it may have died before that
            cache, seen = self.core.cache, self.world.seen
            for what in ("fetches", "failures", "joined", "held_back", "superseded"):
                seen[what] += getattr(cache.tally, what)
            seen["recalled"] += cache.recalled

    @property
    def able(self) -> bool:
        """Say whether anything of this process may run now."""
        return not self.dead and not self.locks and self.stopped_until <= self.world.time.at

    # --- its clocks and its luck -------------------------------------------------------------------------------------

    def now(self) -> float:
        self.point()
        return self.world.time.monotonic()

    def wall(self) -> float:
        self.point()
        return self.world.time.wall()

    def entropy(self, size: int) -> bytes:
        self.point()
        return self.world.random.randbytes(size)

    def _boot_now(self) -> float:
        self.point()
        return self.world.time.boot()

    def _draw(self) -> float:
        self.point()
        return self.world.random.random()

    # --- what it spawns --------------------------------------------------------------------------------------------

    def _spawn(self, call: Callable[[], object]) -> bool:
        self.point()
        if self.world.random.random() < self.world.climate.full:
            self.trouble = self.world.time.at
            return False
        self.jobs.append(Job(call, self.world.time.at))
        return True

    def run_job(self) -> None:
        """Run any of the jobs, to its end."""
        job = self.jobs.pop(self.world.random.randrange(len(self.jobs)))
        before, self._job = self._job, job
        try:
            job.call()
        finally:
            self._job = before

    def _alarm(self, moment: float, call: Callable[[], object]) -> _Alarm:
        self.point()
        alarm = _Alarm(call)
        self._alarms_set += 1
        heapq.heappush(self._alarms, (moment, self._alarms_set, alarm))
        return alarm

    def ring(self) -> bool:
        """Ring an alarm that is due; say whether there was one."""
        while self._alarms and self._alarms[0][2].call is None:
            heapq.heappop(self._alarms)
        if not self._alarms or self._alarms[0][0] > self.world.time.monotonic():
            return False
        call = heapq.heappop(self._alarms)[2].call
        assert call is not None
        failures = self.core.cache.tally.failures
        if _of_a_flight(call):
            self.trouble = self.world.time.at
        call()
        self.failing = self.failing or self.core.cache.tally.failures > failures
        return True

    def _block(self, wait: Wait) -> None:
        landed: list[bool] = []
        wait.landing.on_landing(lambda: landed.append(True))
        self.world.wait_until(self, lambda: bool(landed), wait.deadline.at)

    # --- its sweep ---------------------------------------------------------------------------------------------------

    def sweeps(self, sweeper: Sweeper) -> None:
        """Have a sweeper run its rounds, instead of the thread it would start."""
        self._sweeper = sweeper

    def sweep(self) -> bool:
        """Run a round of the sweep, if one is due; say whether there was one."""
        if self._sweeper is None or self.world.time.monotonic() < self._sweep_due:
            return False
        self.round_began, raised = self.world.time.at, self.raised
        self._sweep_due = self.world.time.monotonic() + self._sweeper.turn()
        self.world.seen["sweeps that raised something"] += self.raised > raised
        return True

    # --- its source of truth ----------------------------------------------------------------------------------------

    def fetch(self, customer: str, deadline: Deadline) -> Holding:
        """Ask the simulated Stripe; the request was sent at some moment since the job was spawned."""
        del deadline
        world, job = self.world, self._job
        assert job is not None, "a fetch outside a job"
        self.point()
        subject = self._by_customer[customer]
        asked = job.since + world.random.random() * (world.time.at - job.since)
        brief = world.checks.must_be_brief(subject, job.since)
        if world.random.random() < world.climate.lingering:
            world.linger(self)
        if world.time.at < world.stripe.fails_until or world.random.random() < world.climate.failing:
            self.trouble, self.failing = world.time.at, True
            raise world.random.choice((StripeServerError, StripeConnectionError, OSError))("simulated")
        if self.failing:
            self.trouble, self.failing = world.time.at, False
        reply = world.stripe.reply(subject, asked, brief=brief)
        self.point()
        return world.stripe.holding(reply)

    def subject(self) -> Subject:
        """Pick one of the customers it is asked about."""
        return self.world.random.choice(self.subjects)


def _of_a_flight(call: Callable[[], object]) -> bool:
    """Say whether a fetch is given up by a call, or takes off late by it."""
    return isinstance(call, partial) and any(isinstance(each, Flight) for each in call.args)
