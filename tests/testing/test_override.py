"""An override answers for what it names, in its own context, for as long as it lasts, and for nothing else."""

from __future__ import annotations

import asyncio
import gc
import itertools
import subprocess
import sys
import textwrap
import threading
import weakref
from contextlib import ExitStack
from contextvars import copy_context
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from controlled import Ask, Clock, HeldTruth, Truth

import entitlements
from entitlements import (
    Decision,
    Entitlements,
    EntitlementsUnavailable,
    FeatureRequired,
    InvalidInput,
    Offer,
    Pinned,
    Reason,
    Source,
    StripeError,
    overridden,
    requires_feature,
)
from entitlements.bound import bind
from entitlements.customer import LIVE, PIN_HOLDS, RequestView
from entitlements.requirement import Requirement
from entitlements.resolver import core_of
from entitlements.testing import OverrideOutsideTests, StaticSource, override

ROOT = Path(__file__).parent.parent.parent
HELD = {"cus_1": {"sso"}, "cus_2": {"sso"}}


@pytest.fixture(name="truth")
def _truth():
    return Truth({customer: set(held) for customer, held in HELD.items()})


@pytest.fixture(name="ents")
def _ents(truth):
    with Entitlements(source=truth) as ents:
        yield ents


def request_view(ents, customer="cus_1"):
    return RequestView(core_of(ents), customer)


@requires_feature("exports")
def bound_gate():
    return True


def through(gate, *args):
    try:
        return gate(*args)
    except FeatureRequired:
        return False


def bound(ents):
    with bind(request_view(ents)):
        return through(bound_gate)


def by_customer(ents):
    return through(requires_feature("exports", entitlements=ents, customer=lambda who: who)(lambda who: True), "cus_1")


async def streamed(ents):
    @requires_feature("exports", entitlements=ents, customer=lambda: "cus_1")
    async def rows():
        yield True

    try:
        return [row async for row in rows()] == [True]
    except FeatureRequired:
        return False


async def awaited(question):
    try:
        return bool(await question)
    except FeatureRequired:
        return False


QUESTIONS = {
    "has_feature": lambda ents: ents.has_feature("cus_1", "exports"),
    "check": lambda ents: bool(ents.check("cus_1", "exports")),
    "fresh": lambda ents: bool(ents.check("cus_1", "exports", fresh=True)),
    "require": lambda ents: bool(through(ents.require, "cus_1", "exports")),
    "ahas_feature": lambda ents: asyncio.run(awaited(ents.ahas_feature("cus_1", "exports"))),
    "acheck": lambda ents: asyncio.run(awaited(ents.acheck("cus_1", "exports"))),
    "arequire": lambda ents: asyncio.run(awaited(ents.arequire("cus_1", "exports"))),
    "an object": lambda ents: ents.has_feature(SimpleNamespace(stripe_customer_id="cus_1"), "exports"),
    "view.has_feature": lambda ents: ents.for_customer("cus_1").has_feature("exports"),
    "view.ahas_feature": lambda ents: asyncio.run(awaited(ents.for_customer("cus_1").ahas_feature("exports"))),
    "view.check": lambda ents: bool(ents.for_customer("cus_1").check("exports")),
    "view.acheck": lambda ents: asyncio.run(awaited(ents.for_customer("cus_1").acheck("exports"))),
    "in view": lambda ents: "exports" in ents.for_customer("cus_1"),
    "request.check": lambda ents: bool(request_view(ents).check("exports")),
    "request.arequire": lambda ents: asyncio.run(awaited(request_view(ents).arequire("exports"))),
    "in request": lambda ents: "exports" in request_view(ents),
    "bound gate": bound,
    "gate by customer": by_customer,
    "gated stream": lambda ents: asyncio.run(streamed(ents)),
}
SETS = {
    "view.features": lambda ents: "exports" in ents.for_customer("cus_1").features,
    "view.pinned": lambda ents: "exports" in ents.for_customer("cus_1").pinned(),
    "view.apinned": lambda ents: "exports" in asyncio.run(pinned(ents)),
    "request.features": lambda ents: "exports" in request_view(ents).features,
    "request.pinned": lambda ents: "exports" in request_view(ents).pinned(),
}


async def pinned(ents):
    return await ents.for_customer("cus_1").apinned()


