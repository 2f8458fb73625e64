"""What a gate costs, beside a wrapper that does nothing and beside a bare coroutine."""

from __future__ import annotations

import asyncio
import functools
import json
import random
import subprocess
import sys
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Final

from harness import Contestant, Goal, compare, table, verdict
from world import FEATURE, PATIENT, UNHURRIED, World, customer_ids, features_of

from entitlements import Entitlements, requires_feature
from entitlements.bound import bind
from entitlements.customer import LIVE, RequestView
from entitlements.resolver import core_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

PASSES: Final = "functools.wraps pass-through"
AWAITED: Final = "await view()"
GOALS: Final = {"gate, pinned view": 2.2, "gate, live view": 2.6, "async gate, pinned view": 6.0}
_PROCESSES: Final = 3
_ROUNDS: Final = 40
_AWAITS: Final = 2_000
_LONG: Final = 3_600.0  # seconds for which a pin holds here: a request's own is over before a measurement is


def view(customer: str) -> str:
    return customer


async def aview(customer: str) -> str:
    return customer


@functools.wraps(view)
def passes(*args: object, **kwargs: object) -> object:
    return view(*args, **kwargs)  # type: ignore[arg-type]  # it takes what it is given


def sync_ratios(ents: Entitlements, customer: str) -> dict[str, float]:
    """Time a guarded function under each kind of view, and with a customer of its own."""
    gate, found = requires_feature(FEATURE)(view), {}
    own = requires_feature(FEATURE, entitlements=ents, customer=lambda c: c)(view)
    for name, timed, holds in (
        ("gate, pinned view", gate, _LONG),
        ("gate, live view", gate, LIVE),
        ("gate, customer=", own, LIVE),
    ):
        names: dict[str, object] = {"gate": timed, "passes": passes, "ids": [customer] * 500, "k": FEATURE}
        pair = {PASSES: Contestant("passes(c)", names, PASSES), name: Contestant("gate(c)", names, PASSES)}
        with bind(RequestView(core_of(ents), customer, holds=holds)):
            found[name] = compare(pair)[name].ratio
    return found


async def async_ratios(ents: Entitlements, customer: str) -> dict[str, float]:
    """Time a guarded coroutine function beside the bare one, in pairs."""
    gate, found = requires_feature(FEATURE)(aview), {}
    for name, holds in (("async gate, pinned view", _LONG), ("async gate, live view", LIVE)):
        with bind(RequestView(core_of(ents), customer, holds=holds)):
            found[name] = median([await _pair(gate, customer) for _ in range(_ROUNDS)])
    return found


async def _pair(gate: Callable[[str], Awaitable[str]], customer: str) -> float:
    timed = {gate: 0.0, aview: 0.0}
    for each in random.sample(list(timed), 2):
        timed[each] = await _seconds(each, customer)
    return timed[gate] / timed[aview]


async def _seconds(each: Callable[[str], Awaitable[str]], customer: str) -> float:
    await each(customer)
    began = perf_counter()
    for _ in range(_AWAITS):
        await each(customer)
    return perf_counter() - began


def one_process() -> dict[str, float]:
    customer = next(each for each in customer_ids(100) if FEATURE in features_of(each))
    with Entitlements(source=World(), freshness=UNHURRIED, limits=PATIENT) as ents:
        assert ents.has_feature(customer, FEATURE)
        return {**sync_ratios(ents, customer), **asyncio.run(async_ratios(ents, customer))}


def main() -> int:
    if "--once" in sys.argv:
        print(json.dumps(one_process()))
        return 0
    runs = [_another_process() for _ in range(_PROCESSES)]
    ratios = {name: median(run[name] for run in runs) for name in runs[0]}
    rows = [[name, f"{ratio:.2f}", AWAITED if "async" in name else PASSES] for name, ratio in ratios.items()]
    table("a gated call", ["", "times", "its baseline"], rows)
    return verdict(*(Goal(name, ratios[name], most, " times") for name, most in GOALS.items()))


def _another_process() -> Mapping[str, float]:
    done = subprocess.run([sys.executable, __file__, "--once"], check=True, capture_output=True, text=True)
    found: Mapping[str, float] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    sys.exit(main())
