"""OpenFeature: what the SDK's client answers when the provider rests on a real instance."""

from __future__ import annotations

import asyncio

import pytest
from controlled import Ask, HeldTruth, wait_for
from flag_outcomes import ALICE, BOB, CAROL, EXPECTED, OUTCOMES, World
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode, FlagNotFoundError, GeneralError
from openfeature.flag_evaluation import FlagEvaluationDetails, Reason
from openfeature.hook import Hook
from openfeature.provider import ProviderStatus

from entitlements import Entitlements, InvalidInput
from entitlements.openfeature import EntitlementsProvider

DEFAULTS = {"boolean": [True, False], "string": ["s"], "integer": [7], "float": [0.5], "object": [{"a": 1}, ["b"]]}


@pytest.fixture(name="world")
def _world():
    with World() as world:
        yield world


@pytest.mark.parametrize("way", ["sync", "async"])
@pytest.mark.parametrize(("kind", "default"), [(kind, one) for kind, those in DEFAULTS.items() for one in those])
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_has_its_value_reason_and_code(world, outcome, kind, default, way):
    """Whatever a question comes to, for whatever type, awaited or not: a fact is a fact, the rest is the default."""
    key, context = OUTCOMES[outcome](world)
    client, asked = world.client(), len(world.shop.calls)
    if way == "sync":
        details = getattr(client, f"get_{kind}_details")(key, default, context)
    else:
        details = asyncio.run(getattr(client, f"get_{kind}_details_async")(key, default, context))
    value, reason, code = EXPECTED[outcome] if kind == "boolean" else (None, Reason.ERROR, ErrorCode.TYPE_MISMATCH)
    assert (details.value, details.reason, details.error_code) == (default if value is None else value, reason, code)
    assert type(details.value) is type(default)
    if kind != "boolean":
        assert len(world.shop.calls) == asked


def test_the_table_of_outcomes_is_whole():
    """No outcome is arranged without an expectation, and each code and reason that a question may have is there."""
    assert list(OUTCOMES) == list(EXPECTED)
    reasons, codes = {reason for _, reason, _ in EXPECTED.values()}, {code for *_, code in EXPECTED.values()}
    assert reasons == {Reason.TARGETING_MATCH, Reason.CACHED, Reason.STALE, Reason.ERROR}
    elsewhere = {ErrorCode.TYPE_MISMATCH, ErrorCode.PARSE_ERROR, ErrorCode.PROVIDER_NOT_READY, ErrorCode.PROVIDER_FATAL}
    assert codes == {None, *ErrorCode} - elsewhere


def test_an_allow_says_what_it_rests_on(world):
    """The metadata has why, from where and how old; and nobody's id."""
    client = world.client()
    client.get_boolean_details("exports", False, ALICE)
    world.clock.tick(12)
    assert client.get_boolean_details("exports", False, ALICE) == FlagEvaluationDetails(
        flag_key="exports",
        value=True,
        reason=Reason.CACHED,
        flag_metadata={"reason": "entitled", "source": "cached", "age": 12.0},
    )


def test_a_refusal_says_what_would_unlock_it(world):
    """The metadata of a no has the names of the products that include the feature."""
    assert world.client().get_boolean_details("exports", True, BOB) == FlagEvaluationDetails(
        flag_key="exports",
        value=False,
        reason=Reason.TARGETING_MATCH,
        flag_metadata={"reason": "not_entitled", "source": "fetched", "age": 0.0, "unlock_with": "Pro, Team"},
    )


def test_a_don_t_know_says_why_and_when_to_ask_again(world):
    """The error names what stood in the way, without anybody's id; asking again makes sense in a second."""
    world.fail()
    details = world.client().get_boolean_details("exports", True, ALICE)
    retry_after = details.flag_metadata["retry_after"]
    assert details == FlagEvaluationDetails(
        flag_key="exports",
        value=True,
        reason=Reason.ERROR,
        error_code=ErrorCode.GENERAL,
        error_message="cannot tell whether the customer has 'exports': OSError: no way to Stripe for cus_…",
        flag_metadata={"reason": "unavailable", "source": "none", "retry_after": retry_after},
    )
    assert 0 < retry_after <= 1


