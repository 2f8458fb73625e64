"""The gate: none of a guarded body runs before the check, whatever kind of callable it is."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading

import pytest
from controlled import Clock, HeldTruth, Truth
from freezegun import freeze_time

import entitlements
from entitlements import (
    Decision,
    Entitlements,
    EntitlementsUnavailable,
    FeatureRequired,
    InvalidInput,
    NotConfigured,
    Reason,
    Source,
    requires_feature,
)
from entitlements.bound import bind, bound_view
from entitlements.customer import LIVE, RequestView
from entitlements.resolver import core_of

BODY: list[str] = []


@pytest.fixture(autouse=True)
def _clean():
    BODY.clear()
    yield
    entitlements.configure(None)


@pytest.fixture(name="truth")
def _truth() -> Truth:
    return Truth({"cus_pro": {"exports", "sso"}, "cus_free": set()})


@pytest.fixture(name="ents")
def _ents(truth: Truth):
    with Entitlements(source=truth) as ents:
        yield ents


def view(ents: Entitlements, customer: str | None, *, anonymous: bool = False) -> RequestView:
    return RequestView(core_of(ents), customer, anonymous=anonymous)


gated = requires_feature("exports")


@gated
def function(value: int = 1) -> int:
    BODY.append("function")
    return value


@gated
async def coroutine(value: int = 1) -> int:
    BODY.append("coroutine")
    return value


@gated
def generator():
    BODY.append("generator")
    yield 1


@gated
async def stream():
    BODY.append("stream")
    yield 1


class Service:
    @gated
    def method(self) -> int:
        BODY.append("method")
        return 1

    @gated
    async def amethod(self) -> int:
        BODY.append("amethod")
        return 1

    @classmethod
    @gated
    def below_classmethod(cls) -> int:
        BODY.append("classmethod")
        return 1

    @gated
    @classmethod
    def above_classmethod(cls) -> int:
        BODY.append("classmethod")
        return 1

    @staticmethod
    @gated
    def below_staticmethod() -> int:
        BODY.append("staticmethod")
        return 1

    @gated
    @staticmethod
    def above_staticmethod() -> int:
        BODY.append("staticmethod")
        return 1

    @property
    @gated
    def attribute(self) -> int:
        BODY.append("property")
        return 1


async def collected(source) -> list[int]:
    return [item async for item in source]


KINDS = {
    "function": function,
    "coroutine": lambda: asyncio.run(coroutine()),
    "generator": lambda: next(generator()),
    "stream": lambda: asyncio.run(collected(stream()))[0],
    "method": lambda: Service().method(),
    "async method": lambda: asyncio.run(Service().amethod()),
    "below classmethod": lambda: Service.below_classmethod(),
    "above classmethod": lambda: Service().above_classmethod(),
    "below staticmethod": lambda: Service.below_staticmethod(),
    "above staticmethod": lambda: Service().above_staticmethod(),
    "property": lambda: Service().attribute,
    "bound method": lambda: gated(Service.below_staticmethod)(),
    "partial": lambda: gated(functools.partial(int, "1"))(),
    "builtin": lambda: gated(int.__new__)(int, 1),
    "lambda": gated(lambda: 1),
}


@pytest.mark.parametrize("kind", KINDS)
def test_who_holds_the_feature_gets_what_the_function_gives(ents, kind):
    """A guarded callable of any kind does for an entitled customer what it did without the gate."""
    with bind(view(ents, "cus_pro")):
        assert KINDS[kind]() == 1


@pytest.mark.parametrize("kind", KINDS)
def test_who_lacks_it_is_refused_before_any_of_the_body_runs(ents, kind):
    """R19, R20: the check is done first, for every kind of callable."""
    with bind(view(ents, "cus_free")), pytest.raises(FeatureRequired) as refused:
        KINDS[kind]()
    assert (refused.value.decision.reason, BODY) == (Reason.NOT_ENTITLED, [])


@pytest.mark.parametrize("kind", KINDS)
def test_when_it_can_t_be_told_the_body_does_not_run(ents, truth, kind):
    """R21: a failure is never a permission."""
    truth.failing = OSError("down")
    with bind(view(ents, "cus_pro")), pytest.raises(EntitlementsUnavailable):
        KINDS[kind]()
    assert BODY == []


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_signed_in_is_refused_without_asking(ents, truth, kind):
    """Anonymous is a refusal of its own, with no call to anybody."""
    with bind(view(ents, None, anonymous=True)), pytest.raises(FeatureRequired) as refused:
        KINDS[kind]()
    assert (refused.value.decision.reason, BODY, truth.calls) == (Reason.ANONYMOUS, [], [])


@pytest.mark.parametrize("kind", KINDS)
def test_with_no_view_and_no_instance_the_gate_stays_shut(kind):
    """R37: nothing is ever guessed from the environment."""
    with pytest.raises(NotConfigured):
        KINDS[kind]()
    assert BODY == []


def test_a_generator_is_checked_when_it_is_called(ents):
    """M23: the refusal comes with the call, not with the first item."""
    with bind(view(ents, "cus_free")), pytest.raises(FeatureRequired):
        generator()


def test_a_stream_is_checked_when_it_is_called_if_that_takes_no_wait(ents):
    """A refusal known at once is raised at once, while there is still a response to turn it into."""
    ents.has_feature("cus_free", "exports")

    async def call():
        with bind(view(ents, "cus_free")), pytest.raises(FeatureRequired):
            stream()

    asyncio.run(call())


def test_a_stream_whose_check_must_wait_is_checked_before_its_first_step():
    """A cold customer's stream begins with the check, in the view it was called under, and then with the body."""
    truth = HeldTruth({"cus_pro": {"exports"}, "cus_free": set()})
    with Entitlements(source=truth) as ents:

        async def steps(customer: str):
            with bind(view(ents, customer)):
                items = stream()
            truth.wait_until_asked()
            assert BODY == []
            truth.release()
            return await collected(items)

        assert asyncio.run(steps("cus_pro")) == [1]
        BODY.clear()
        with pytest.raises(FeatureRequired):
            asyncio.run(steps("cus_free"))
        assert BODY == []


