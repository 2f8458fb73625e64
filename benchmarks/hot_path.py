"""The warm check, beside the least that Python could do and beside cachetools as people use it.

The figures are the medians of three processes, because a process's memory layout alone moves a ratio by some per cent.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Final

from cachetools import TTLCache
from harness import Contestant, Goal, Timing, compare, table, verdict
from world import FEATURE, PATIENT, UNHURRIED, World, customer_ids, features_of

from entitlements import Entitlements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

BARE: Final = "bare function: k in d[c]"
CHECK: Final = "has_feature, allowed"
SHARED: Final = "has_feature, allowed, with shared_path"
GOAL: Final = 4.0
_PROCESSES: Final = 3
_CUSTOMERS: Final = 1_000
_THREADS: Final = 8


class Locked:
    """A cache of customers' features as people write it: cachetools, and a lock around every use."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._cache: TTLCache[str, frozenset[str]] = TTLCache(100_000, ttl=3_600)
        self._cache.update((customer, features_of(customer)) for customer in ids)
        self._lock = threading.RLock()

    def by_brackets(self, customer: str, feature: str) -> bool:
        with self._lock:
            return feature in self._cache[customer]

    def by_get(self, customer: str, feature: str) -> bool:
        with self._lock:
            held = self._cache.get(customer)
        return held is not None and feature in held


def contestants(ents: Entitlements, shared: Entitlements, ids: list[str]) -> dict[str, Contestant]:
    """Set up what is timed; every one has been asked once for every customer."""
    held = {customer: features_of(customer) for customer in ids}

    def bare(c: str, k: str) -> bool:
        return k in held[c]

    may = [customer for customer in ids if FEATURE in features_of(customer)]
    may_not = [customer for customer in ids if FEATURE not in features_of(customer)]
    locked = Locked(ids)
    names: dict[str, object] = {
        "ask": ents.has_feature,
        "bare": bare,
        "brackets": locked.by_brackets,
        "check": ents.check,
        "get": locked.by_get,
        "ids": may,
        "k": FEATURE,
    }
    pins = {**names, "ids": [ents.for_customer(customer).pinned() for customer in may]}
    found = {
        BARE: Contestant("bare(c, k)", names, BARE),
        CHECK: Contestant("ask(c, k)", names, BARE),
        SHARED: Contestant("ask(c, k)", {**names, "ask": shared.has_feature}, BARE),
        "has_feature, refused": Contestant("ask(c, k)", {**names, "ids": may_not}, BARE),
        "check, allowed": Contestant("check(c, k)", names, BARE),
        "key in pinned": Contestant("k in c", pins, BARE),
        "TTLCache[c] under RLock": Contestant("brackets(c, k)", names, BARE),
        "TTLCache.get(c) under RLock": Contestant("get(c, k)", names, BARE),
    }
    for customer in ids:
        truth = FEATURE in features_of(customer)
        asked = (ents.has_feature, shared.has_feature, ents.check, bare, locked.by_brackets, locked.by_get)
        assert all(bool(ask(customer, FEATURE)) is truth for ask in asked)
    return found


def one_process() -> dict[str, Timing]:
    """Time everything once."""
    ids = customer_ids(_CUSTOMERS)
    with (
        TemporaryDirectory() as path,
        Entitlements(source=World(), freshness=UNHURRIED, limits=PATIENT) as ents,
        Entitlements(source=World(), freshness=UNHURRIED, limits=PATIENT, shared_path=path) as shared,
    ):
        return compare(contestants(ents, shared, ids))


def throughput(ask: Callable[[str, str], object], ids: list[str], threads: int, seconds: float = 0.3) -> float:
    """Count the checks a second that so many threads make together."""
    counts = [0] * threads
    ready = threading.Barrier(threads + 1)
    over = threading.Event()

    def hammer(number: int) -> None:
        ready.wait()
        while not over.is_set():
            for customer in ids:
                ask(customer, FEATURE)
            counts[number] += len(ids)

    workers = [threading.Thread(target=hammer, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    ready.wait()
    began = perf_counter()
    over.wait(seconds)
    over.set()
    for worker in workers:
        worker.join()
    return sum(counts) / (perf_counter() - began)


def threads_table() -> None:
    """Print what eight threads achieve beside one."""
    ids = [customer for customer in customer_ids(_CUSTOMERS) if FEATURE in features_of(customer)]
    with Entitlements(source=World(), freshness=UNHURRIED, limits=PATIENT) as ents:
        for customer in ids:
            ents.has_feature(customer, FEATURE)
        asked = {CHECK: ents.has_feature, "TTLCache[c] under RLock": Locked(ids).by_brackets}
        rounds = [
            {name: (throughput(ask, ids, 1), throughput(ask, ids, _THREADS)) for name, ask in asked.items()}
            for _ in range(5)
        ]
    rows = []
    for name in asked:
        one, many = (median(each[name][which] for each in rounds) / 1e6 for which in (0, 1))
        share = median(each[name][1] / each[name][0] for each in rounds)
        rows.append([name, f"{one:.2f}", f"{many:.2f}", f"{share:.2f}"])
    table("threads, million checks a second", ["", "one thread", "eight", "eight / one"], rows)


def main() -> int:
    if "--once" in sys.argv:
        print(json.dumps({name: vars(timing) for name, timing in one_process().items()}))
        return 0
    runs = [_another_process() for _ in range(_PROCESSES)]
    rows = []
    for name in runs[0]:
        nanoseconds, least, ratio = (
            median(run[name][figure] for run in runs) for figure in ("nanoseconds", "least", "ratio")
        )
        rows.append([name, f"{nanoseconds:.0f}", f"{least:.0f}", f"{ratio:.2f}"])
    table("the warm check", ["", "ns, median", "least", "times the bare function"], rows)
    threads_table()
    ratios = {name: median(run[name]["ratio"] for run in runs) for name in (CHECK, SHARED)}
    return verdict(*(Goal(f"{name}, against the bare function", each, GOAL, " times") for name, each in ratios.items()))


def _another_process() -> Mapping[str, Mapping[str, float]]:
    done = subprocess.run([sys.executable, __file__, "--once"], check=True, capture_output=True, text=True)
    found: Mapping[str, Mapping[str, float]] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    sys.exit(main())
