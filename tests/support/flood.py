"""A flood of strangers' ids while payers go on asking; it is poured in a process of its own, and says what it cost."""

from __future__ import annotations

import itertools
import json
import os
import resource
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from entitlements import Entitlements, Limits
from entitlements.sources.contract import Holding

if TYPE_CHECKING:
    from entitlements.clocks import Deadline

__all__ = ["Flood", "Told", "poured"]

_BOTS = 64  # more than the rate budget lets wait for a turn, so that some always ask
_UNKNOWN_PER_PAYER = 10  # strangers' questions between two of payers
_EVERY = 0.05  # seconds between two looks at the memory
_CHANGE_EVERY = 1.0  # seconds between two changes of payers


@dataclass(frozen=True)
class Flood:
    """What is asked of whom.

    Attributes:
        ids: how many strangers ask, one question each.
        known: whether the source knows strangers as customers who hold nothing; else it has never heard of them.
        payers: how many customers hold something.
        customers: snapshots kept.
        rate: requests a second.
        latency: seconds that each list takes.
        changes: whether payers' fences are raised meanwhile, one a second.
    """

    ids: int
    known: bool
    payers: int = 50
    customers: int = Limits().customers
    rate: float = Limits().requests_per_second
    latency: float = 0.0
    changes: bool = False


@dataclass(frozen=True)
class Told:
    """What it cost: seconds, bytes of memory at most, lists made, questions asked and how they were answered.

    Changes are of payers whose fence was raised meanwhile; unseen, if the next question wasn't answered.
    Failures are what was counted as the source's, which never fails.
    """

    seconds: float
    grown: int
    strangers: int
    strangers_admitted: int
    stranger_lists: int
    payer_questions: int
    payers_refused: int
    payer_lists: int
    changes: int
    changes_unseen: int
    failures: int


class Stripe:
    """A source that knows payers, and strangers or not."""

    def __init__(self, flood: Flood) -> None:
        self._known = flood.known
        self._latency = flood.latency
        self.lists: dict[bool, int] = {True: 0, False: 0}

    def fetch(self, customer: str, deadline: Deadline) -> Holding:
        pays = customer.startswith("cus_payer")
        self.lists[pays] += 1
        if self._latency:
            time.sleep(self._latency)
        return Holding(frozenset({"exports"} if pays else ()), known=pays or self._known)


class Bots:
    """Threads that ask: each stranger once, and now and then a payer."""

    def __init__(self, ents: Entitlements, ids: int, payers: list[str]) -> None:
        self._ents = ents
        self._numbers = iter(range(ids))  # to take the next one is one step, for all threads
        self._payers = payers
        self._lock = threading.Lock()
        self.strangers = self.admitted = self.payer_questions = self.refused = 0
        self._threads = [threading.Thread(target=self._ask) for _ in range(_BOTS)]
        for thread in self._threads:
            thread.start()

    @property
    def asking(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def _ask(self) -> None:
        strangers = admitted = payer_questions = refused = 0
        turns = itertools.cycle(self._payers)
        for number in self._numbers:
            strangers += 1
            admitted += self._ents.has_feature(f"cus_{number:014x}", "exports")
            if strangers % _UNKNOWN_PER_PAYER == 0:
                payer_questions += 1
                refused += not self._ents.has_feature(next(turns), "exports")
        with self._lock:
            self.strangers += strangers
            self.admitted += admitted
            self.payer_questions += payer_questions
            self.refused += refused


def memory() -> int:
    """Count the bytes this process has in memory; where that can't be told, the most it ever had."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(statm.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGESIZE")


def pour(flood: Flood) -> Told:
    """Let the payers in, then the flood."""
    stripe = Stripe(flood)
    payers = [f"cus_payer{n}" for n in range(flood.payers)]
    limits = Limits(customers=flood.customers, requests_per_second=flood.rate)
    with Entitlements(source=stripe, limits=limits) as ents:
        for payer in payers:
            while not ents.has_feature(payer, "exports"):
                pass  # the rate budget may be spent
        warm, before, began, grown = stripe.lists[True], memory(), time.monotonic(), 0
        changes = unseen = 0
        bots = Bots(ents, flood.ids, payers)
        while bots.asking:
            time.sleep(_EVERY)
            grown = max(grown, memory() - before)
            if flood.changes and changes < (time.monotonic() - began) / _CHANGE_EVERY:
                ents.invalidate(payers[changes % len(payers)])
                unseen += not ents.has_feature(payers[changes % len(payers)], "exports")
                changes += 1
        return Told(
            seconds=time.monotonic() - began,
            grown=grown,
            strangers=bots.strangers,
            strangers_admitted=bots.admitted,
            stranger_lists=stripe.lists[False],
            payer_questions=bots.payer_questions,
            payers_refused=bots.refused,
            payer_lists=stripe.lists[True] - warm,
            changes=changes,
            changes_unseen=unseen,
            failures=ents.stats().failures,
        )


_SCRIPT = """
import os, planted
if bug := os.environ.get("PLANTED_BUG"):
    planted.plant(bug)
import flood
flood.main()
"""


def poured(flood: Flood) -> Told:
    """Pour a flood in a new process: in this one, memory that was used before would hide what it takes."""
    here = Path(__file__).parent
    told = subprocess.run(
        [sys.executable, "-c", _SCRIPT, json.dumps(asdict(flood))],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(here), str(here.parent.parent)])},
        stdout=subprocess.PIPE,
        check=True,
    )
    return Told(**json.loads(told.stdout))


def main() -> None:
    print(json.dumps(asdict(pour(Flood(**json.loads(sys.argv[1]))))))  # noqa: T201 - read by the process that began this