def test_a_guarded_stream_is_a_whole_async_generator(ents, truth):
    """asend, athrow and aclose reach the guarded generator, cold or warm."""

    @requires_feature("exports", customer=lambda: "cus_pro", entitlements=ents)
    async def echo():
        heard = []
        try:
            while True:
                heard.append((yield len(heard)))
        except ValueError:
            yield heard

    async def talk():
        talker = echo()
        assert inspect.isasyncgen(talker) or hasattr(talker, "asend")
        assert await talker.asend(None) == 0
        assert await talker.asend("a") == 1
        assert await talker.athrow(ValueError()) == ["a"]
        await talker.aclose()
        with pytest.raises(StopAsyncIteration):
            await talker.__anext__()
        unstarted = echo()
        await unstarted.aclose()
        with pytest.raises(StopAsyncIteration):
            await unstarted.__anext__()

    ents.invalidate("cus_pro")
    asyncio.run(talk())  # cold: checked at the first step
    asyncio.run(talk())  # warm: checked at the call


# --- who, and which instance -----------------------------------------------------------------------------------------


def test_its_own_customer_and_instance_come_first(ents, truth):
    """`customer=` and `entitlements=` outrank the view that is bound."""
    with Entitlements(source=Truth({"cus_pro": set()})) as other:

        @requires_feature("exports", customer=lambda job: job, entitlements=ents)
        def run(job):
            return job

        with bind(view(other, "cus_free")):
            assert run("cus_pro") == "cus_pro"
            with pytest.raises(FeatureRequired):
                run("cus_free")


def test_another_instance_is_asked_about_the_bound_customer(ents):
    """`entitlements=` alone keeps the customer of the view."""
    with Entitlements(source=Truth({"cus_pro": set()})) as other:
        guarded = requires_feature("exports", entitlements=ents)(lambda: "in")
        with bind(view(other, "cus_pro")):
            assert guarded() == "in"
        with bind(view(other, None, anonymous=True)), pytest.raises(FeatureRequired):
            guarded()


