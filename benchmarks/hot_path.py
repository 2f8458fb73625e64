"""The warm check, beside the least that Python could do and beside cachetools as people use it.

The figures are the medians of three processes, because a process's memory layout alone moves a ratio by some per cent.
"""

from __future__ import annotations

import functools
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

from entitlements import Entitlements, requires_feature
from entitlements.web.wsgi import EntitlementsMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

BARE: Final = "bare function: k in d[c]"
CHECK: Final = "has_feature, allowed"
SHARED: Final = "has_feature, allowed, with shared_path"
PASSES: Final = "functools.wraps pass-through"
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

    def view(c: str) -> str:
        return c

    @functools.wraps(view)
    def passes(*args: object, **kwargs: object) -> object:
        return view(*args, **kwargs)  # type: ignore[arg-type]  # it takes what it is given

    may = [customer for customer in ids if FEATURE in features_of(customer)]
    may_not = [customer for customer in ids if FEATURE not in features_of(customer)]
    locked = Locked(ids)
    names: dict[str, object] = {
        "ask": ents.has_feature,
        "bare": bare,
        "brackets": locked.by_brackets,
        "check": ents.check,
        "gate": requires_feature(FEATURE)(view),
        "gate_by": requires_feature(FEATURE, entitlements=ents, customer=lambda c: c)(view),
        "get": locked.by_get,
        "ids": may,
        "k": FEATURE,
        "passes": passes,
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
        PASSES: Contestant("passes(c)", names, PASSES),
        "@requires_feature in a request": Contestant("gate(c)", names, PASSES),
        "@requires_feature(customer=...)": Contestant("gate_by(c)", names, PASSES),
    }
    for customer in ids:
        truth = FEATURE in features_of(customer)
        asked = (ents.has_feature, shared.has_feature, ents.check, bare, locked.by_brackets, locked.by_get)
        assert all(bool(ask(customer, FEATURE)) is truth for ask in asked)
    return found


def in_a_request(ents: Entitlements, customer: str, work: Callable[[], None]) -> None:
    """Do something as an application does it: within the middleware, with a view bound."""

    def application(_environ: object, start_response: Callable[..., object]) -> list[bytes]:
        work()
        start_response("204 No Content", [])
        return []

    gated = EntitlementsMiddleware(application, ents, lambda _environ: customer)
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "QUERY_STRING": ""}
    for _ in gated(environ, lambda *_: lambda _data: None):
        pass


def one_process() -> dict[str, Timing]:
    """Time everything once."""
    ids = customer_ids(_CUSTOMERS)
    timings: dict[str, Timing] = {}
    payer = next(customer for customer in ids if FEATURE in features_of(customer))
    with (
        TemporaryDirectory() as path,
        Entitlements(source=World(), freshness=UNHURRIED, limits=PATIENT) as ents,
        Entitlements(source=World(), freshness=UNHURRIED, limits=PATIENT, shared_path=path) as shared,
    ):
        in_a_request(ents, payer, lambda: timings.update(compare(contestants(ents, shared, ids))))
    return timings


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
        of = "pass-through" if "requires" in name or name == PASSES else "bare"
        rows.append([name, f"{nanoseconds:.0f}", f"{least:.0f}", f"{ratio:.2f}", of])
    table("the warm check", ["", "ns, median", "least", "times", "its baseline"], rows)
    threads_table()
    ratios = {name: median(run[name]["ratio"] for run in runs) for name in (CHECK, SHARED)}
    return verdict(*(Goal(f"{name}, against the bare function", each, GOAL, " times") for name, each in ratios.items()))


def _another_process() -> Mapping[str, Mapping[str, float]]:
    done = subprocess.run([sys.executable, __file__, "--once"], check=True, capture_output=True, text=True)
    found: Mapping[str, Mapping[str, float]] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    sys.exit(main())
