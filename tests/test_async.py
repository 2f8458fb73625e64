"""The a-twins: the same answers, awaited; nothing that isn't awaited passes for an answer."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import warnings
from contextlib import closing

import pytest
from controlled import HeldTruth, Truth
from freezegun import freeze_time

from entitlements import Entitlements, EntitlementsUnavailable, FeatureRequired, Limits, Reason


@pytest.fixture(name="truth")
def _truth() -> Truth:
    return Truth({"cus_1": {"exports"}})


@pytest.fixture(name="ents")
def _ents(truth: Truth):
    with Entitlements(source=truth) as ents:
        yield ents


A_METHODS = [
    lambda ents: ents.ahas_feature("cus_1", "exports"),
    lambda ents: ents.acheck("cus_1", "exports"),
    lambda ents: ents.arequire("cus_1", "exports"),
    lambda ents: ents.arefresh("cus_1"),
    lambda ents: ents.ainvalidate("cus_1"),
    lambda ents: ents.for_customer("cus_1").ahas_feature("exports"),
    lambda ents: ents.for_customer("cus_1").acheck("exports"),
    lambda ents: ents.for_customer("cus_1").arequire("exports"),
    lambda ents: ents.for_customer("cus_1").apinned(),
]


@pytest.mark.parametrize("ask", A_METHODS)
@pytest.mark.parametrize(
    "mistake",
    [
        lambda question: "in" if question else "out",
        lambda question: question and "in",
        lambda question: not question,
        lambda question: [1 for _ in "x" if question],
        bool,
    ],
    ids=["if", "and", "not", "comprehension", "bool"],
)
def test_r13_a_question_that_isn_t_awaited_never_passes(ents, ask, mistake):
    """A forgotten `await` is an error that names the method, not an open door."""
    named = r"a\w+\(\.\.\.\) was not awaited, so there is no answer yet: write `await a\w+"
    with closing(ask(ents)) as question, pytest.raises(TypeError, match=named):
        mistake(question)


def test_a_forgotten_await_still_warns(ents):
    """Python's own warning about a coroutine never awaited stays on."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ents.ahas_feature("cus_1", "exports")
        gc.collect()
    assert [str(each.message).endswith("was never awaited") for each in caught] == [True]


def test_it_works_wherever_a_coroutine_does(ents):
    """await, create_task, gather, wait_for, TaskGroup, run: each gives the answer."""

    async def everywhere():
        answers = [await ents.ahas_feature("cus_1", "exports")]
        answers.append(await asyncio.create_task(ents.ahas_feature("cus_1", "exports")))
        answers += await asyncio.gather(ents.ahas_feature("cus_1", "exports"), ents.ahas_feature("cus_1", "sso"))
        answers.append(await asyncio.wait_for(ents.ahas_feature("cus_1", "exports"), 5))
        async with asyncio.TaskGroup() as group:
            task = group.create_task(ents.ahas_feature("cus_1", "exports"))
        return [*answers, task.result()]

    assert asyncio.run(everywhere()) == [True, True, True, False, True, True]
    assert asyncio.run(ents.ahas_feature("cus_1", "exports")) is True


def test_every_a_twin_answers_as_its_twin_does(ents, truth):
    """I19: one engine, two ways of waiting."""

    async def asked():
        assert (await ents.acheck("cus_1", "exports")).reason is Reason.ENTITLED
        assert await ents.arequire("cus_1", "exports")
        with pytest.raises(FeatureRequired):
            await ents.arequire("cus_1", "sso")
        token = await ents.arefresh("cus_1")
        assert (await ents.acheck("cus_1", "exports", after=token)).source == "cached"
        assert isinstance(await ents.ainvalidate("cus_1"), str)
        team = ents.for_customer("cus_1")
        assert await team.ahas_feature("exports")
        assert (await team.acheck("exports")).reason is Reason.ENTITLED
        assert await team.arequire("exports")
        assert await team.apinned() == {"exports"}
        truth.failing = OSError("down")
        with pytest.raises(EntitlementsUnavailable):
            await ents.arequire("cus_2", "exports")

    asyncio.run(asked())


def test_32_tasks_ask_for_one_cold_customer_and_cost_one_list(ents, truth):
    """I8: one flight for every task that waits."""

    async def burst():
        return await asyncio.gather(*(ents.ahas_feature("cus_1", "exports") for _ in range(32)))

    assert asyncio.run(burst()) == [True] * 32
    assert truth.calls == ["cus_1"]