def test_the_configured_instance_comes_last(ents):
    """configure() names the instance for gates that know the customer themselves."""
    guarded = requires_feature("exports", customer=lambda who: who)(lambda who: who)
    with pytest.raises(NotConfigured, match=r"entitlements\.configure"):
        guarded("cus_pro")
    entitlements.configure(ents)
    assert guarded("cus_pro") == "cus_pro"
    with pytest.raises(NotConfigured, match="customer="):
        function()


def test_a_customer_found_to_be_none_is_anonymous(ents):
    """A callback that returns None says that nobody is signed in; an object without an id has never bought."""

    class Org:
        stripe_customer_id = None

    guarded = requires_feature("exports", customer=lambda who: who, entitlements=ents)(lambda who: who)
    for who, reason in ((None, Reason.ANONYMOUS), (Org(), Reason.NO_CUSTOMER)):
        with pytest.raises(FeatureRequired) as refused:
            guarded(who)
        assert refused.value.decision.reason is reason
    with pytest.raises(InvalidInput):
        guarded("")


def test_an_async_function_may_find_its_customer_asynchronously(ents):
    """`customer=` may be async where the function is; a synchronous function says that it can't wait for it."""

    async def find(who):
        return who

    @requires_feature("exports", customer=find, entitlements=ents)
    async def export(who):
        return who

    @requires_feature("exports", customer=find, entitlements=ents)
    async def rows(who):
        yield who

    assert asyncio.run(export("cus_pro")) == "cus_pro"
    assert asyncio.run(collected(rows("cus_pro"))) == ["cus_pro"]
    with pytest.raises(FeatureRequired):
        asyncio.run(collected(rows("cus_free")))
    with pytest.raises(TypeError, match="customer= is async and the guarded function is not"):
        requires_feature("exports", customer=find, entitlements=ents)(lambda who: who)("cus_pro")


def test_several_features_are_all_needed_or_any_is_enough(ents):
    """Keys given in a row are all required; any_of asks for one."""
    entitlements.configure(ents)
    both = requires_feature("exports", "sso", customer=lambda: "cus_pro")(lambda: "in")
    more = requires_feature("exports", "beta", customer=lambda: "cus_pro")(lambda: "in")
    either = requires_feature(any_of=["beta", "sso"], customer=lambda: "cus_pro")(lambda: "in")
    neither = requires_feature(any_of=["beta", "gamma"], customer=lambda: "cus_pro")(lambda: "in")
    assert (both(), either()) == ("in", "in")
    for refused in (more, neither):
        with pytest.raises(FeatureRequired):
            refused()


def test_otherwise_runs_on_both_refusals_with_the_same_arguments(ents, truth):
    """A fallback replaces the refusal: when the answer is no, and when it isn't known."""
    basic = requires_feature(
        "exports", customer=lambda who: who, entitlements=ents, otherwise=lambda who: f"basic {who}"
    )
    assert basic(lambda who: "full")("cus_free") == "basic cus_free"
    truth.failing = OSError("down")
    assert basic(lambda who: "full")("cus_new") == "basic cus_new"

    async def aotherwise(who):
        return f"basic {who}"

    async def full(who):
        return "full"

    guarded = requires_feature("exports", customer=lambda who: who, entitlements=ents, otherwise=aotherwise)(full)
    assert asyncio.run(guarded("cus_free")) == "basic cus_free"


# --- what is kept, what is refused -----------------------------------------------------------------------------------


def test_name_signature_and_kind_are_kept():
    """A guarded function looks like the function, to people and to frameworks."""
    assert (function.__name__, str(inspect.signature(function))) == ("function", "(value: 'int' = 1) -> 'int'")
    assert inspect.iscoroutinefunction(coroutine)
    assert inspect.iscoroutinefunction(Service.amethod)