MESSAGES = {
    "unknown key": "no feature has the lookup key 'export': create it in Stripe, or check its spelling",
    "unknown key, strict": "no feature has the lookup key 'export'; did you mean 'exports'?",
    "no context": "no targeting key: give Stripe's customer id, such as 'cus_123'",
    "targeting key a number": (
        "customer 7 is no id: pass Stripe's, such as 'cus_123', or an object with a .stripe_customer_id"
    ),
    "targeting key that raises": "RuntimeError: the log of 'entitlements' says where",
}


@pytest.mark.parametrize("outcome", MESSAGES)
def test_an_error_names_the_value_the_rule_and_the_next_step(world, outcome):
    """What a programmer got wrong is said in words, with nothing in the metadata."""
    key, context = OUTCOMES[outcome](world)
    details = world.client().get_boolean_details(key, False, context)
    assert (details.error_message, details.flag_metadata) == (MESSAGES[outcome], {})


def test_what_nobody_foresaw_is_logged_with_its_traceback(world, caplog):
    """A fault in the application's own object becomes the default, and isn't lost."""
    key, context = OUTCOMES["targeting key that raises"](world)
    EntitlementsProvider(world.ents).resolve_boolean_details(key, False, context)
    (record,) = caplog.records
    assert record.message == "flag 'exports' could not be evaluated"
    assert isinstance(record.exc_info[1], RuntimeError)


def test_a_provider_asked_by_hand_raises_nothing(world):
    """Even something that is no context at all is an error code, awaited or not; an empty id is a missing one."""
    provider = EntitlementsProvider(world.ents)
    told = [
        provider.resolve_boolean_details("exports", True, "cus_1"),
        asyncio.run(provider.resolve_boolean_details_async("exports", True, "cus_1")),
    ]
    assert [(each.value, each.error_code) for each in told] == [(True, ErrorCode.GENERAL)] * 2
    empty = provider.resolve_boolean_details("exports", True, EvaluationContext(""))
    assert (empty.value, empty.error_code) == (True, ErrorCode.TARGETING_KEY_MISSING)


def test_a_hit_is_answered_without_a_thread_or_a_wait(world):
    """Awaiting a warm answer suspends nothing: the first step of the coroutine is its last, loop or no loop."""
    client = world.client()
    client.get_boolean_value("exports", False, ALICE)
    with pytest.raises(StopIteration) as ended:
        client.get_boolean_value_async("exports", False, ALICE).send(None)
    assert ended.value.value is True


def test_a_slow_stripe_doesn_t_block_the_loop():
    """While thirty-two evaluations await one customer's fetch, the loop goes on, and one call is made."""
    truth = HeldTruth({"cus_1": {"exports"}})

    async def evaluate(ents) -> list[bool]:
        api.set_provider_and_wait(EntitlementsProvider(ents))
        client = api.get_client()
        asking = [asyncio.ensure_future(client.get_boolean_value_async("exports", False, ALICE)) for _ in range(32)]
        while not truth.calls:
            await asyncio.sleep(0)
        truth.release()  # by the very loop that waits
        return await asyncio.gather(*asking)

    with Entitlements(source=truth) as ents:
        assert asyncio.run(evaluate(ents)) == [True] * 32
        api.shutdown()
    assert truth.calls == ["cus_1"]


def test_cancelling_an_evaluation_harms_no_other():
    """A cancelled task is cancelled, rather than given the default; who waits for the same fetch has the answer."""
    truth = HeldTruth({"cus_1": {"exports"}})

    async def evaluate(provider) -> tuple[bool, bool]:
        first, second = (
            asyncio.ensure_future(provider.resolve_boolean_details_async("exports", False, ALICE)) for _ in range(2)
        )
        while not truth.calls:
            await asyncio.sleep(0)
        first.cancel()
        truth.release()
        return (await second).value, first.cancelled()

    with Entitlements(source=truth) as ents:
        assert asyncio.run(evaluate(EntitlementsProvider(ents))) == (True, True)