@pytest.mark.parametrize("ask", (QUESTIONS | SETS).values(), ids=QUESTIONS | SETS)
@pytest.mark.parametrize("warm", [True, False])
def test_it_answers_every_question_of_an_instance_while_it_lasts(truth, ents, ask, warm):
    """Whoever asks and however: yes where it says so, no where it says so, and before and after what is true."""
    seen = []
    for truly in (False, True):
        truth.held["cus_1"] = {"exports"} if truly else set()
        ents.invalidate("cus_1")
        seen += [ask(ents)] if warm else []
        with override("cus_1", exports=not truly):
            seen.append(ask(ents))
        seen += [ask(ents)]
    assert seen == ([False, True, False, True, False, True] if warm else [True, False, False, True])


@pytest.mark.parametrize("ask", QUESTIONS.values(), ids=QUESTIONS)
@pytest.mark.parametrize("says", [True, False])
def test_it_is_answered_without_asking_a_source_that_fails(ask, says):
    """Yes and no alike: nothing is fetched."""
    failing = Truth(failing=StripeError("down"))
    with Entitlements(source=failing) as ents, override("cus_1", exports=says):
        assert ask(ents) is says
    assert failing.calls == []


@pytest.mark.parametrize("says", [True, False])
def test_a_request_that_waits_for_a_source_that_hangs_is_told_at_once(says):
    """A view whose pin is under way, and never comes, answers for the features that are named."""
    hanging = HeldTruth({})
    with Entitlements(source=hanging) as ents:
        view = request_view(ents)
        waiting = Ask(lambda: view.check("sso"))
        hanging.wait_until_asked()
        with override("cus_1", exports=says):
            assert (bool(view.check("exports")), "exports" in view, ents.has_feature("cus_1", "exports")) == (says,) * 3
        assert waiting.waiting
        hanging.release()
        assert not waiting.answer()
    assert hanging.calls == ["cus_1"]


def test_what_it_does_not_name_is_answered_as_ever(ents):
    """Other features and other customers are asked of the source, and decided by what it says."""
    with override("cus_1", exports=True):
        other = ents.check("cus_1", "sso")
        assert (other.allowed, other.source, ents.has_feature("cus_2", "exports")) == (True, Source.FETCHED, False)
        assert ents.for_customer("cus_1").features == {"sso", "exports"}
        assert ents.for_customer("cus_2").features == {"sso"}
        assert "sso" in ents.for_customer("cus_1")


def test_what_it_does_not_name_fails_as_ever():
    """Beside it, a source that fails is a source that fails."""
    with Entitlements(source=Truth(failing=StripeError("down"))) as ents, override("cus_1", exports=True):
        with pytest.raises(EntitlementsUnavailable):
            ents.require("cus_1", "sso")
        assert (ents.for_customer("cus_1").features, ents.for_customer("cus_1").unavailable) == ({"exports"}, True)


@pytest.mark.parametrize(("says", "reason"), [(True, Reason.ENTITLED), (False, Reason.NOT_ENTITLED)])
def test_a_decision_says_that_it_rests_on_an_override(ents, says, reason):
    """`source` is "override", and nothing is made up: no age, no request, no detail."""
    with override("cus_1", exports=says):
        decision = ents.check("cus_1", "exports")
    need = Requirement(("exports",))
    assert replace(decision, token="") == Decision(need, reason, "cus_1", Source.OVERRIDE, token="")
    assert Source.OVERRIDE == "override"


def test_a_refusal_says_what_would_unlock_it_where_the_catalogue_is_loaded():
    """An override loads no catalogue, and reads the one that is there."""
    source = StaticSource({"cus_1": ["sso"]}, products={"pro": {"features": ["exports", "sso"]}})
    pro = (Offer("prod_pro", "Pro"),)
    with Entitlements(source=source) as ents:
        with override("cus_1", sso=False):
            assert ents.check("cus_1", "sso").unlock_with == ()
        assert ents.check("cus_1", "exports").unlock_with == pro
        with override("cus_1", sso=False):
            assert ents.check("cus_1", "sso").unlock_with == pro