@pytest.mark.parametrize(
    ("target", "advice"),
    [
        (Service, "put it on the methods"),
        (property(lambda self: 1), "below @property"),
        (classmethod(property(lambda cls: 1)), "below @property"),
        (functools.lru_cache(lambda: 1), "on the function itself"),
        (Service(), "on the function itself"),
        (functools.partialmethod(print), "on the function itself"),
        ("exports", "on the function itself"),
        (None, "on the function itself"),
    ],
)
def test_r20_what_it_can_t_guard_is_refused_at_decoration(target, advice):
    """A gate that would be lost is an error where it is written."""
    with pytest.raises(TypeError, match=advice):
        requires_feature("exports")(target)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda: requires_feature(), "at least one lookup key"),
        (lambda: requires_feature(function), "without a key"),
        (lambda: requires_feature("a", any_of=["b"]), "not both"),
        (lambda: requires_feature(any_of="exports"), "is one string"),
        (lambda: requires_feature(any_of=[]), "at least one lookup key"),
        (lambda: requires_feature("a", customer="cus_1"), "give a function"),
        (lambda: requires_feature("a", otherwise=1), "give a function"),
    ],
)
def test_a_gate_written_wrong_is_refused_at_decoration(write, message):
    """What can't be meant is a TypeError that says what to write."""
    with pytest.raises(TypeError, match=message):
        write()


@pytest.mark.parametrize("key", ["", " exports", "a" * 81, "a\nb", 7])
def test_a_key_that_can_t_be_one_is_refused_at_decoration(key):
    """A bad key is named where it is written, not at the first request."""
    with pytest.raises(InvalidInput):
        requires_feature(key)


def test_configure_takes_an_instance_or_none():
    """Anything else is named."""
    with pytest.raises(InvalidInput, match="give an Entitlements"):
        entitlements.configure("sk_test_1")


# --- the bound view --------------------------------------------------------------------------------------------------


def test_r36_a_view_is_unbound_whatever_happens(ents):
    """A reused thread never sees the customer before it."""
    with pytest.raises(ZeroDivisionError), bind(view(ents, "cus_pro")):
        1 / 0  # noqa: B018 - the exception is the point
    assert bound_view() is None
    with pytest.raises(NotConfigured):
        function()


def test_r37_another_thread_sees_no_view(ents):
    """A view is the request's own: work handed to a thread must say whose it is."""
    errors: list[type] = []

    def elsewhere():
        try:
            function()
        except NotConfigured as error:
            errors.append(type(error))

    with bind(view(ents, "cus_pro")):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert errors == [NotConfigured]


def test_r89_one_request_sees_one_truth(ents, truth):
    """What a view has pinned holds for the rest of the request."""
    with bind(view(ents, "cus_pro")):
        function()
        truth.held["cus_pro"] = set()
        ents.invalidate("cus_pro")
        assert function() == 1
    with bind(view(ents, "cus_pro")), pytest.raises(FeatureRequired):
        function()


def test_a_refusal_on_a_view_is_verified_once_and_pinned_anew(truth):
    """Who bought a moment ago gets in on the same request, and the new truth is the request's from then on."""
    clock = Clock()
    with Entitlements(source=truth, clock=clock) as ents:
        ents.check("cus_free", "exports")
        clock.tick(10)
        truth.held["cus_free"] = {"exports"}
        page = view(ents, "cus_free")
        with bind(page):
            assert function() == 1
            truth.held["cus_free"] = {"exports", "sso"}
            clock.tick(10)
            assert "sso" not in page
            assert page.check("sso").reason is Reason.NOT_ENTITLED
    assert len(truth.calls) == 2


def test_r89_a_refusal_holds_for_the_rest_of_the_request(ents, truth):
    """What a request was told, it is told again, even when a purchase becomes known in its midst."""
    page = view(ents, "cus_free")
    with bind(page):
        told = [page.check("exports").reason for _ in range(2)]
        truth.held["cus_free"] = {"exports"}
        ents.invalidate("cus_free")
        told += [page.check("exports").reason for _ in range(2)]
        with pytest.raises(FeatureRequired):
            function()
        assert "exports" not in page
    assert told == [Reason.NOT_ENTITLED] * 4
    with bind(view(ents, "cus_free")):
        assert function() == 1


