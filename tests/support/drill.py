"""An hour without Stripe: a town of customers who ask on through every door, while one clock is moved for all of them.

What each may be told follows from when they were fetched and when their fence was raised, by rules of the drill's own.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

from controlled import Clock
from signed import SECRET, event, signature

from entitlements import Entitlements, Limits, Reason, resolver
from entitlements.cache.fences import Fences
from entitlements.cache.pool import Pool
from entitlements.cache.seams import Seams
from entitlements.core import Core
from entitlements.sources.contract import Holding
from entitlements.stripe.errors import RateLimited, StripeConnectionError
from entitlements.watchdog import Alarm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from entitlements.clocks import Deadline

__all__ = ["DOWN", "HOUR", "LAST", "UP", "Drill", "Resident", "drilled", "town"]

DOWN: Final = 10_000.0  # the moment at which Stripe goes down
HOUR: Final = 3_600.0
UP: Final = DOWN + HOUR
LAST: Final = UP - 0.05  # the last moment at which anybody asks in vain
TTL: Final = 300.0
JITTERED: Final = 270.0  # the shortest that a time to live may be
NEGATIVE: Final = 15.0  # for customers Stripe doesn't know
STEP: Final = 5.0  # seconds between two looks around
ROUND: Final = 900.0  # seconds between two rounds in which everybody is asked everything
SCOPE: Final = "self/test"
EPOCH: Final = 1_795_000_000.0

PLAN: Final = frozenset({"exports", "themes", "payouts"})
CLASSES: Final = {"themes": "lenient", "payouts": "strict"}
FEATURES: Final = (*sorted(PLAN), "sso")  # nobody holds the last one before Stripe comes back
YES, NO, CANT_TELL = "yes", "no", "can't tell"
ERRORS: Final = (ConnectionError("reset"), TimeoutError("late"), StripeConnectionError("refused"), RateLimited("slow"))


@dataclass(frozen=True)
class Resident:
    """A customer: what they hold, when that is fetched, when a change becomes known, and what they hold in the end."""

    id: str
    fetched: float
    holds: frozenset[str] = PLAN
    raised: float = float("inf")
    at_last: frozenset[str] = PLAN
    known: bool = True

    def may_be_told(self, feature: str, now: float) -> set[str]:
        """Name the answers that are right while Stripe is down."""
        if now >= self.raised:
            return {CANT_TELL}
        age = now - self.fetched
        shortest, longest = (JITTERED, TTL) if self.known else (0.0, NEGATIVE)  # a restart forgets the unknown
        if feature in self.holds and CLASSES.get(feature) != "strict":
            return {YES}  # within its ttl when Stripe went down, an hour ago at most
        fresh = YES if feature in self.holds else NO
        return {fresh} if age < shortest else {fresh, CANT_TELL} if age < longest else {CANT_TELL}


def town(seed: int) -> list[Resident]:
    """Settle a town: snapshots of every age up to the ttl, and every kind of change."""
    chance = random.Random(seed)
    nothing = frozenset[str]()

    def fetched(count: int) -> Iterator[float]:
        yield from (DOWN - 0.1 - (TTL - 0.2) * n / (count - 1) for n in range(count))

    return _apart(
        *(Resident(f"cus_payer{n}", at) for n, at in enumerate(fetched(220))),
        *(Resident(f"cus_leaver{n}", at, at_last=nothing) for n, at in enumerate(fetched(40))),  # and no event comes
        *(Resident(f"cus_buyer{n}", at, nothing, at_last=PLAN) for n, at in enumerate(fetched(20))),
        *(Resident(f"cus_free{n}", at, nothing, at_last=nothing) for n, at in enumerate(fetched(40))),
        *(Resident(f"cus_gone{n}", at, nothing, at_last=nothing, known=False) for n, at in enumerate(fetched(20))),
        *(
            Resident(f"cus_ended{n}", at, raised=chance.uniform(at, DOWN), at_last=nothing)
            for n, at in enumerate(fetched(20))
        ),
        *(
            Resident(f"cus_ending{n}", at, raised=chance.uniform(DOWN, UP), at_last=nothing)
            for n, at in enumerate(fetched(40))
        ),
        *(
            Resident(f"cus_changing{n}", at, raised=chance.uniform(DOWN, UP), at_last=PLAN | {"sso"})
            for n, at in enumerate(fetched(40))
        ),
    )


def _apart(*residents: Resident) -> list[Resident]:
    """Leave out whoever shares a stripe of the fence table with another: what becomes known of one voids both."""
    by_slot = {Fences.slot(SCOPE, resident.id): resident for resident in residents}
    return list(by_slot.values())


class Drill:
    """One process of the town, from some moment on.

    Attributes:
        wrong: what was told that should not have been, one line each.
        calls: how often Stripe was asked.
    """

    def __init__(self, residents: list[Resident], *, at: float = 0.0, shared_path: str | None = None) -> None:
        self.clock: Final = Clock(at)
        self.wrong: Final[list[str]] = []
        self.calls = 0
        self._residents: Final = residents
        self._by_id: Final = {resident.id: resident for resident in residents}
        self._chance: Final = random.Random(at)
        seams = Seams(
            spawn=Pool(8, 1_000).submit,
            clock=self.clock,
            now=self.clock,
            boot=self.clock,
            wall=self._wall,
            draw=self._chance.random,
            alarm=self._alarm,
        )
        with patch.object(resolver, "Core", partial(Core, seams=seams)):
            self.ents: Final = Entitlements(
                "sk_test_1",
                source=self,
                webhook_secrets=[SECRET],
                feature_classes=CLASSES,
                limits=Limits(requests_per_second=1e6),
                clock=self.clock,
                shared_path=shared_path,
            )

    def _alarm(self, moment: float, call: Callable[[], object]) -> Alarm:
        """Let a turn come at once; and no deadline ever, since Stripe answers or fails at once."""
        alarm = Alarm(call)
        if moment < self.clock() + 1:
            alarm.ring()
        return alarm

    def _wall(self) -> float:
        return EPOCH + self.clock()

    def fetch(self, customer: str, deadline: Deadline) -> Holding:
        """Be Stripe."""
        self.calls += 1
        resident = self._by_id[customer]
        if self.clock() < DOWN:
            return Holding(resident.holds, known=resident.known)
        if self.clock() < UP:
            raise ERRORS[self.calls % len(ERRORS)]
        return Holding(resident.at_last, known=resident.known)

    # --- time goes by ------------------------------------------------------------------------------------------------

    def warm(self) -> None:
        """Have everybody fetched, and what changed before the outage become known."""
        fetches = [(resident.fetched, resident) for resident in self._residents]
        changes = [(resident.raised, resident) for resident in self._residents if resident.raised < DOWN]
        for moment, resident in sorted(fetches + changes, key=lambda each: each[0]):
            self.clock.at = moment
            if moment == resident.raised:
                self._change(resident)
            elif self.ents.for_customer(resident.id).pinned() != resident.holds:
                self.wrong.append(f"{resident.id} was not fetched")
        self.clock.at = DOWN

    def go_on(self, until: float) -> None:
        """Let the outage go on until some moment, asking some in every step, and everybody now and then."""
        self._ask_everybody()
        while self.clock() < until:
            before = self.clock()
            self.clock.at = min(before + STEP, until)
            for resident in self._residents:
                if before < resident.raised <= self.clock():
                    self._change(resident)
            if self.clock() % ROUND == 0 or self.clock() == until:
                self._ask_everybody()
            for resident in self._chance.sample(self._residents, len(self._residents) // 30):
                self._ask(resident, self._chance.choice(FEATURES))

    def recover(self) -> float:
        """Ask once a second until everybody is answered by the truth; give the seconds that took, a minute at most."""
        self.clock.at = UP
        while self._wronged() and self.clock() < UP + 60:
            self.clock.tick(1)
        return self.clock() - UP

    def _change(self, resident: Resident) -> None:
        """Have a change become known: by a webhook, or by the application's own word."""
        if self._chance.random() < 0.5:
            self.ents.invalidate(resident.id)
            return
        payload = event("customer.subscription.updated", data={"object": {"customer": resident.id}})
        self.ents.handle_webhook(payload, signature(payload, at=self._wall()))

    # --- what is told ------------------------------------------------------------------------------------------------

    def _ask_everybody(self) -> None:
        for resident in self._residents:
            for feature in FEATURES:
                self._ask(resident, feature)

    def _ask(self, resident: Resident, feature: str) -> None:
        right = resident.may_be_told(feature, self.clock())
        view = self.ents.for_customer(resident.id)
        pinned = view.pinned()
        told = {
            "check": _OUTCOMES[self.ents.check(resident.id, feature).reason],
            "pinned": YES if feature in pinned else CANT_TELL if pinned.unavailable else NO,
        }
        admitted = {"has_feature": self.ents.has_feature(resident.id, feature), "in": feature in view}
        wrong = {door: answer for door, answer in told.items() if answer not in right}
        wrong |= {door: str(answer) for door, answer in admitted.items() if answer not in _in_a_word(right)}
        if wrong:
            age = self.clock() - resident.fetched
            self.wrong.append(f"{resident.id}, {feature}, {self.clock() - DOWN:g} s in, aged {age:g} s: {wrong}")

    def _wronged(self) -> list[str]:
        """Ask everybody everything; name those who aren't told the truth, at some door or other."""
        return [resident.id for resident in self._residents if not self._is_right(resident)]

    def _is_right(self, resident: Resident) -> bool:
        view = self.ents.for_customer(resident.id)
        pinned = view.pinned()
        told = [
            (
                self.ents.check(resident.id, feature).reason,
                self.ents.has_feature(resident.id, feature),
                feature in view,
            )
            for feature in FEATURES
        ]
        yes, no = (Reason.ENTITLED, True, True), (Reason.NOT_ENTITLED, False, False)
        truth = [yes if feature in resident.at_last else no for feature in FEATURES]
        return (pinned, pinned.unavailable, told) == (resident.at_last, False, truth)


