"""Long proofs: ten thousand at once, and hours of changes in a minute."""

from __future__ import annotations

import asyncio
import random
import threading

import pytest
from controlled import HeldTruth, wait_for

from entitlements import Entitlements, Limits
from entitlements.sources.contract import Holding

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]


def test_10_000_threads_ask_for_one_cold_customer_and_cost_one_list():
    """G4: one call upstream, and an answer for every thread."""
    truth = HeldTruth({"cus_1": {"exports"}}, patience=120)
    answers: list[bool] = []
    with Entitlements(source=truth, limits=Limits(deadline=120)) as ents:
        threads = [
            threading.Thread(target=lambda: answers.append(ents.has_feature("cus_1", "exports"))) for _ in range(10_000)
        ]
        for thread in threads:
            thread.start()
        wait_for(lambda: ents.stats().joined == 9_999, seconds=110)
        truth.release()
        for thread in threads:
            thread.join()
    assert (len(answers), set(answers), truth.calls) == (10_000, {True}, ["cus_1"])


def test_10_000_tasks_ask_for_one_cold_customer_and_cost_one_list():
    """G4, awaited."""
    truth = HeldTruth({"cus_1": {"exports"}}, patience=120)

    async def burst(ents: Entitlements) -> list[bool]:
        questions = [asyncio.ensure_future(ents.ahas_feature("cus_1", "exports")) for _ in range(10_000)]
        while ents.stats().joined < 9_999:
            await asyncio.sleep(0)
        truth.release()
        return await asyncio.gather(*questions)

    with Entitlements(source=truth, limits=Limits(deadline=120)) as ents:
        assert set(asyncio.run(burst(ents))) == {True}
    assert truth.calls == ["cus_1"]


class Versions:
    """A source whose truth is a number that grows; it reads the truth first and answers some time later."""

    def __init__(self) -> None:
        self.version = [0] * 8

    def fetch(self, customer, deadline):
        version = self.version[int(customer)]
        threading.Event().wait(random.random() * 0.003)
        return Holding(frozenset({f"v{version}"}))


def test_two_hundred_thousand_questions_among_changes_and_none_is_answered_from_before():
    """I1: on real threads, no answer rests on what was true before an invalidation returned."""
    truth, wrong = Versions(), list[str]()
    acknowledged = [0] * 8
    stop = threading.Event()
    asked = [0] * 6

    def change(customers: range) -> None:
        while not stop.is_set():
            customer = random.choice(customers)
            truth.version[customer] += 1
            ents.invalidate(str(customer))
            acknowledged[customer] = truth.version[customer]
            stop.wait(random.random() * 0.004)

    def ask(number: int) -> None:
        while not stop.is_set():
            asked[number] += 1
            customer = random.randrange(8)
            floor = acknowledged[customer]
            pinned = ents.for_customer(str(customer)).pinned()
            if not pinned.unavailable and int(next(iter(pinned))[1:]) < floor:
                wrong.append(f"customer {customer}: {set(pinned)} after v{floor} was acknowledged")

    with Entitlements(source=truth, limits=Limits(requests_per_second=1e6, fetch_threads=16)) as ents:
        threads = [threading.Thread(target=change, args=(part,)) for part in (range(4), range(4, 8))]
        threads += [threading.Thread(target=ask, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        wait_for(lambda: sum(asked) > 200_000 or wrong, seconds=300)
        stop.set()
        for thread in threads:
            thread.join()
    assert wrong == []