def test_threads_and_tasks_share_one_flight():
    """A thread that blocks and a task that awaits land together."""
    truth = HeldTruth({"cus_1": {"exports"}})
    with Entitlements(source=truth) as ents:
        answers: list[bool] = []
        threads = [threading.Thread(target=lambda: answers.append(ents.has_feature("cus_1", "exports"))) for _ in "12"]

        async def tasks():
            questions = [asyncio.ensure_future(ents.ahas_feature("cus_1", "exports")) for _ in "12"]
            while ents.stats().joined < 3:
                await asyncio.sleep(0)
            truth.release()
            return await asyncio.gather(*questions)

        for thread in threads:
            thread.start()
        answers += asyncio.run(tasks())
        for thread in threads:
            thread.join()
    assert answers == [True] * 4
    assert truth.calls == ["cus_1"]


def test_r65_a_cancelled_task_harms_nobody_else():
    """Whoever began the flight may go away: the others are answered, and nothing is fetched twice."""
    truth = HeldTruth({"cus_1": {"exports"}})
    with Entitlements(source=truth) as ents:

        async def cancelled():
            leader = asyncio.create_task(ents.ahas_feature("cus_1", "exports"))
            follower = asyncio.create_task(ents.ahas_feature("cus_1", "exports"))
            while ents.stats().joined < 1:
                await asyncio.sleep(0)
            leader.cancel()
            await asyncio.wait([leader])
            truth.release()
            return leader.cancelled(), await follower

        assert asyncio.run(cancelled()) == (True, True)
    assert truth.calls == ["cus_1"]


def test_a_loop_that_ended_is_nobody_s_trouble():
    """R69: a fetch that lands after its loop was closed serves the next loop."""
    truth = HeldTruth({"cus_1": {"exports"}})
    with Entitlements(source=truth) as ents:

        async def give_up():
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(ents.ahas_feature("cus_1", "exports"), 0.01)

        asyncio.run(give_up())
        truth.release()
        assert asyncio.run(ents.ahas_feature("cus_1", "exports")) is True
    assert truth.calls == ["cus_1"]


def test_the_loop_goes_on_while_a_question_waits():
    """A cold question awaits; other tasks run meanwhile."""
    truth = HeldTruth({"cus_1": {"exports"}})
    with Entitlements(source=truth) as ents:

        async def meanwhile():
            question = asyncio.create_task(ents.ahas_feature("cus_1", "exports"))
            turns = 0
            while not question.done():
                turns += 1
                if turns == 100:
                    truth.release()
                await asyncio.sleep(0)
            return turns, question.result()

        turns, answer = asyncio.run(meanwhile())
    assert (turns >= 100, answer) == (True, True)


def test_a_synchronous_question_on_a_loop_s_thread_answers_and_warns_once(ents, caplog):
    """has_feature, where it must wait, blocks the loop up to its deadline, and says so one time."""

    async def ask():
        return ents.has_feature("cus_1", "exports"), ents.has_feature("cus_2", "exports")

    assert asyncio.run(ask()) == (True, False)
    assert [record.message[:42] for record in caplog.records if "event loop" in record.message] == [
        "a question was asked on an event loop's th"
    ]


@pytest.mark.parametrize("asynchronously", [False, True])
def test_a_hung_source_is_answered_in_time_under_a_frozen_clock(asynchronously):
    """Deadlines are kept by a clock that freezegun can't reach."""
    truth = HeldTruth({"cus_1": {"exports"}})
    began = time.clock_gettime(time.CLOCK_MONOTONIC)
    with Entitlements(source=truth, limits=Limits(deadline=0.2)) as ents, freeze_time("2026-11-23", real_asyncio=False):
        question = ents.acheck("cus_1", "exports") if asynchronously else None
        decision = ents.check("cus_1", "exports") if question is None else asyncio.run(question)
    assert decision.reason is Reason.UNAVAILABLE
    assert time.clock_gettime(time.CLOCK_MONOTONIC) - began < 0.95
    truth.release()


def test_a_frozen_clock_moves_the_ages_of_an_instance_built_before_it(ents, truth):
    """A test may freeze time around an instance that the application built at import."""
    with freeze_time("2026-11-23") as frozen:
        assert ents.has_feature("cus_1", "exports")
        frozen.tick(200)
        assert ents.check("cus_1", "exports").source == "cached"
        frozen.tick(120)
        assert ents.check("cus_1", "exports").source == "stale"
    assert ents.check("cus_1", "exports").source == "fetched"  # back in real time, that age means nothing


def test_a_warm_allow_ends_with_time(ents, truth):
    """The hot path reads the clock: what it admitted is admitted no longer when nobody can confirm it."""
    with freeze_time("2026-11-23") as frozen:
        assert ents.has_feature("cus_1", "exports")
        truth.failing = OSError("down")
        frozen.tick(200)
        assert ents.has_feature("cus_1", "exports")
        frozen.tick(10_000)
        assert not ents.has_feature("cus_1", "exports")