_OUTCOMES: Final = {Reason.ENTITLED: YES, Reason.NOT_ENTITLED: NO, Reason.UNAVAILABLE: CANT_TELL}


def _in_a_word(right: set[str]) -> set[bool]:
    """Give what is right at a door that only knows true and false."""
    return {each == YES for each in right}


# --- in processes of their own ---------------------------------------------------------------------------------------

_SCRIPT: Final = """
import os, planted
if bug := os.environ.get("PLANTED_BUG"):
    planted.plant(bug)
import drill
drill.main()
"""


@dataclass(frozen=True)
class Told:
    """What a process has to tell when it ends."""

    wrong: list[str]
    calls: int
    recovered: float | None


def drilled(seed: int, shared_path: str, *, since: float, until: float) -> Told:
    """Run a part of the hour in a process of its own, with a third of the town; the process then dies."""
    here = Path(__file__).parent
    part = {"seed": seed, "shared_path": shared_path, "since": since, "until": until}
    told = subprocess.run(
        [sys.executable, "-c", _SCRIPT, json.dumps(part)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(here), str(here.parent.parent)])},
        stdout=subprocess.PIPE,
        check=True,
    )
    return Told(**json.loads(told.stdout))


def main() -> None:
    part = json.loads(sys.argv[1])
    since, until = part["since"], part["until"]
    drill = Drill(town(part["seed"])[::3], at=since, shared_path=part["shared_path"])
    if since == DOWN:
        drill.warm()
    drill.go_on(until)
    recovered = drill.recover() if until == LAST else None
    print(json.dumps({"wrong": drill.wrong, "calls": drill.calls, "recovered": recovered}), flush=True)  # noqa: T201
    os._exit(0)  # nothing is closed, as when a process is killed