@pytest.mark.parametrize(
    ("kind", "said", "offered"),
    [
        ("any", {"exports": False, "sso": False}, ["Pro", "Team"]),
        ("any", {"exports": False}, ["Pro", "Team"]),
        ("all", {"exports": False, "sso": True}, ["Pro"]),
        ("all", {"exports": False}, ["Pro"]),
        ("all", {"exports": True}, ["Team"]),
    ],
)
def test_what_is_offered_is_what_is_missing(kind, said, offered):
    """For any of several, whatever brings one; for all of them, what brings those that are lacking."""
    source = StaticSource({"cus_1": []}, products={"pro": {"features": ["exports"]}, "team": {"features": ["sso"]}})
    with Entitlements(source=source) as ents:
        ents.check("cus_1", "sso")  # by now the catalogue is loaded
        core = core_of(ents)
        with override("cus_1", said):
            decision = core.run(core.decide("cus_1", Requirement(("exports", "sso"), any_of=kind == "any")))
    assert (decision.reason, [offer.name for offer in decision.unlock_with]) == (Reason.NOT_ENTITLED, offered)


CASES = {  # what is needed, what is said of "exports", what is true of "sso": the answer, and what it rests on
    ("all", True, True): (Reason.ENTITLED, Source.OVERRIDE),
    ("all", True, False): (Reason.NOT_ENTITLED, Source.FETCHED),
    ("all", True, None): (Reason.UNAVAILABLE, Source.NONE),
    ("all", False, True): (Reason.NOT_ENTITLED, Source.OVERRIDE),
    ("all", False, None): (Reason.NOT_ENTITLED, Source.OVERRIDE),
    ("any", True, False): (Reason.ENTITLED, Source.OVERRIDE),
    ("any", True, None): (Reason.ENTITLED, Source.OVERRIDE),
    ("any", False, True): (Reason.ENTITLED, Source.FETCHED),
    ("any", False, False): (Reason.NOT_ENTITLED, Source.OVERRIDE),
    ("any", False, None): (Reason.UNAVAILABLE, Source.NONE),
}


@pytest.mark.parametrize(("kind", "says", "truly"), CASES)
def test_of_several_features_those_not_named_are_asked_for(truth, ents, kind, says, truly):
    """A gate for several features: what the override settles is not asked, and the source is named if it decided."""
    truth.held["cus_1"] = {"sso"} if truly else set()
    truth.failing = StripeError("down") if truly is None else None
    need = Requirement(("exports", "sso"), any_of=kind == "any")
    core = core_of(ents)
    with override("cus_1", exports=says):
        decision = core.run(core.decide("cus_1", need))
    assert (decision.reason, decision.source) == CASES[kind, says, truly]
    assert decision.requirement == need
    settled = says is (kind == "any")
    assert truth.calls == ([] if settled else ["cus_1"])


def test_a_request_that_began_before_sees_it_and_does_not_keep_it(truth, ents):
    """A view's pin stays what it was: the override lies over it, and is gone when it ends."""
    view = request_view(ents)
    assert view.features == {"sso"}
    age = view.pinned().age
    with override("cus_1", exports=True, sso=False), bind(view):
        assert (view.features, "exports" in view, bool(view.check("sso")), bound_gate()) == (
            {"exports"},
            True,
            False,
            True,
        )
        pin = view.pinned()
        assert (type(pin), pin.age, pin.unavailable) == (Pinned, age, False)
    assert (view.features, "exports" in view, bool(view.check("sso"))) == ({"sso"}, False, True)
    with bind(view), pytest.raises(FeatureRequired):
        bound_gate()
    assert truth.calls == ["cus_1"]


@pytest.mark.parametrize("kind", ["function", "coroutine"])
@pytest.mark.parametrize("holds", [PIN_HOLDS, LIVE])
def test_gates_that_admitted_before_refuse_at_once_and_admit_again(ents, kind, holds):
    """What a gate knows by heart is not asked while something is said of it, wherever the view was bound."""

    @requires_feature("sso")
    async def coroutine():
        return True

    @requires_feature("sso")
    def function():
        return True

    def passes():
        try:
            return asyncio.run(coroutine()) if kind == "coroutine" else function()
        except FeatureRequired:
            return False

    def view():
        return RequestView(core_of(ents), "cus_1", holds=holds)

    seen = []
    with bind(earlier := view()):
        seen += [passes(), passes()]
    with bind(view()):
        seen += [passes(), passes()]
        with ExitStack() as stack:
            with bind(view()):
                seen += [passes(), passes()]
                stack.enter_context(override("cus_1", sso=False))
                seen.append(passes())
            seen.append(passes())  # the outer one is bound again, by no request of its own
            with bind(within := view()):
                assert within.features == set()  # pinned by now
                seen.append(passes())
                with override("cus_1", sso=True):
                    seen.append(passes())
                seen.append(passes())
            with bind(earlier):
                seen.append(passes())
        seen += [passes(), passes()]
    assert seen == [True] * 6 + [False] * 3 + [True] + [False] * 2 + [True] * 2


