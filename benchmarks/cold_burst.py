"""A crowd that asks about one unknown customer at once, and a source that fails: how often Stripe is called."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from time import perf_counter
from typing import TYPE_CHECKING, Final

from harness import Goal, table, verdict
from world import World

from entitlements import Entitlements
from entitlements.emulator import StripeEmulator

if TYPE_CHECKING:
    from collections.abc import Callable

    from entitlements.clocks import Deadline
    from entitlements.sources.contract import Holding

_CROWD: Final = 32
_ROUNDS: Final = 5  # the worst of them counts
_CHECKS: Final = 5
_SHOP: Final = {"features": {"sso": "Single sign-on"}, "products": {"pro": {"features": ["sso"], "price": 2900}}}
_LIST: Final = "/v1/entitlements/active_entitlements"


class Failing(World):
    """A source that is down, and counts who finds out."""

    def __init__(self) -> None:
        self.calls = 0

    def fetch(self, customer: str, deadline: Deadline) -> Holding:  # noqa: ARG002 - the contract's own words
        self.calls += 1
        raise ConnectionError("the source is down")


def by_threads(ents: Entitlements, customer: str) -> list[bool]:
    """Ask from 32 threads that start together."""
    together = threading.Barrier(_CROWD)
    answers: list[bool] = []

    def ask() -> None:
        together.wait()
        answers.append(ents.has_feature(customer, "sso"))

    crowd = [threading.Thread(target=ask) for _ in range(_CROWD)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    return answers


def by_tasks(ents: Entitlements, customer: str) -> list[bool]:
    """Ask from 32 tasks of one loop."""

    async def ask() -> list[bool]:
        async with asyncio.TaskGroup() as group:
            crowd = [group.create_task(_awaited(ents, customer)) for _ in range(_CROWD)]
        return [task.result() for task in crowd]

    return asyncio.run(ask())


async def _awaited(ents: Entitlements, customer: str) -> bool:
    return await ents.ahas_feature(customer, "sso")


def burst(stripe: StripeEmulator, ask_all: Callable[[Entitlements, str], list[bool]]) -> tuple[int, float]:
    """Let a crowd ask about a customer nobody has seen: list calls, and seconds until all are answered."""
    customer = stripe.customer()
    stripe.subscribe(customer, "pro")
    with Entitlements(stripe.api_key, api_base=stripe.url) as ents:
        before = stripe.count("GET", _LIST)
        began = perf_counter()
        answers = ask_all(ents, customer)
        took = perf_counter() - began
        assert answers == [True] * _CROWD
        return stripe.count("GET", _LIST) - before, took


def failing() -> tuple[int, float]:
    """Check one customer five times in a row while the source is down: fetches, and seconds for all five."""
    source = Failing()
    with Entitlements(source=source) as ents:
        began = perf_counter()
        assert all(ents.check("cus_1", "sso").unavailable for _ in range(_CHECKS))
        return source.calls, perf_counter() - began


def failing_stripe(stripe: StripeEmulator) -> tuple[int, float]:
    """Do the same to a Stripe that answers 500: requests, the retries of the one fetch among them."""
    customer = stripe.customer()
    fault = stripe.faults.status(500, "GET", _LIST)
    with Entitlements(stripe.api_key, api_base=stripe.url) as ents:
        began = perf_counter()
        assert all(ents.check(customer, "sso").unavailable for _ in range(_CHECKS))
        took = perf_counter() - began
    fault.release()
    return fault.hits, took


def main() -> int:
    logging.getLogger("entitlements").setLevel(logging.ERROR)  # that the source fails is known here
    with StripeEmulator(catalog=_SHOP) as stripe:
        bursts = {
            f"{_CROWD} threads, one cold customer": [burst(stripe, by_threads) for _ in range(_ROUNDS)],
            f"{_CROWD} tasks, one cold customer": [burst(stripe, by_tasks) for _ in range(_ROUNDS)],
        }
        down = {
            f"{_CHECKS} checks, a source that raises": [failing()],
            f"{_CHECKS} checks, Stripe answering 500": [failing_stripe(stripe)],
        }
    rows = [
        [name, str(max(calls for calls, _ in runs)), f"{min(took for _, took in runs) * 1000:.0f}"]
        for name, runs in {**bursts, **down}.items()
    ]
    table("calls upstream", ["", "calls", "ms for all"], rows)
    goals = [Goal(f"{name}: list calls", max(calls for calls, _ in runs), 1) for name, runs in bursts.items()]
    (name, runs), *_ = down.items()
    return verdict(*goals, Goal(f"{name}: fetches", runs[0][0], 1))


if __name__ == "__main__":
    sys.exit(main())