def test_a_view_on_a_loop_never_blocks_it():
    """A synchronous question on an unloaded view begins the fetch and reads `unavailable`; later it is answered."""
    truth = HeldTruth({"cus_pro": {"exports"}})
    with Entitlements(source=truth) as ents:

        async def page():
            seen = view(ents, "cus_pro")
            first = ("exports" in seen, seen.unavailable)
            truth.wait_until_asked()
            truth.release()
            while ents.stats().flying:
                await asyncio.sleep(0)
            return first, ("exports" in seen, seen.unavailable)

        assert asyncio.run(page()) == ((False, True), (True, False))
    assert truth.calls == ["cus_pro"]


def test_r48_a_view_that_outlives_its_request_asks_again(ents, truth):
    """A pin holds for some seconds: a stream, or a task started in a request, is no open door for ever."""
    with freeze_time() as now, bind(view(ents, "cus_pro")):
        assert function() == 1
        truth.held["cus_pro"] = set()
        ents.invalidate("cus_pro")
        now.tick(4.9)
        assert function() == 1
        now.tick(0.2)
        with pytest.raises(FeatureRequired):
            function()


def test_r48_a_live_view_answers_as_of_now(ents, truth):
    """What stays open for hours pins nothing."""
    live = RequestView(core_of(ents), "cus_pro", holds=LIVE)
    with bind(live):
        assert function() == 1
        truth.held["cus_pro"] = set()
        ents.invalidate("cus_pro")
        with pytest.raises(FeatureRequired):
            function()


def test_what_a_check_admits_the_page_admits(ents, truth):
    """R89: when a check on a view finds a purchase, `in` on that view finds it too, whoever fetched it."""
    page = view(ents, "cus_free")
    assert "exports" not in page
    truth.held["cus_free"] = {"exports"}
    ents.refresh("cus_free")
    assert page.check("exports")
    assert "exports" in page


def test_r47_a_gate_that_finds_its_own_customer_marks_the_request(ents):
    """A response that depends on who asks is kept out of shared caches, whichever way the gate learnt who it is."""
    page = view(ents, "cus_free")
    with bind(page):
        requires_feature("exports", customer=lambda: "cus_pro", entitlements=ents)(lambda: 1)()
    assert page.asked


def test_an_old_answer_on_a_view_is_told_of(truth):
    """Whoever is admitted because Stripe fails is admitted with `source="stale"`, and an observer hears of it."""
    clock, told = Clock(), []
    with Entitlements(source=truth, clock=clock, observer=told.append) as ents:
        ents.check("cus_pro", "exports")
        clock.tick(2_000)
        truth.failing = OSError("no network")
        del told[:]
        page = view(ents, "cus_pro")
        with bind(page):
            assert function() == 1
            assert function() == 1
        decision = page.check("exports")
    assert (decision.reason, decision.source, decision.age) == (Reason.ENTITLED, Source.STALE, 2_000)
    assert [each.source for each in told if isinstance(each, Decision)] == [Source.STALE] * 3


def test_a_stream_that_was_refused_is_over(ents):
    """A generator that raised is finished: it is not asked again."""

    async def find():
        return "cus_free"

    @requires_feature("exports", customer=find, entitlements=ents)
    async def rows():
        yield 1

    async def steps():
        items = rows()
        with pytest.raises(FeatureRequired):
            await anext(items)
        with pytest.raises(StopAsyncIteration):
            await anext(items)

    asyncio.run(steps())


def test_more_gates_written_wrong():
    """An instance that is none, and a fallback that nobody would await, are refused where they are written."""

    async def otherwise():
        pass

    with pytest.raises(TypeError, match="give an Entitlements"):
        requires_feature("exports", entitlements="ents")
    with pytest.raises(TypeError, match="otherwise= is async"):
        requires_feature("exports", otherwise=otherwise)(lambda: 1)
