"""Crowds: ten thousand callers of one cold customer cost one list call, whatever becomes of the first of them."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from controlled import Ask, Clock, HeldTruth, wait_for

from entitlements import Decision, Entitlements, EntitlementsUnavailable, Limits, Reason, Source
from entitlements.requirement import Requirement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

pytestmark = pytest.mark.timeout(240)

MANY = 10_000
# Seconds for ten thousand threads to start, or to end, on a busy machine; a planted bug may keep them from it for ever.
PATIENCE = 10.0 if "PLANTED_BUG" in os.environ else 100.0
THREADS = [1_000, pytest.param(MANY, marks=pytest.mark.soak)]  # where a thousand threads show it as well
STACK = 256 * 1024
NEED = Requirement(("exports",))
ADMITTED = Decision(NEED, Reason.ENTITLED, "cus_1", Source.FETCHED, 0.0, request_id="req_1", token="")
DOORS = (  # the crowd comes through each of them in turn
    lambda ents: ents.check("cus_1", "exports"),
    lambda ents: ents.has_feature("cus_1", "exports"),
    lambda ents: ents.for_customer("cus_1").has_feature("exports"),
)
A_DOORS = (
    lambda ents: ents.acheck("cus_1", "exports"),
    lambda ents: ents.ahas_feature("cus_1", "exports"),
    lambda ents: ents.for_customer("cus_1").ahas_feature("exports"),
)


@pytest.fixture(name="truth")
def _truth() -> HeldTruth:
    return HeldTruth({"cus_1": {"exports"}}, patience=2 * PATIENCE)


@pytest.fixture(name="ents")
def _ents(truth: HeldTruth):
    before = threading.stack_size(STACK)
    with Entitlements(source=truth, clock=Clock(), limits=Limits(deadline=60)) as ents:
        yield ents
        truth.release(1_000)
    threading.stack_size(before)


def on_threads(ents: Entitlements, count: int) -> list[Ask]:
    try:
        return [Ask(lambda door=DOORS[n % 3]: door(ents)) for n in range(count)]
    except RuntimeError as full:
        if "CI" in os.environ:
            raise
        pytest.skip(f"this machine won't run {count:,} threads: {full}")


def in_tasks(ents: Entitlements, count: int) -> list[asyncio.Future[object]]:
    return [asyncio.ensure_future(A_DOORS[n % 3](ents)) for n in range(count)]


def all_wait(ents: Entitlements, callers: int) -> bool:
    """Say whether so many share one flight and wait for it: each left a call with it, and so did its alarm."""
    stats = ents.stats()
    flights = list(ents._core.cache._flights.values())
    return (stats.flying, stats.fetches, stats.joined) == (1, 1, callers - 1) and len(flights[0]._calls) == callers + 1


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0)


def told(answers: Iterable[object]) -> set[object]:
    """Give the different answers; each decision has a token of its own, which is no difference."""
    return {replace(answer, token="") if isinstance(answer, Decision) else answer for answer in answers}


def assert_nothing_is_left(ents: Entitlements, truth: HeldTruth) -> None:
    """One list was made for all that was asked, and the customer can be fetched again."""
    assert truth.calls == ["cus_1"]
    wait_for(lambda: ents.stats().flying == 0)
    truth.failing = None
    truth.release(100)
    wait_for(lambda: ents.check("cus_1", "exports", fresh=True).reason is Reason.ENTITLED)


# --- the crowd -------------------------------------------------------------------------------------------------------


def test_10_000_tasks_cost_one_list(ents, truth):
    """I8: all of them wait for one fetch, and all are answered alike."""

    async def burst():
        questions = in_tasks(ents, MANY)
        await until(lambda: all_wait(ents, MANY))
        truth.release()
        return await asyncio.gather(*questions)

    assert told(asyncio.run(burst())) == {True, ADMITTED}
    assert_nothing_is_left(ents, truth)


def test_10_000_threads_cost_one_list(ents, truth):
    """I8: all of them wait for one fetch, and all are answered alike."""
    questions = on_threads(ents, MANY)
    wait_for(lambda: all_wait(ents, MANY), seconds=PATIENCE)
    truth.release()
    assert told(question.answer(seconds=PATIENCE) for question in questions) == {True, ADMITTED}
    assert_nothing_is_left(ents, truth)


@pytest.mark.parametrize("threads", [500, pytest.param(MANY // 2, marks=pytest.mark.soak)])
def test_threads_and_tasks_together_cost_one_list(ents, truth, threads):
    """I19: callers that block and callers that await share one fetch."""
    questions = on_threads(ents, threads)

    async def burst():
        tasks = in_tasks(ents, MANY // 2)
        await until(lambda: all_wait(ents, threads + MANY // 2))
        truth.release()
        return await asyncio.gather(*tasks)

    answers = [*asyncio.run(burst()), *(question.answer(seconds=PATIENCE) for question in questions)]
    assert (len(answers), told(answers)) == (threads + MANY // 2, {True, ADMITTED})
    assert_nothing_is_left(ents, truth)


# --- the fetch raises ------------------------------------------------------------------------------------------------


class Greenlet(BaseException):
    """What ends a green thread: no Exception."""


ENDS = [ConnectionError("down"), SystemExit(3), KeyboardInterrupt("down"), Greenlet("down")]


def assert_nobody_could_tell(answers: Iterable[object], end: BaseException) -> None:
    said = told(answers)
    assert False in said
    (decision,) = said - {False}
    assert isinstance(decision, Decision)
    assert (decision.reason, decision.detail) == (Reason.UNAVAILABLE, f"{type(end).__name__}: {end}")
    assert decision.retry_after


@pytest.mark.parametrize("end", ENDS, ids=repr)
def test_r67_when_the_fetch_raises_10_000_tasks_are_told_alike(ents, truth, end):
    """Whatever ends a fetch, nobody waits on, nobody tries again by himself, and "cannot tell" is what all are told."""
    truth.failing = end

    async def burst():
        questions = in_tasks(ents, MANY)
        await until(lambda: all_wait(ents, MANY))
        truth.release()
        return await asyncio.gather(*questions)

    assert_nobody_could_tell(asyncio.run(burst()), end)
    assert_nothing_is_left(ents, truth)


@pytest.mark.parametrize("end", ENDS, ids=repr)
@pytest.mark.parametrize("threads", THREADS)
def test_r67_when_the_fetch_raises_all_threads_are_told_alike(ents, truth, threads, end):
    """Whatever ends a fetch, each thread is answered, and none of them is raised at."""
    truth.failing = end
    questions = on_threads(ents, threads)
    wait_for(lambda: all_wait(ents, threads), seconds=PATIENCE)
    truth.release()
    assert_nobody_could_tell((question.answer(seconds=PATIENCE) for question in questions), end)
    assert_nothing_is_left(ents, truth)


def test_r66_each_caller_has_an_error_of_its_own(ents, truth):
    """Ten thousand callers of `require` share no exception: a shared one grows by each traceback."""
    truth.failing = ConnectionError("down")

    async def burst():
        questions = [asyncio.ensure_future(ents.arequire("cus_1", "exports")) for _ in range(MANY)]
        await until(lambda: all_wait(ents, MANY))
        truth.release()
        return await asyncio.gather(*questions, return_exceptions=True)

    errors = asyncio.run(burst())
    assert {type(error) for error in errors} == {EntitlementsUnavailable}
    assert len({id(error) for error in errors}) == MANY
    assert {depth(error) for error in errors} == {depth(errors[0])}
    assert truth.calls == ["cus_1"]


def depth(error: BaseException) -> int:
    frame, count = error.__traceback__, 0
    while frame is not None:
        frame, count = frame.tb_next, count + 1
    return count


# --- the first caller goes away --------------------------------------------------------------------------------------


async def cancelled(first: asyncio.Task[object]) -> None:
    first.cancel()
    await asyncio.wait([first])
    assert first.cancelled()


async def out_of_time(first: asyncio.Task[object]) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(first, 0)


@pytest.mark.parametrize("end", [cancelled, out_of_time])
def test_r65_when_the_first_task_is_cancelled_9_999_are_answered(ents, truth, end):
    """Whoever began the fetch may go away while all wait: the others are answered by that same fetch."""

    async def burst():
        first, *others = in_tasks(ents, MANY)
        await until(lambda: all_wait(ents, MANY))
        await end(first)
        truth.release()
        return await asyncio.gather(*others)

    assert told(asyncio.run(burst())) == {True, ADMITTED}
    assert_nothing_is_left(ents, truth)


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit, ValueError])
def test_r67_when_the_first_thread_is_interrupted_the_others_are_answered(ents, truth, end, threads):
    """A signal that raises out of the first caller's wait, as servers end their workers, harms that caller only."""
    others: list[Ask] = []

    def gather_and_interrupt():
        truth.wait_until_asked()
        others.extend(on_threads(ents, threads - 1))
        wait_for(lambda: all_wait(ents, threads), seconds=PATIENCE)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)

    def interrupt(signum, frame):
        raise end

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        starter = Ask(gather_and_interrupt)
        with pytest.raises(end):
            ents.check("cus_1", "exports")
    finally:
        signal.signal(signal.SIGUSR1, before)
    starter.answer(seconds=PATIENCE)
    truth.release()
    assert told(other.answer(seconds=PATIENCE) for other in others) == {True, ADMITTED}
    assert_nothing_is_left(ents, truth)


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("end", [SystemExit, ValueError])
def test_r67_when_the_first_thread_is_killed_the_others_are_answered(ents, truth, end, threads):
    """An exception thrown into the first caller's thread from outside ends that thread, and nothing else."""
    first = Ask(lambda: ents.check("cus_1", "exports"))
    truth.wait_until_asked()
    others = on_threads(ents, threads - 1)
    wait_for(lambda: all_wait(ents, threads), seconds=PATIENCE)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(first.ident), ctypes.py_object(end))
    truth.release()
    with pytest.raises(end):
        first.answer(seconds=PATIENCE)
    assert told(other.answer(seconds=PATIENCE) for other in others) == {True, ADMITTED}
    assert_nothing_is_left(ents, truth)


@pytest.mark.parametrize("threads", THREADS)
def test_r67_when_the_first_caller_s_loop_dies_with_its_thread_the_others_are_answered(ents, truth, threads):
    """A loop that is torn down under its waiting task, with the thread that ran it, takes nobody along."""
    loop = asyncio.new_event_loop()

    def run():
        try:
            loop.run_until_complete(ents.acheck("cus_1", "exports"))
        finally:
            loop.set_exception_handler(lambda *_: None)  # it would say that its task was destroyed, as it is meant to
            loop.close()

    first = Ask(run)
    truth.wait_until_asked()
    others = on_threads(ents, threads - 1)
    wait_for(lambda: all_wait(ents, threads), seconds=PATIENCE)
    loop.call_soon_threadsafe(sys.exit)
    with pytest.raises(SystemExit):
        first.answer(seconds=PATIENCE)
    truth.release()
    assert told(other.answer(seconds=PATIENCE) for other in others) == {True, ADMITTED}
    assert_nothing_is_left(ents, truth)