def test_a_request_that_began_within_does_not_keep_it(ents):
    """What was pinned while it lasted is what was true."""
    view = request_view(ents)
    with override("cus_1", exports=True, sso=False):
        assert view.features == {"exports"}
    assert view.features == {"sso"}


def test_a_request_that_only_met_an_override_has_asked(ents):
    """A response that depends on it is private all the same."""
    view = request_view(ents)
    with override("cus_1", exports=True):
        assert "exports" in view
    assert view.asked


def test_the_inner_one_wins_for_its_own_features_and_ends_with_its_block(ents):
    """Nested overrides: each says what it names, and the outer one goes on."""

    def seen():
        return ents.has_feature("cus_1", "exports"), ents.has_feature("cus_1", "sso"), ents.has_feature("cus_2", "sso")

    with override("cus_1", exports=True):
        with override("cus_1", {"sso": False}), override("cus_2", sso=False):
            with override("cus_1", exports=False, sso=True):
                assert seen() == (False, True, False)
            assert seen() == (True, False, False)
        assert seen() == (True, True, True)
    assert seen() == (False, True, True)


def test_another_thread_is_not_touched(ents):
    """A context is a thread's own, and a thread's override is its own too."""
    with override("cus_1", exports=True):
        assert Ask(lambda: ents.has_feature("cus_1", "exports")).answer() is False
        assert ents.has_feature("cus_1", "exports")

    begun, done = threading.Event(), threading.Event()

    def elsewhere():
        with override("cus_1", exports=True):
            begun.set()
            return done.wait(10) and ents.has_feature("cus_1", "exports")

    there = Ask(elsewhere)
    assert begun.wait(10)
    assert not ents.has_feature("cus_1", "exports")
    done.set()
    assert there.answer() is True


def test_another_task_is_not_touched_and_one_made_within_inherits(ents):
    """A task carries the context it was made in: begun before, it knows nothing of it; begun within, it does."""

    async def main():
        begun = asyncio.Event()

        async def asks():
            await begun.wait()
            return await ents.ahas_feature("cus_1", "exports")

        before = asyncio.create_task(asks())
        with override("cus_1", exports=True):
            within = asyncio.create_task(asks())
            begun.set()
            seen = [await before, await within, await asyncio.to_thread(ents.has_feature, "cus_1", "exports")]
        return [*seen, await asks()]

    assert asyncio.run(main()) == [False, True, True, False]


def test_it_ends_for_a_task_that_outlives_it(ents):
    """What a task inherited is over when the block is, wherever the task may be."""

    async def main():
        over = asyncio.Event()

        async def asks():
            first = await ents.ahas_feature("cus_1", "exports")
            await over.wait()
            with override("cus_1", sso=False):  # whatever else is in force
                return first, await ents.ahas_feature("cus_1", "exports"), "exports" in ents.for_customer("cus_1")

        with override("cus_1", exports=True):
            task = asyncio.create_task(asks())
            await asyncio.sleep(0)
        over.set()
        return await task

    assert asyncio.run(main()) == (True, False, False)


def test_it_may_end_in_another_context_than_it_began_in(ents):
    """As an async fixture does: then it is over there, and where it began."""
    one, other = copy_context(), copy_context()
    said = override("cus_1", exports=True)

    def ask():
        return ents.has_feature("cus_1", "exports")

    one.run(said.__enter__)
    assert (one.run(ask), other.run(ask)) == (True, False)
    other.run(said.__exit__, None, None, None)
    assert (one.run(ask), other.run(ask), core_of(ents).cache.shelf.customers.entries is ents._entries) == (
        False,
        False,
        True,
    )


def test_one_object_may_be_begun_again_and_again(ents):
    """In turn, in itself, and in two contexts that end in either order."""
    said = override("cus_1", exports=True)
    with said, said:
        assert ents.has_feature("cus_1", "exports")
    assert not ents.has_feature("cus_1", "exports")
    for first, second in itertools.permutations([copy_context(), copy_context()]):
        first.run(said.__enter__)
        second.run(said.__enter__)
        first.run(said.__exit__)
        assert [each.run(ents.has_feature, "cus_1", "exports") for each in (first, second)] == [False, True]
        second.run(said.__exit__)
        assert not second.run(ents.has_feature, "cus_1", "exports")


