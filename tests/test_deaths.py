"""A caller may die anywhere: whichever line of the library it had come to, the customer can be asked about again."""

from __future__ import annotations

import asyncio
import itertools
import linecache
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from controlled import PATIENCE, Ask, Truth

import entitlements
from entitlements import Entitlements, Limits, Reason
from entitlements.clocks import real_now
from entitlements.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

LIBRARY = str(Path(entitlements.__file__).parent)


class Death(BaseException):
    """What ends a thread."""


def die_at(line: int, call: Callable[[], object]) -> str | None:
    """Make a call that dies as it comes to its n-th line in the library; return where that is, if it came so far."""
    lines = itertools.count()
    died: str | None = None

    def trace(frame: FrameType, event: str, arg: object) -> object:
        nonlocal died
        if not frame.f_code.co_filename.startswith(LIBRARY):
            return None
        if event == "line" and not died and not _is_with(frame) and next(lines) == line:
            died = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
            raise Death
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except Death:
        pass
    finally:
        sys.settrace(before)
    return died


def _is_with(frame: FrameType) -> bool:
    """Say whether a block begins or ends here: tracing could kill between a body and its exit, where no signal can."""
    return linecache.getline(frame.f_code.co_filename, frame.f_lineno).lstrip().startswith("with ")


CALLS = {
    "has_feature": lambda ents, customer: ents.has_feature(customer, "exports"),
    "check": lambda ents, customer: ents.check(customer, "exports"),
    "acheck": lambda ents, customer: asyncio.run(ents.acheck(customer, "exports")),
    "pinned": lambda ents, customer: ents.for_customer(customer).pinned(),
    "refresh": lambda ents, customer: ents.refresh(customer),
}


def answered_soon(ents: Entitlements, customer: str) -> bool:
    """Ask, each time on a thread of its own, until the answer is known or patience ends."""
    until = real_now() + PATIENCE
    while real_now() < until:
        if Ask(lambda: ents.check(customer, "exports").reason).answer() is Reason.ENTITLED:
            return True
    return False


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")  # it died before
@pytest.mark.parametrize("call", CALLS)
def test_r67_wherever_the_first_caller_dies_the_next_one_is_answered(call):
    """I8: no customer is left with a fetch that never was, and no lock stays taken.

    Whoever joins what died is told "cannot tell" at its deadline; who asks after that is answered.
    """
    customers = [f"cus_{line}" for line in range(1_000)]
    truth = Truth({customer: {"exports"} for customer in customers})
    with Entitlements(source=truth, limits=Limits(deadline=0.1, requests_per_second=1e6)) as ents:
        for line, customer in enumerate(customers):
            place = die_at(line, lambda customer=customer: CALLS[call](ents, customer))
            if place is None:
                break
            assert answered_soon(ents, customer), place
    assert 80 < line < len(customers) - 1


def test_wherever_a_thread_dies_that_sets_an_alarm_the_next_alarm_rings():
    """One alarm that was half set doesn't silence the others."""
    watchdog = Watchdog()
    for line in itertools.count():
        place = die_at(line, lambda: watchdog.at(real_now() + 0.02, lambda: None))
        rung = threading.Event()
        watchdog.at(real_now() + 0.04, rung.set)
        assert rung.wait(1), place
        if place is None:
            break
    assert line > 5