def test_many_threads_share_one_provider(world):
    """Sixteen threads over three customers have each their own customer's answer."""
    client = world.client()

    def evaluate() -> set[tuple[bool, bool, bool]]:
        return {
            tuple(client.get_boolean_value("exports", False, who) for who in (ALICE, BOB, CAROL)) for _ in range(50)
        }

    assert [ask.answer() for ask in [Ask(evaluate) for _ in range(16)]] == [{(True, False, False)}] * 16


class Overheard(Hook):
    """A hook that says who is asking, and hears what came of it."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def before(self, hook_context, hints):
        return ALICE

    def after(self, hook_context, details, hints):
        self.heard.append((hook_context.provider_metadata.name, details.value, details.reason))

    def error(self, hook_context, exception, hints):
        self.heard.append((type(exception), exception.error_message))


def test_hooks_say_who_asks_and_hear_what_came_of_it(world):
    """A hook's context is the provider's, an answer goes to `after`, and an error to `error` as its own class."""
    client, hook = world.client(), Overheard()
    client.add_hooks([hook])
    assert client.get_boolean_value("exports", False)
    client.get_boolean_value("export", False)
    world.lax.close()
    client.get_boolean_value("exports", False)
    assert hook.heard == [
        ("entitlements", True, Reason.TARGETING_MATCH),
        (FlagNotFoundError, MESSAGES["unknown key"]),
        (GeneralError, "cannot tell whether the customer has 'exports': this instance was closed"),
    ]


def test_the_customer_may_come_from_any_level_of_context(world):
    """The targeting key is OpenFeature's to merge: the API's, the client's, the call's."""
    client = world.client()
    api.set_evaluation_context(ALICE)
    answers = [client.get_boolean_value("exports", False)]
    client.context = BOB
    answers += [client.get_boolean_value("exports", False), client.get_boolean_value("exports", False, ALICE)]
    assert answers == [True, False, True]


def test_shutting_the_provider_down_leaves_the_instance_open(world):
    """The instance is the application's: other providers and gates go on asking it."""
    client = world.client()
    assert client.get_boolean_value("exports", False, ALICE)
    api.shutdown()
    assert world.ents.has_feature("cus_1", "exports")
    assert not client.get_boolean_value("exports", False, ALICE)  # OpenFeature's own no-op answers now


def test_domains_have_providers_of_their_own(world):
    """Two instances behind two domains keep their answers and their troubles apart; a third domain shares the first."""
    with World() as elsewhere:
        one, other = world.client("one"), elsewhere.client("other")
        api.set_provider_and_wait(one.provider, "third")
        elsewhere.shop.held = {"cus_1": {"sso"}}
        elsewhere.fail()
        clients = [one, other, api.get_client("third")]
        assert [client.get_boolean_value("exports", False, ALICE) for client in clients] == [True, False, True]
        statuses = [client.get_provider_status() for client in clients]
        assert statuses == [ProviderStatus.READY, ProviderStatus.ERROR, ProviderStatus.READY]


def test_a_provider_that_is_set_without_waiting_is_ready_soon(world):
    """Until the SDK has initialized it, the default is the answer; from then on the customer's own."""
    api.set_provider(EntitlementsProvider(world.ents))
    client = api.get_client()
    wait_for(lambda: client.get_provider_status() is ProviderStatus.READY)
    assert client.get_boolean_value("exports", False, ALICE)


def test_it_has_a_name_and_takes_nothing_but_an_instance(world):
    """The metadata names the provider; anything that is no Entitlements is refused where it is given."""
    world.client()
    assert api.get_provider_metadata().name == "entitlements"
    with pytest.raises(InvalidInput) as refused:
        EntitlementsProvider("sk_test_123")
    assert str(refused.value) == "EntitlementsProvider('sk_test_…'): give an Entitlements"