def test_it_decorates_functions_of_both_kinds(ents):
    """It is in force while the function runs, also where that awaits, and the signature is kept."""

    @override("cus_1", exports=True)
    def asks(feature: str) -> bool:
        return ents.has_feature("cus_1", feature)

    @override("cus_1", {"exports": True})
    async def awaits(feature: str) -> bool:
        await asyncio.sleep(0)
        return await ents.ahas_feature("cus_1", feature)

    assert (asks("exports"), asks("sso"), ents.has_feature("cus_1", "exports")) == (True, True, False)
    assert (asyncio.run(awaits("exports")), asyncio.iscoroutinefunction(awaits), awaits.__name__) == (
        True,
        True,
        "awaits",
    )


def test_it_ends_with_a_function_that_raises(ents):
    """However the function ends."""

    @override("cus_1", exports=True)
    def raises():
        raise LookupError

    with pytest.raises(LookupError):
        raises()
    assert not ents.has_feature("cus_1", "exports")


def generator():
    yield


async def agenerator():
    yield


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (generator, "can't decorate the generator 'generator', which runs after it was called: write `with override"),
        (agenerator, "can't decorate the generator 'agenerator'"),
        (Clock, "put it on a function, below other decorators"),
        (property(generator), "put it on a function, below other decorators"),
    ],
)
def test_what_would_run_without_it_is_not_decorated(target, message):
    """Where the override would be over before the body begins, decorating says so."""
    with pytest.raises(TypeError, match=message):
        override("cus_1", exports=True)(target)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: override("", exports=True), "customer id '' is empty"),
        (lambda: override(None, exports=True), "customer None is no id"),
        (lambda: override(SimpleNamespace(stripe_customer_id=None), exports=True), "give it an id first"),
        (lambda: override("cus_1"), r"names no feature: write override\('cus_1', exports=True\)"),
        (lambda: override("cus_1", exports=1), "says 1 of 'exports': say True or False"),
        (lambda: override("cus_1", {" exports": True}), "begins or ends with whitespace"),
        (lambda: override("cus_1", {3: True}), "feature key 3 is not a string"),
        (lambda: override("cus_1", ["exports"]), r"features are \['exports'\]: give a dict"),
        (lambda: override("cus_1", {"exports": True}, exports=False), "names 'exports' twice"),
    ],
)
def test_what_can_t_be_right_is_refused(call, message):
    """The message names the value, the rule and the next step."""
    with pytest.raises(InvalidInput, match=message):
        call()


def test_no_word_is_taken_from_the_features_names(ents):
    """Features may be called as our own parameters are."""
    with override("cus_1", {"features": True}, customer=True, self=True):
        assert all(ents.has_feature("cus_1", key) for key in ("features", "customer", "self"))


# --- the hot path ----------------------------------------------------------------------------------------------------


def hot(ents):
    """Say whether an instance answers what it remembers on its hot path."""
    assert core_of(ents).cache.shelf.customers.entries, "it remembers nobody"
    return ents._entries is core_of(ents).cache.shelf.customers.entries


def test_instances_are_back_on_their_hot_path_when_the_last_one_ends(ents, truth):
    """While any override is in force, wherever, no instance answers on the hot path; then all do again."""
    with Entitlements(source=truth) as other, Entitlements(source=truth, clock=Clock()) as slow:
        every = [ents, other, slow]
        for each in every:
            each.has_feature("cus_1", "sso")
        seen = [[hot(each) for each in every]]
        with override("cus_1", exports=True):
            with override("cus_3", exports=True), Entitlements(source=truth) as late:
                late.has_feature("cus_1", "sso")
                seen.append([hot(each) for each in (*every, late)])
            seen.append([hot(each) for each in every])
        seen.append([hot(each) for each in every])
    assert seen == [[True, True, False], [False] * 4, [False] * 3, [True, True, False]]


def test_an_instance_made_within_is_on_its_hot_path_afterwards(truth):
    """Whenever an instance was made, it hears of the end."""
    with override("cus_1", exports=True):
        late = Entitlements(source=truth)
    with late:
        late.has_feature("cus_1", "sso")
        assert hot(late)


def test_nothing_is_kept_of_an_override_that_ended():
    """A context that lives as long as the process doesn't collect what was said in it."""
    with override("cus_1", exports=True):
        assert overridden._innermost.get() is not None
    assert overridden._innermost.get() is None


