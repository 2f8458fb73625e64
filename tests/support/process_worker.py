"""One process of a crowd: it asks without pause, and makes known the changes it is ordered to.

python process_worker.py WORLD NUMBER [SHARED_PATH]
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
from itertools import count
from time import monotonic_ns
from typing import TYPE_CHECKING, Final

import planted

if "PLANTED_BUG" in os.environ and "entitlements" not in sys.modules:
    planted.plant(os.environ["PLANTED_BUG"])

from process_world import CUSTOMERS, TALLIES, World
from signed import SECRET, event, signature

from entitlements import Entitlements, Limits
from entitlements.sources.contract import Holding

if TYPE_CHECKING:
    from entitlements.clocks import Deadline

__all__ = ["BY_WEBHOOK", "FALL_AFTER_BUMP", "FALL_AFTER_RAISE", "TruthReader", "begin", "change", "instance", "work"]

WINDOW: Final = 8  # versions that a customer's features speak of, before and behind their own
ASKED_AT_A_TIME: Final = 40
BY_WEBHOOK: Final = 1
FALL_AFTER_BUMP: Final = 2
FALL_AFTER_RAISE: Final = 3


class TruthReader:
    """A source that reads the world, and now and then takes a moment before it answers with what it read."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._numbers = count(1)
        self._random = random.Random(os.getpid())
        self.begun = 0  # another number after each fetch that began

    def fetch(self, customer: str, deadline: Deadline) -> Holding:
        self.begun = next(self._numbers)
        version = self._world.truth[int(customer[4:])]
        if self._random.random() < 0.25:
            threading.Event().wait(self._random.random() * 0.002)
        return Holding(features(version))


def features(version: int) -> frozenset[str]:
    """Say a version in features: what came with the latest changes is there, what the next ones revoke is still."""
    since = {f"since_{number}" for number in range(max(0, version - WINDOW + 1), version + 1)}
    until = {f"until_{number}" for number in range(version + 1, version + WINDOW + 1)}
    return frozenset({f"v{version}"} | since | until)


def instance(source: TruthReader, shared_path: str | None) -> Entitlements:
    """Build what is under test; with a path, processes that share nothing else share that."""
    limits = Limits(requests_per_second=1e9, deadline=20, brief_deadline=20)
    given = {"shared_path": shared_path} if shared_path else {}
    return Entitlements(source=source, webhook_secrets=[SECRET], limits=limits, **given)  # type: ignore[arg-type]  # **given


def change(world: World, ents: Entitlements, customer: int, how: int) -> None:
    """Change what is true, make it known, and only then acknowledge it."""
    version = world.wanted[customer]
    world.truth[customer] = version
    if how == FALL_AFTER_BUMP:
        os.kill(os.getpid(), signal.SIGKILL)
    if how == BY_WEBHOOK:
        about = {"object": {"object": "entitlements.active_entitlement_summary", "customer": f"cus_{customer}"}}
        payload = event(data=about)
        ents.handle_webhook(payload, signature(payload))
    else:
        ents.invalidate(f"cus_{customer}")
    if how == FALL_AFTER_RAISE:
        os.kill(os.getpid(), signal.SIGKILL)
    world.acked_at[customer] = monotonic_ns()
    world.acked[customer] = version


