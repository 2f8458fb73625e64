"""OpenFeature's events: an outage is told as it begins, as it grows and as it ends, and costs no answer."""

from __future__ import annotations

import asyncio

import pytest
from controlled import Ask, wait_for
from flag_outcomes import ALICE, BOB, CAROL, World
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEvent
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason
from openfeature.provider import ProviderStatus

from entitlements.openfeature import EntitlementsProvider


@pytest.fixture(name="world")
def _world():
    with World() as world:
        yield world


class Heard(list):
    """The names and messages of the events that a client's handlers were called with."""

    def __init__(self, client) -> None:
        super().__init__()
        for event in ProviderEvent:
            client.add_handler(event, lambda details, event=event: self.append((event.name, details.message)))
        wait_for(lambda: self == [("PROVIDER_READY", None)])  # the SDK's own: it was ready before we listened
        self.clear()


READY = ("PROVIDER_READY", "Stripe answers again")
STALE = ("PROVIDER_STALE", "Stripe fails: customers seen lately keep what they have")
ERROR = ("PROVIDER_ERROR", "cannot tell whether the customer has 'exports': OSError: no way to Stripe for cus_…")


def test_an_outage_is_told_as_it_begins_as_it_grows_and_as_it_ends(world):
    """Old answers standing in for a failing Stripe are PROVIDER_STALE, none is _ERROR, and a fresh one _READY."""
    client = world.client()
    world.warm("cus_1", age=700)
    heard = Heard(client)
    world.fail()
    assert [client.get_boolean_value("exports", False, ALICE) for _ in range(5)] == [True] * 5
    wait_for(lambda: heard == [STALE])
    assert client.get_provider_status() is ProviderStatus.STALE
    assert [client.get_boolean_value("exports", True, BOB) for _ in range(5)] == [True] * 5
    wait_for(lambda: heard == [STALE, ERROR])
    assert client.get_provider_status() is ProviderStatus.ERROR
    world.shop.failing = None
    assert [client.get_boolean_value("exports", True, CAROL) for _ in range(5)] == [False] * 5
    wait_for(lambda: heard == [STALE, ERROR, READY])
    assert client.get_provider_status() is ProviderStatus.READY


def test_a_refresh_behind_an_answer_is_no_event_until_it_fails(world):
    """An answer with a refresh behind it is the everyday; once the refresh failed, the next one is told."""
    client = world.client()
    world.warm("cus_1", age=400)
    heard = Heard(client)
    details = client.get_boolean_details("exports", False, ALICE)
    assert (details.reason, client.get_provider_status()) == (Reason.STALE, ProviderStatus.READY)
    wait_for(lambda: world.ents.check("cus_1", "exports").age == 0)  # the refresh has landed
    world.clock.tick(400)
    world.fail()
    client.get_boolean_value("exports", False, ALICE)
    wait_for(lambda: world.ents.stats().failures)
    assert client.get_provider_status() is ProviderStatus.READY
    client.get_boolean_value("exports", False, ALICE)
    wait_for(lambda: heard == [STALE])


def test_an_outage_among_many_threads_is_told_once(world):
    """However many evaluations fail, awaited or not, on however many threads, the outage is one event."""
    provider = EntitlementsProvider(world.ents)
    told = []
    provider.attach(lambda _, event, details: told.append((event, details.error_code)))
    world.fail()

    def evaluate(number: int) -> None:
        for turn in range(20):
            context = EvaluationContext(f"cus_{number}_{turn}")
            provider.resolve_boolean_details("exports", False, context)
            asyncio.run(provider.resolve_boolean_details_async("exports", False, context))

    for ask in [Ask(lambda number=number: evaluate(number)) for number in range(8)]:
        ask.answer()
    assert told == [(ProviderEvent.PROVIDER_ERROR, ErrorCode.GENERAL)]


def test_an_event_that_can_t_be_told_costs_no_answer(world, caplog):
    """A listener that fails, as one that is being detached does, takes nothing from the answer."""

    def fail(*_: object) -> None:
        raise RuntimeError("cannot schedule new futures after shutdown")

    provider = EntitlementsProvider(world.ents)
    provider.attach(fail)
    world.warm("cus_1", age=700)
    world.fail()
    assert provider.resolve_boolean_details("exports", False, ALICE).value is True
    assert [record.message for record in caplog.records] == ["OpenFeature could not be told PROVIDER_STALE"]


def test_a_provider_set_again_begins_well(world):
    """OpenFeature takes a provider that was set anew for ready, and so it is, until an answer says otherwise."""
    provider = EntitlementsProvider(world.ents)
    world.fail()
    for _ in range(2):
        api.set_provider_and_wait(provider)
        client = api.get_client()
        assert client.get_provider_status() is ProviderStatus.READY
        client.get_boolean_value("exports", False, ALICE)
        assert client.get_provider_status() is ProviderStatus.ERROR
        api.shutdown()
