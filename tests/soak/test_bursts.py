"""A long proof: hours of changes in a minute. (Ten thousand callers at once are in `tests/test_crowds.py`.)"""

from __future__ import annotations

import random
import threading

import pytest
from controlled import wait_for

from entitlements import Entitlements, Limits
from entitlements.sources.contract import Holding

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]


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
