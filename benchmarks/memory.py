"""What a cached customer costs in memory: 100,000 of them on five plans, their ids included, by tracemalloc."""

from __future__ import annotations

import gc
import sys
import threading
import tracemalloc
from time import monotonic
from typing import TYPE_CHECKING, Final

from harness import Goal, table, verdict
from world import FEATURE, PATIENT, PLANS, UNHURRIED, World, customer_ids, features_of

from entitlements import Entitlements

if TYPE_CHECKING:
    from collections.abc import Callable

GOAL: Final = 340.0
_CUSTOMERS: Final = 100_000
_ASKING: Final = 2  # threads: one asks while the other is being answered
_SETTLED: Final = 30.0  # seconds at most until what the fetches needed is let go


def traced() -> int:
    """Count the bytes that Python holds, now that nothing is left to collect."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def load(ents: Entitlements) -> None:
    """Have every customer fetched, by asking about them; the ids that are made here are kept by nobody else."""

    def ask(share: int) -> None:
        for number in range(share, _CUSTOMERS, _ASKING):
            customer = f"cus_{number:014}"
            assert ents.has_feature(customer, FEATURE) is (FEATURE in features_of(customer))

    threads = [threading.Thread(target=ask, args=(share,)) for share in range(_ASKING)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def settled(measure: Callable[[], int]) -> int:
    """Measure until it no longer falls: a fetch's alarm is kept, empty, until the deadline that it was set for."""
    pause = threading.Event()
    until = monotonic() + _SETTLED
    least = measure()
    while monotonic() < until:
        pause.wait(2.5)
        now = measure()
        if now >= least:
            break
        least = now
    return least


def main() -> int:
    with Entitlements(source=World(), freshness=UNHURRIED, limits=PATIENT) as ents:
        ents.has_feature("cus_00000000000000", FEATURE)  # what the first question builds isn't the customers'
        tracemalloc.start()
        before = traced()
        load(ents)
        bytes_each = (settled(traced) - before) / _CUSTOMERS
        assert ents.stats().customers == _CUSTOMERS
        tracemalloc.stop()
    tracemalloc.start()
    floor = traced()
    shared = dict.fromkeys(customer_ids(_CUSTOMERS), PLANS[0])
    plain_each = (traced() - floor) / len(shared)
    tracemalloc.stop()
    rows = [
        ["entitlements", f"{bytes_each:.0f}", f"{bytes_each * _CUSTOMERS / 2**20:.1f}"],
        [
            "a dict of ids to shared sets, no time to live",
            f"{plain_each:.0f}",
            f"{plain_each * _CUSTOMERS / 2**20:.1f}",
        ],
    ]
    table(f"memory, {_CUSTOMERS:,} customers", ["", "bytes each", "MiB"], rows)
    return verdict(Goal("a cached customer with the id", bytes_each, GOAL, " bytes"))


if __name__ == "__main__":
    sys.exit(main())