def test_an_override_keeps_no_instance_alive():
    """Who lets go of an instance lets go of what it remembers, whether an override is in force or not."""
    ents = Entitlements(source=Truth())
    gone = weakref.ref(ents)
    ents.close()
    with override("cus_1", exports=True):
        del ents
        gc.collect()
        assert gone() is None


def test_an_observer_hears_of_a_refusal_by_override(truth):
    """Once, as it was decided; of an allow it hears nothing."""
    heard: list[object] = []
    with Entitlements(source=truth, observer=heard.append) as ents, override("cus_1", exports=False, beta=True):
        decisions = [ents.check("cus_1", "exports"), ents.check("cus_1", "beta")]
    assert heard == decisions[:1]


@pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")
def test_a_web_application_under_test_sees_it(ents):
    """A client that runs the application in a task or thread of its own takes the test's context along."""
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route
    from starlette.testclient import TestClient

    def in_a_thread(request):
        return PlainTextResponse(str(ents.has_feature("cus_1", "exports")))

    async def in_a_task(request):
        return PlainTextResponse(str(await ents.ahas_feature("cus_1", "exports")))

    client = TestClient(Starlette(routes=[Route("/thread", in_a_thread), Route("/task", in_a_task)]))

    def answers():
        return [client.get(path).text for path in ("/thread", "/task")]

    with override("cus_1", exports=True):
        within = answers()
    assert (within, answers()) == (["True", "True"], ["False", "False"])


# --- outside tests ---------------------------------------------------------------------------------------------------


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script where pytest is not to be seen."""
    return subprocess.run(
        [sys.executable, "-W", "always", *arguments, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        env={"PYTHONPATH": str(ROOT)},
        cwd=ROOT,
    )


def test_outside_tests_it_warns_once_for_each_line_it_is_written_on():
    """That unittest is loaded is no test; the warning names the line of the override, not ours."""
    ended = run(
        """
        import unittest.mock, warnings
        from entitlements.testing import OverrideOutsideTests, override

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(3):
                with override("cus_1", exports=True):
                    pass
                @override("cus_1", exports=True)
                def gives_it_away(): ...
                gives_it_away()
                gives_it_away()
            override("cus_1", exports=True)
        print([(each.category is OverrideOutsideTests, each.lineno) for each in caught])
        print(caught[0].message)
        """
    )
    lines, message = ended.stdout.splitlines()
    assert (lines, ended.stderr) == ("[(True, 8), (True, 10)]", "")
    assert "outside tests: it gives away what is sold" in message


def test_outside_tests_it_can_be_made_an_error():
    """Every time then, and the override doesn't begin."""
    ended = run(
        """
        import warnings
        from entitlements.testing import OverrideOutsideTests, StaticSource, override
        from entitlements import Entitlements

        warnings.simplefilter("error", OverrideOutsideTests)
        for _ in range(2):
            try:
                with override("cus_1", exports=True):
                    print("given away")
            except OverrideOutsideTests:
                print("refused", Entitlements(source=StaticSource()).has_feature("cus_1", "exports"))
        """
    )
    assert ended.stdout.splitlines() == ["refused False"] * 2, ended.stderr


def test_under_unittest_it_does_not_warn():
    """In a test, in what is set up for a module, and on a thread that a test has begun."""
    ended = run(
        """
        import threading, unittest, warnings
        from entitlements.testing import override

        warnings.simplefilter("error")

        @override("cus_1", exports=True)
        def setUpModule(): ...

        class Test(unittest.IsolatedAsyncioTestCase):
            @override("cus_1", exports=True)
            def test(self):
                caught = []
                def begins():
                    try:
                        with override("cus_1", exports=True): ...
                    except Warning as warning:
                        caught.append(warning)
                thread = threading.Thread(target=begins)
                thread.start()
                thread.join()
                self.assertEqual(caught, [])

            @override("cus_1", exports=True)
            async def test_async(self): ...

        unittest.main()
        """
    )
    assert (ended.returncode, "Ran 2 tests" in ended.stderr) == (0, True), ended.stderr


def test_under_pytest_it_does_not_warn(recwarn):
    """This is a test."""
    with override("cus_1", exports=True):
        pass
    assert not recwarn.list
    assert issubclass(OverrideOutsideTests, UserWarning)
    assert entitlements.Source.OVERRIDE.value == "override"