class Asker:
    """Ask in each way there is, and hold every answer against what was acknowledged before the question."""

    def __init__(self, world: World, number: int, ents: Entitlements, source: TruthReader) -> None:
        self._world = world
        self._number = number
        self._ents = ents
        self._source = source
        self._random = random.Random(os.getpid() ^ monotonic_ns())
        self._latest = 0
        self.decisions = self.cached = self.hot = self.unsure = 0

    def ask_on(self) -> None:
        while not self._world.stop:
            self.ask_some()

    def ask_some(self) -> None:
        for _ in range(ASKED_AT_A_TIME):
            self._ask()

    @property
    def counted(self) -> tuple[int, ...]:
        return self.decisions, self.cached, self.hot, self.unsure

    def _ask(self) -> None:
        customer = self._whom()
        floor = self._world.acked[customer]
        begun = self._source.begun
        kind = self._random.randrange(16)
        if kind < 7:
            fresh = self._ask_revoked(customer, floor)
        elif kind < 14:
            fresh = self._ask_granted(customer, floor, begun)
        elif kind == 14:
            fresh = self._ask_for_all(customer, floor)
        else:
            fresh = self._ask_why(customer, floor)
        self.decisions += 1
        self.cached += self._source.begun == begun
        if fresh and floor > self._world.seen[customer]:
            self._first(customer, floor)

    def _whom(self) -> int:
        """Ask about anybody, and every other time where something was acknowledged just now."""
        customer = self._random.randrange(CUSTOMERS)
        if self._world.acked_at[customer] > self._world.acked_at[self._latest]:
            self._latest = customer
        return self._latest if self._random.random() < 0.5 else customer

    def _ask_revoked(self, customer: int, floor: int) -> bool:
        """Ask, on the hot path, for what the acknowledged change took away: a yes rests on the time before."""
        self.hot += 1
        if floor and self._ents.has_feature(f"cus_{customer}", f"until_{floor}"):
            self._world.accuse(self._number, customer, floor, floor - 1, 0)
        return False  # a no may also be a don't-know

    def _ask_granted(self, customer: int, floor: int, begun: int) -> bool:
        """Ask, on the hot path, for what the acknowledged change gave: a no without a fetch is an old one."""
        self.hot += 1
        if self._ents.has_feature(f"cus_{customer}", f"since_{floor}"):
            return True
        if self._world.truth[customer] - floor < WINDOW:  # else the feature may be gone again by now
            if self._source.begun == begun:
                self._world.accuse(self._number, customer, floor, 0, 1)
            self.unsure += 1
        return False

    def _ask_for_all(self, customer: int, floor: int) -> bool:
        pinned = self._ents.for_customer(f"cus_{customer}").pinned()
        if pinned.unavailable:
            self.unsure += 1
            return False
        version = next(int(feature[1:]) for feature in pinned if feature[0] == "v")
        if version < floor:
            self._world.accuse(self._number, customer, floor, version, 2)
        return version >= floor

    def _ask_why(self, customer: int, floor: int) -> bool:
        decision = self._ents.check(f"cus_{customer}", f"since_{floor}")
        overtaken = self._world.truth[customer] - floor >= WINDOW
        if decision.reason == "not_entitled" and not overtaken:
            self._world.accuse(self._number, customer, floor, 0, 3)
        self.unsure += decision.reason == "unavailable"
        return bool(decision)

    def _first(self, customer: int, floor: int) -> None:
        now, at = monotonic_ns(), self._world.acked_at[customer]
        if self._world.acked[customer] == floor:  # else the moment belongs to the next change
            self._world.seen[customer] = floor
            self._world.late(self._number, now - at)


def work(world: World, number: int, ents: Entitlements, source: TruthReader) -> None:
    """Ask and obey until the world ends; also if whoever started us is gone.

    Another thread asks too, so that questions meet fetches which are under way in their own process.
    """
    sys.setswitchinterval(0.0005)  # or whatever lands would wait for the other thread's turn to end
    parent, mail, tallies = os.getppid(), world.mail[number], world.tallies[number]
    before, changes, at = list(tallies), 0, 0
    askers = [Asker(world, number, ents, source) for _ in range(2)]
    beside = threading.Thread(target=askers[1].ask_on, daemon=True)
    beside.start()
    while not world.stop and os.getppid() == parent:
        askers[0].ask_some()
        if order := mail[at]:
            change(world, ents, (order >> 8) - 1, order & 0xFF)
            mail[at] = 0
            changes += 1
        at = (at + 1) % len(mail)
        found = [sum(counted) for counted in zip(*(asker.counted for asker in askers), strict=True)]
        for index, word in enumerate((*found, changes, source.begun)):
            tallies[index] = before[index] + word
    world.end()  # whoever started us may be gone: then it is for us to say so
    beside.join()
    tallies[TALLIES.index("recalled")] += ents.stats().recalled


def begin(path: str, number: int, shared_path: str | None = None) -> None:
    """Work in a process that has inherited nothing."""
    world = World(path)
    source = TruthReader(world)
    with instance(source, shared_path) as ents:
        work(world, number, ents, source)


if __name__ == "__main__":
    begin(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
